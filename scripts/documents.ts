// What stands in README.md and .env.example about configuration: made from the table that the service reads by.
import { documentedVariables } from '../src/config/documented.ts'
import { catalogue } from '../src/providers/catalogue/index.ts'
import { providerTable } from './provider-table.ts'

const documented = documentedVariables(catalogue)
/** Those of the other providers stand on their pages and in docs/providers.md. */
const ofOtherProviders = new RegExp(`^(OAUTH1|OAUTH2|${Object.keys(catalogue).filter(id => id !== 'google').join('|').toUpperCase()})_`)

const code = (text: string): string => `\`${text}\``

/** One row per variable: the same words as a problem at start and `handstamp check` go by. */
export function configurationTable (): string {
  const rows = documented.filter(([name]) => !ofOtherProviders.test(name)).map(([name, variable]) => [
    code(name) + (variable.secret ? `, ${code(`${name}_FILE`)}` : ''),
    variable.default === undefined ? variable.otherwise ?? 'needed' : code(variable.default),
    variable.description
  ])
  return [['variable', 'default', 'meaning'], ['---', '---', '---'], ...rows]
    .map(cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')
}

/** A line that `npm start`, `node --env-file` and Compose read alike. None runs a command that stands there: what it makes is left to fill in. */
const assignment = (name: string, value: string): string =>
  `${name}=${value.startsWith('$(') ? '' : /^[\w.:/,@+-]*$/.test(value) ? value : `'${value}'`}`

/** Every variable with its default or an example, all commented out: the file as it stands changes nothing. */
export function envExample (): string {
  const entries = documented.map(([name, { description, default: usual, example }]) =>
    `# ${description}\n#${assignment(name.replace('<ID>', 'ACME'), usual ?? example)}\n`)
  return `# Copy this to .env and take the # off what you need. npm start, every handstamp command and docker
# compose read .env by themselves, and the environment wins.

${entries.join('\n')}`
}

/** The document with new text between `<!-- name -->` and `<!-- /name -->`. */
export function fill (document: string, name: string, text: string): string {
  const [before, rest] = document.split(`<!-- ${name} -->\n`)
  const [, after] = rest?.split(`<!-- /${name} -->\n`) ?? []
  if (after === undefined) throw new Error(`there is no place for ${name}`)
  return `${before}<!-- ${name} -->\n${text}\n<!-- /${name} -->\n${after}`
}

/** The files that `npm run docs` writes, each made from its present text. */
export const documents: Record<string, (present: string) => string> = {
  'README.md': present => fill(fill(present, 'providers', providerTable()), 'configuration', configurationTable()),
  '.env.example': envExample
}
