import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { providerTable } from '../../../scripts/provider-table.ts'
import { documentedVariables } from '../../../src/config/documented.ts'
import { usualVariables } from '../../../src/providers/setup/variables.ts'
import { genericKinds, type GenericKind } from '../../../src/providers/setup/generic.ts'
import { catalogue } from '../../../src/providers/catalogue/index.ts'

const read = (path: string): string => readFileSync(path, 'utf8')

/** They have a page to say why they are not in the catalogue. */
const withoutEmail = ['tumblr']

t.test('every provider has a page that names its callback URL and each of its variables', async t => {
  const pages = readdirSync('docs/providers').map(name => name.replace('.md', '')).sort()
  t.same(pages, [...Object.keys(catalogue), ...withoutEmail].sort(), 'and there is no page of another')
  for (const [id, descriptor] of Object.entries(catalogue)) {
    const page = read(`docs/providers/${id}.md`)
    t.match(page, `/auth/${id}/callback`)
    for (const [name, { required }] of Object.entries(usualVariables(descriptor))) {
      if (required || descriptor.variables?.[name]) t.match(page, `${id.toUpperCase()}_${name}`, id)
    }
  }
})

t.test('a provider that gives no email is not in the catalogue, and its page says so', async t => {
  for (const id of withoutEmail) {
    t.notOk(id in catalogue)
    t.match(read(`docs/providers/${id}.md`), 'email_missing')
    t.match(read('docs/providers.md'), `(providers/${id}.md)`)
  }
})

t.test('docs/providers.md names every variable of the providers that an operator describes', async t => {
  const page = read('docs/providers.md')
  for (const [kind, { variables }] of Object.entries<GenericKind>(genericKinds)) {
    t.match(page, `${kind.toUpperCase()}_PROVIDERS`)
    for (const name of Object.keys(variables)) t.match(page, `\`_${name}\``, kind)
  }
})

t.test('every example in the tables is a value that would be accepted', async t => {
  for (const [name, { example, read, default: usual }] of documentedVariables(catalogue)) {
    if (!example.includes('…') && name !== 'SECRET') t.doesNotThrow(() => read(example), name)
    if (usual !== undefined) t.doesNotThrow(() => read(usual), `${name} by default`)
  }
})

t.test('the table of providers has a row for each, with what switches it on', async t => {
  const rows = providerTable().split('\n').slice(2)
  t.equal(rows.length, Object.keys(catalogue).length)
  t.match(rows[0],
    '| [Google](docs/providers/google.md) | `google` | OpenID Connect | `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET` | `GOOGLE_EMAIL_DOMAINS`, `GOOGLE_HD` |')
})
