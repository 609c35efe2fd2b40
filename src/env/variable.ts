/** One environment variable: what it means and how its text becomes a value. */
export interface Variable<Value = unknown> {
  description: string
  /** A value that would be accepted: shown with a problem and in .env.example. */
  example: string
  read: (text: string) => Value
  /** The text that stands in for an absent variable. */
  default?: string
  /** How the table names a default that is not a text. */
  otherwise?: string
  /** May come as NAME_FILE, is never printed. */
  secret?: true
  /** A restriction: set but empty is a problem, never "no restriction". */
  restricts?: true
  /** Of a provider: without it there is none; a text says why, a function when. */
  required?: true | string | ((values: Record<string, unknown>) => boolean)
  /** An address that a provider answers at: https, unless it and PUBLIC_URL are loopback. */
  address?: true
  /** May have several lines, as PEM has; `\n` stands for a line's end too. */
  multiline?: true
  /** A scope that is asked for when this is set. */
  scope?: string
}

export type Variables = Record<string, Variable>

/** What a table's variables amount to. */
export type Values<Definitions extends Variables> = {
  [Name in keyof Definitions]: ReturnType<Definitions[Name]['read']> |
    (Definitions[Name] extends { default: string } | { required: true | string } ? never : undefined)
}

interface Presence {
  default?: string
  required?: unknown
}

/** A definition whose type says, beside the value's, whether there always is one. */
export const variable = <Value, Given extends Presence>(definition: Variable<Value> & Given): Variable<Value> & Given => definition
