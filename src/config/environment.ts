import { readFileSync } from 'node:fs'
import { oidcVariables, reserved, variables, type Variable } from './variables.ts'

export type Environment = Record<string, string | undefined>

/** One thing wrong with the configuration. */
export interface Problem {
  variable: string
  reason: string
  example?: string
}

/** All problems of a configuration at once. */
export class ConfigError extends Error {
  readonly problems: Problem[]

  constructor (problems: Problem[]) {
    super(problems.map(({ variable, reason, example }) =>
      `${variable}: ${reason}${example === undefined ? '' : ` (example: ${variable}=${example})`}`).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Values<Definitions extends Record<string, Variable>> = {
  [Name in keyof Definitions]: ReturnType<Definitions[Name]['read']> |
    (Definitions[Name] extends { default: string } ? never : undefined)
}

/**
 * Reads the environment by the tables of variables.ts and collects everything wrong with it.
 * `X_FILE` stands in for a secret `X`; an empty variable counts as absent unless it restricts who may sign in.
 */
export class EnvironmentReader {
  readonly #env: Environment
  readonly #readFile: (path: string) => string
  readonly #known = new Set<string>()
  readonly problems: Problem[] = []

  constructor (env: Environment, readFile = (path: string) => readFileSync(path, 'utf8')) {
    this.#env = env
    this.#readFile = readFile
  }

  problem (variable: string, reason: string, example?: string) {
    this.problems.push({ variable, reason, ...(example === undefined ? {} : { example }) })
  }

  /** Whether the environment says anything for this variable, which was read before. */
  isSet (name: string): boolean {
    const file = `${name}_FILE`
    return Boolean(this.#env[name] || (this.#known.has(file) && this.#env[file]))
  }

  /** All variables of one table; `prefix` for those that come once per configured id. */
  all<Definitions extends Record<string, Variable>> (definitions: Definitions, prefix = ''): Values<Definitions> {
    const values: Record<string, unknown> = {}
    for (const [name, definition] of Object.entries(definitions)) values[name] = this.#one(prefix + name, definition)
    return values as Values<Definitions>
  }

  #one (name: string, definition: Variable): unknown {
    this.#known.add(name)
    if (definition.secret) this.#known.add(`${name}_FILE`)
    const text = this.#text(name, definition)
    if (text === undefined) return undefined
    try {
      if (/[\r\n\0]/.test(text)) throw new Error('must be one line')
      return definition.read(text)
    } catch (error) {
      this.problem(name, (error as Error).message, definition.example)
      return undefined
    }
  }

  #text (name: string, definition: Variable): string | undefined {
    const direct = this.#env[name]
    const file = definition.secret ? this.#env[`${name}_FILE`] : undefined
    if (direct && file) {
      this.problem(name, `is given twice, directly and as ${name}_FILE`)
      return undefined
    }
    if (file) {
      try {
        const text = this.#readFile(file).replace(/\r?\n$/, '')
        if (text === '') this.problem(`${name}_FILE`, 'names an empty file')
        return text || undefined
      } catch {
        this.problem(`${name}_FILE`, 'names a file that cannot be read')
        return undefined
      }
    }
    if (direct === '' && definition.restricts) {
      this.problem(name, 'is set but empty: unset it to lift the restriction', definition.example)
      return undefined
    }
    return direct || definition.default
  }

  /** Unknown names inside our groups, near misses of our names, and what this version cannot do. */
  reportUnknown () {
    for (const [name, value] of Object.entries(this.#env)) {
      if (!value || this.#known.has(name)) continue
      const feature = reserved[name]
      if (feature) this.problem(name, `${feature}: not part of this version`)
      else if (/^(OIDC|OAUTH1|OAUTH2|CLIENT)_/.test(name)) this.#reportGroup(name)
      else if (/^[A-Z][A-Z0-9_]*$/.test(name)) {
        const meant = nearest(name, this.#known)
        if (meant) this.problem(name, `is not a variable of ours; did you mean ${meant}?`)
      }
    }
  }

  #reportGroup (name: string) {
    if (!name.startsWith('OIDC_')) return this.problem(name, 'belongs to a group that is not part of this version')
    const field = Object.keys(oidcVariables).find(field => name.endsWith(`_${field}`) || name.endsWith(`_${field}_FILE`))
    const meant = nearest(name, this.#known)
    this.problem(name, meant
      ? `is not a variable of ours; did you mean ${meant}?`
      : field
        ? 'belongs to an id that OIDC_PROVIDERS does not list'
        : `is not a variable of ours; a provider has ${Object.keys(oidcVariables).map(field => `OIDC_<ID>_${field}`).join(', ')}`)
  }
}

/** The known name a person may have meant: at most two slips for a long name, one for a short one. */
function nearest (name: string, known: Iterable<string>): string | undefined {
  for (const candidate of known) {
    const slips = candidate.length >= 8 ? 2 : 1
    if (Math.abs(candidate.length - name.length) <= slips && distance(name, candidate) <= slips) return candidate
  }
  return undefined
}

/** Levenshtein distance, a row of its table at a time */
function distance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...a].entries()) {
    let [corner, left] = [index, index + 1]
    const next = [left]
    for (const [column, above] of row.slice(1).entries()) {
      left = Math.min(left + 1, above + 1, corner + (letter === b[column] ? 0 : 1))
      corner = above
      next.push(left)
    }
    row = next
  }
  return row.reduce((_, last) => last)
}

/** Names the README's table and .env.example must show. */
export const documentedNames = [
  ...Object.keys(variables),
  ...Object.keys(oidcVariables).map(name => `OIDC_<ID>_${name}`)
]
