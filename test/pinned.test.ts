import { readFileSync } from 'node:fs'
import t from 'tap'

/** What a pattern finds in files of the repository. */
const found = (pattern: RegExp, ...files: string[]): string[] =>
  files.flatMap(file => [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name = '']) => name))

t.test('R79 R80 what is built from elsewhere cannot change without a commit of ours', t => {
  const actions = found(/^\s*-? *uses: *(\S+)/gm, '.github/workflows/ci.yml')
  const images = [...found(/^FROM (\S+)/gm, 'Dockerfile'), ...found(/^\s*image: *(\S+)/gm, 'docker-compose.yml')]
  t.ok(actions.length > 0 && images.length > 1)
  for (const action of actions) t.match(action, /^[\w/-]+@[0-9a-f]{40}$/)
  for (const image of images) t.match(image, /^[\w/.:-]+@sha256:[0-9a-f]{64}$/)
  t.end()
})
