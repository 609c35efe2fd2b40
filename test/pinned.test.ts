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

t.test('R79 the container has a user without rights, a file system that it cannot write, and no secret in its image', async t => {
  const image = readFileSync('Dockerfile', 'utf8')
  t.match(found(/^USER (.*)$/gm, 'Dockerfile').at(-1), /^[1-9]\d*:[1-9]\d*$/, 'numeric, not root')
  t.notMatch(image, /^(ENV|ARG) [^#]*(SECRET|PASSWORD|TOKEN|PRIVATE_KEY)/im)
  t.match(readFileSync('.dockerignore', 'utf8'), /^\*$/m, 'only what is named comes into the build')
  const [, ...services] = readFileSync('docker-compose.yml', 'utf8').split(/^volumes:/m)[0]?.split(/^ {2}(?=\w+:\n)/m) ?? []
  t.ok(services.length >= 2)
  for (const service of services) {
    const name = service.slice(0, service.indexOf(':'))
    t.match(service, /^ {4}read_only: true$/m, name)
    t.match(service, /^ {4}cap_drop: \[ALL\]$/m, name)
    t.match(service, /^ {6}- no-new-privileges:true$/m, name)
    for (const [, mount = ''] of service.matchAll(/^ {6}- (\w+):\/\S*$/gm)) t.equal(mount, name === 'handstamp' ? 'data' : name, 'its own volume')
  }
})

t.test('R80 packages are those of the lockfile, by their digests, and the image runs none of their scripts', async t => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, { integrity?: string, link?: boolean }> }
  const foreign = Object.entries(packages).filter(([path]) => path !== '')
  t.ok(foreign.length > 100)
  for (const [path, { integrity }] of foreign) if (!integrity?.startsWith('sha512-')) t.fail(path)
  const installs = found(/(npm (?:ci|install|i)\b.*)/g, 'Dockerfile')
  t.equal(installs.length, 2)
  for (const install of installs) t.match(install, /^npm ci (?=.*--ignore-scripts)/)
  t.match(readFileSync('.ci/run', 'utf8'), /^step \d+ '[^']+' npm cit\b[^]*^step \d+ 'known advisories' advisories$/m)
  t.same(found(/- run: (bash .*)$/gm, '.github/workflows/ci.yml'), ['bash .ci/run'])
})
