/** Kept: making one costs as much as a short text. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON.parse for what strangers wrote: refuses invalid UTF-8 and a member that is named twice
 * (parsers disagree about which one counts: RFC 8259 section 4, RFC 7515 section 4).
 * @throws SyntaxError
 */
export function parseStrictJson (source: Buffer | string): unknown {
  const text = typeof source === 'string' ? source : utf8.decode(source)
  const value: unknown = JSON.parse(text)
  // What is written as JSON.stringify writes it has each member once: most texts are.
  if (JSON.stringify(value) !== text) refuseRepeatedMembers(text)
  return value
}

/** As parseStrictJson, and only an object will do. */
export function parseStrictObject (source: Buffer | string): Record<string, unknown> {
  const value = parseStrictJson(source)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('not a JSON object')
  return value as Record<string, unknown>
}

// The text is valid JSON here, so strings, brackets and colons are all there is to see.
const piece = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g

function refuseRepeatedMembers (text: string): void {
  const open: Array<Set<string>> = []
  for (const [token, colon] of text.matchAll(piece)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (colon !== undefined) {
      const name = JSON.parse(token.slice(0, token.length - colon.length)) as string
      const members = open.at(-1)
      if (members?.has(name)) throw new SyntaxError('a member is named twice')
      members?.add(name)
    }
  }
}
