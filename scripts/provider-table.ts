// The table of providers in README.md: made from the catalogue.
import { usualVariables } from '../src/providers/setup/variables.ts'
import type { Variable } from '../src/env/variable.ts'
import type { Descriptor } from '../src/providers/descriptor.ts'
import { catalogue } from '../src/providers/catalogue/index.ts'

const kinds: Record<Descriptor['kind'], string> = { oidc: 'OpenID Connect', oauth2: 'OAuth 2', oauth1: 'OAuth 1.0a' }

const code = (text: string): string => `\`${text}\``

/** One row per provider: its page, what switches it on, and who may be kept out. */
export function providerTable (): string {
  const rows = Object.entries(catalogue).map(([id, descriptor]) => {
    const named = Object.entries<Variable>(usualVariables(descriptor)).map(([name, variable]) => [`${id.toUpperCase()}_${name}`, variable] as const)
    const names = (wanted: (variable: Variable) => unknown) => named.filter(([, variable]) => wanted(variable)).map(([name]) => code(name)).join(', ')
    const page = `[${descriptor.name}](docs/providers/${id}.md)`
    return [page, code(id), kinds[descriptor.kind], names(({ required }) => required), names(({ restricts }) => restricts)]
  })
  return [['provider', 'id', 'by', 'needs', 'can be restricted by'], ['---', '---', '---', '---', '---'], ...rows]
    .map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
