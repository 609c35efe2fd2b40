/** A variable's text as it was meant. */
export interface Given {
  text: string
  /** Quotation marks stood around it. */
  quoted: boolean
  /** Why it may not be what was meant, for the operator: never a part of it. */
  doubt?: string
}

export interface GivenValues {
  values: Map<string, Given>
  /** Names that Kubernetes set, as they may be ours: they count as not set. */
  links: Set<string>
}

const pairs: Record<string, string> = { '"': '"', "'": "'", '`': '`', '“': '”', '‘': '’' }

/**
 * The environment as people meant it: env files leave quotation marks, blanks, the ends of Windows' lines and a byte order mark
 * in what they hand on, and Kubernetes sets variables for every Service, whose name may begin as ours do.
 */
export function givenValues (env: Record<string, string | undefined>): GivenValues {
  const values = new Map<string, Given>()
  const links = new Set<string>()
  for (const [raw, value] of Object.entries(env)) {
    const name = raw.trim()
    if (value === undefined || (name !== raw && env[name] !== undefined)) continue
    if (isLink(name, value)) links.add(name)
    else values.set(name, givenText(value))
  }
  return { values, links }
}

/** `<SERVICE>_SERVICE_HOST`, `<SERVICE>_PORT=tcp://…`, `<SERVICE>_PORT_80_TCP_ADDR`: what Docker's links had, and Kubernetes still sets. */
const isLink = (name: string, value: string): boolean =>
  /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
  (/(^|_)PORT$/.test(name) && /^\s*(tcp|udp|sctp):\/\//i.test(value))

export function givenText (value: string): Given {
  const whole = value.trim()
  const first = whole.charAt(0)
  const inner = whole.slice(1, -1)
  const close = pairs[first]
  const isPair = close !== undefined && whole.length > 1 && whole.endsWith(close)
  // Of "a","b" the first mark and the last are no pair.
  if (isPair && !inner.replaceAll(/\\./gs, '').includes(close)) {
    return { text: (close === '"' ? inner.replaceAll('\\"', '"') : inner).trim(), quoted: true }
  }
  const doubt = doubtOf(whole, close !== undefined && !isPair)
  return { text: whole, quoted: false, ...(doubt && { doubt }) }
}

function doubtOf (text: string, isOpen: boolean): string | undefined {
  if (/^[{[-]/.test(text)) return undefined // JSON and PEM have their own marks
  if (/\s#/.test(text)) {
    return 'has a blank and a # in it: env files differ in whether a comment begins there. ' +
      'Write a comment on a line of its own, or the whole value in quotation marks'
  }
  return isOpen ? 'begins with a quotation mark that does not end it: an env file may have cut off the rest, at a # or a line\'s end' : undefined
}

/**
 * The text of a file in UTF-8 or, as Windows writes it, in UTF-16.
 * @throws TypeError for what is neither
 */
export function decoded (bytes: Uint8Array): string {
  const [first, second] = bytes
  const isLittle = (first === 0xff && second === 0xfe) || (second === 0 && first !== 0)
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0)
  return new TextDecoder(isLittle ? 'utf-16le' : isBig ? 'utf-16be' : 'utf-8', { fatal: true }).decode(bytes)
}
