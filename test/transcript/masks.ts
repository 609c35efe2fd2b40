/** Names for what differs from run to run, so that two runs of a flow give one text. */
export interface Masks {
  /** One name for every value of a kind: it is not needed again. */
  hide (kind: string, value: string): void
  /** A name and a number for each value of a kind, as it comes back. Gives back whether the value is new. */
  number (kind: string, value: string): boolean
  /** The text with names in place of all values that are known. */
  apply (text: string): string
}

export function masks (): Masks {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()
  return {
    hide (kind, value) {
      if (value !== '') names.set(value, `<${kind}>`)
    },

    number (kind, value) {
      if (value === '' || names.has(value)) return false
      const count = (counts.get(kind) ?? 0) + 1
      counts.set(kind, count)
      names.set(value, `<${kind}-${count}>`)
      return true
    },

    // The longest first: the id of a flow is how its state begins.
    apply: text => [...names].sort(([one], [other]) => other.length - one.length)
      .reduce((masked, [value, name]) => masked.replaceAll(value, name), text)
  }
}
