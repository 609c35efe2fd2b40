import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import { documents } from '../scripts/documents.ts'
import { loadConfig } from '../src/config/config.ts'
import { documentedVariables } from '../src/config/documented.ts'
import { variables } from '../src/config/variables.ts'
import { refusals } from '../src/errors.ts'
import { catalogue } from '../src/providers/catalogue/index.ts'

const read = (path: string): string => readFileSync(path, 'utf8')
const pages = [...readdirSync('.'), ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map(name => join('docs', name))]
  .filter(path => path.endsWith('.md'))

/** As GitHub makes it of a heading. */
const anchor = (heading: string): string => heading.toLowerCase().replace(/[^\w\s-]/g, '').trim().replaceAll(' ', '-')

for (const [path, make] of Object.entries(documents)) {
  t.test(`${path} says of configuration what the service reads (npm run docs)`, async t => {
    t.equal(read(path), make(read(path)))
  })
}

t.test('a document that has lost the place of its table is not written over', async t => {
  t.throws(() => documents['README.md']?.('# Handstamp\n'), /no place for providers/)
})

t.test('every variable has its line in .env.example, and all but those of single providers a row in the README', async t => {
  for (const [name] of documentedVariables(catalogue)) t.match(read('.env.example'), `\n#${name.replace('<ID>', 'ACME')}=`)
  for (const name of [...Object.keys(variables), 'GOOGLE_CLIENT_ID', 'GOOGLE_HD', 'OIDC_PROVIDERS', 'OIDC_<ID>_ISSUER']) {
    t.match(read('README.md'), `| \`${name}\``)
  }
})

t.test('.env.example as it stands changes nothing', async t => {
  t.same(parseEnv(read('.env.example')), {})
})

t.test('what .env.example shows is accepted, but never as the secret', async t => {
  const shown = parseEnv(read('.env.example').replaceAll(/^#(?=[A-Z])/gm, '')) as Record<string, string>
  for (const [name, { read }] of Object.entries(variables)) {
    if (name !== 'SECRET') t.doesNotThrow(() => read(String(shown[name])), name)
  }
  t.equal(shown['SECRET'], '')
  t.equal(loadConfig({ SECRET: '' }).secrets, undefined)
})

t.test('every link of the documents leads to a file and a heading', async t => {
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path, heading] = target.split('#')
      const file = path ? join(dirname(page), path) : page
      t.doesNotThrow(() => read(file), `${page} leads to ${file}`)
      if (heading) t.ok([...read(file).matchAll(/^#+ (.*)$/gm)].some(([, text = '']) => anchor(text) === heading), `${page} leads to ${target}`)
    }
  }
})

t.test('the README says what every part of src is for', async t => {
  for (const entry of readdirSync('src', { withFileTypes: true })) {
    t.match(read('README.md'), `\`${entry.name}${entry.isDirectory() ? '/' : ''}\``)
  }
})

t.test('docs/errors.md explains every code, with its status and its sentence', async t => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+) \| ([^|]*) \|/gm)]
  t.same(rows.map(([, code, status, sentence]) => [code, Number(status), sentence]),
    Object.entries(refusals).map(([code, [status, sentence]]) => [code, status, sentence]))
})

t.test('docs/operations.md explains every audit event', async t => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts')).map(path => read(join('src', path)))
  const events = sources.flatMap(source => [...source.matchAll(/type \w+Event = (.*)/g)]).flatMap(([, union = '']) => [...union.matchAll(/'(\w+)'/g)])
  t.ok(events.length > 0)
  for (const [, event = ''] of events) t.match(read('docs/operations.md'), `\n| \`${event}\` |`)
})
