import { readFileSync } from 'node:fs'
import { decoded, givenValues, type GivenValues } from './given.ts'
import type { Values, Variable, Variables } from './variable.ts'

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

/** Names with this prefix are ours alone, so that an unknown one is a mistake. */
export interface Group {
  prefix: string
  /** How its names are spelled out for people: the prefix, with `<ID>` where ids stand. */
  pattern: string
  /** The variable that lists the ids. */
  list?: string
  variables: Variables
}

const fileExample = '/run/secrets/handstamp'

/**
 * Reads the environment by the tables of variables.ts and collects everything wrong with it.
 * `X_FILE` stands in for a secret `X`; an empty variable counts as absent unless it restricts who may sign in.
 */
export class EnvironmentReader {
  readonly #given: GivenValues
  readonly #readFile: (path: string) => string
  /** Our names, each with how much of it a person is taken to spell right. */
  readonly #known = new Map<string, number>()
  readonly problems: Problem[] = []
  /** Variables of this service whose values came in quotation marks. */
  readonly #quoted: string[] = []
  readonly #oddities: string[] = []

  constructor (env: Environment, readFile = (path: string) => decoded(readFileSync(path))) {
    this.#given = givenValues(env)
    this.#readFile = readFile
  }

  /** What is odd about how the values came that were read so far. */
  get remarks (): string[] {
    const marks = `the quotation marks around the value are not taken for a part of it: ${this.#quoted.join(', ')}`
    return [...(this.#quoted.length > 0 ? [marks] : []), ...this.#oddities]
  }

  problem (variable: string, reason: string, example?: string) {
    this.problems.push({ variable, reason, ...(example === undefined ? {} : { example }) })
  }

  /** Whether the environment says anything for this variable, which was read before. */
  isSet (name: string): boolean {
    const file = `${name}_FILE`
    return Boolean(this.#value(name) || (this.#known.has(file) && this.#value(file)))
  }

  #value (name: string): string | undefined {
    return this.#given.values.get(name)?.text
  }

  /** All variables of one table; `prefix` for those that come once per configured id, `sure` as for `know`. */
  all<Definitions extends Variables> (definitions: Definitions, prefix = '', sure = 0): Values<Definitions> {
    const values: Record<string, unknown> = {}
    this.know(definitions, prefix, sure)
    for (const [name, definition] of Object.entries(definitions)) values[name] = this.#one(prefix + name, definition)
    return values as Values<Definitions>
  }

  /**
   * Notes the names of this service, whether or not their values are read: a near miss of one is a slip. The first `sure` characters
   * must be right for that: SITE_NAME is no misspelled LINE_NAME.
   */
  know (definitions: Variables, prefix: string, sure: number): void {
    for (const [name, { secret }] of Object.entries(definitions)) {
      const file = `${name}_FILE`
      if (prefix === '' && !secret && this.#value(file)) this.problem(file, `is not a variable of ours: ${name} is no secret, so it is given directly`)
      for (const full of [prefix + name, ...(secret ? [`${prefix}${name}_FILE`] : [])]) {
        this.#known.set(full, Math.min(sure, this.#known.get(full) ?? sure))
      }
    }
  }

  #one (name: string, definition: Variable): unknown {
    const text = this.#text(name, definition)
    if (text === undefined) return undefined
    const { quoted = false, doubt } = this.#given.values.get(name) ?? {}
    if (quoted) this.#quoted.push(name)
    try {
      if (!definition.multiline && /[\r\n\0]/.test(text)) throw new Error('must be one line')
      const value = definition.read(definition.multiline ? text.replace(/\\r\\n|\\n|\r\n/g, '\n') : text)
      if (doubt) this.#oddities.push(`${name} ${doubt}`)
      return value
    } catch (error) {
      this.problem(name, (error as Error).message + (doubt ? `. It ${doubt}` : ''), definition.example)
      return undefined
    }
  }

  #text (name: string, definition: Variable): string | undefined {
    const direct = this.#value(name)
    const file = definition.secret ? this.#value(`${name}_FILE`) : undefined
    if (direct && file) {
      this.problem(name, `is given twice, directly and as ${name}_FILE`, definition.example)
      return undefined
    }
    if (file) {
      try {
        const text = this.#readFile(file).trim()
        if (text === '') this.problem(`${name}_FILE`, 'names an empty file', fileExample)
        return text || undefined
      } catch (error) {
        const reason = error instanceof TypeError ? 'names a file that is neither UTF-8 nor UTF-16 text' : 'names a file that cannot be read'
        this.problem(`${name}_FILE`, reason, fileExample)
        return undefined
      }
    }
    if (direct === '' && definition.restricts) {
      this.problem(name, 'is set but empty: unset it to lift the restriction', definition.example)
      return undefined
    }
    return direct || definition.default
  }

  /**
   * Unknown names inside our groups, near misses of our names, and what this version cannot do.
   * @param reserved names with what they are for
   */
  reportUnknown (groups: Group[], reserved: Readonly<Record<string, string>>) {
    for (const name of this.#given.links) {
      if (!this.#known.has(name) && !reserved[name]) continue
      this.#oddities.push(`${name} counts as not set: its value is an address that Kubernetes sets for a Service`)
    }
    for (const [name, { text }] of this.#given.values) {
      if (!text || this.#known.has(name)) continue
      const feature = reserved[name]
      const group = groups.find(({ prefix }) => name.startsWith(prefix))
      if (feature) this.problem(name, `${feature}: not part of this version`)
      else if (group) this.#reportMember(name, group)
      else if (name.startsWith('CLIENT_')) this.problem(name, 'belongs to a group that is not part of this version')
      else if (/^[A-Z][A-Z0-9_]*$/.test(name)) {
        const meant = nearest(name, this.#known)
        if (meant) this.problem(name, `is not a variable of ours; did you mean ${meant}?`)
      }
    }
  }

  #reportMember (name: string, { pattern, list, variables }: Group) {
    const fields = Object.keys(variables)
    const meant = nearest(name, this.#known)
    const ofUnlisted = list !== undefined && fields.some(field => name.endsWith(`_${field}`) || name.endsWith(`_${field}_FILE`))
    this.problem(name, meant
      ? `is not a variable of ours; did you mean ${meant}?`
      : ofUnlisted
        ? `belongs to an id that ${list} does not list`
        : `is not a variable of ours; a provider has ${fields.map(field => pattern + field).join(', ')}`)
  }
}

/** The known name a person most likely meant: at most two slips for a long name, one for a short one. */
function nearest (name: string, known: Map<string, number>): string | undefined {
  let meant: string | undefined
  let fewest = Infinity
  for (const [candidate, sure] of known) {
    const slips = Math.min(candidate.length >= 8 ? 2 : 1, fewest - 1)
    if (Math.abs(candidate.length - name.length) > slips || !name.startsWith(candidate.slice(0, sure))) continue
    const count = distance(name, candidate, slips)
    if (count > slips) continue
    meant = candidate
    fewest = count
  }
  return meant
}

/** Levenshtein distance, a row of its table at a time, or anything above `most` once it is sure to be. */
function distance (a: string, b: string, most: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...a].entries()) {
    let [corner, left] = [index, index + 1]
    const next = [left]
    for (const [column, above] of row.slice(1).entries()) {
      left = Math.min(left + 1, above + 1, corner + (letter === b[column] ? 0 : 1))
      corner = above
      next.push(left)
    }
    if (Math.min(...next) > most) return most + 1
    row = next
  }
  return row.reduce((_, last) => last)
}
