import { AuthError } from '../errors.ts'

/** Where a login may end. Wildcards (`https://*.example.com`) allow one label. */
export interface ReturnToRules {
  publicUrl: string
  allowedOrigins: string[]
  /** Where a login without a return_to ends. */
  fallback: string
}

const maxLength = 2048

/**
 * Judges a return_to on the URL that a browser will see, and gives back that normalised form:
 * a path for our own origin, an absolute URL for an allowed one, undefined for anything else.
 * RFC 9700 sections 4.1 and 4.11.
 */
export function loadReturnTo (value: string, { publicUrl, allowedOrigins }: ReturnToRules): string | undefined {
  // Control characters, spaces and backslashes are what browsers and parsers disagree about.
  if (value.length > maxLength || /[\s\p{C}\\]/u.test(value) || value.startsWith('//')) return undefined
  // A host in other letters is a look-alike, or has an ASCII spelling; a path in them is normalised below.
  if (!value.startsWith('/') && !/^https?:\/\/[^/?#\x80-\uffff]+(?:[/?#]|$)/i.test(value)) return undefined
  if (!URL.canParse(value, publicUrl)) return undefined
  const url = new URL(value, publicUrl)
  // `/a/..//evil.test` resolves to the path `//evil.test`, which a Location header would send elsewhere.
  if (url.username || url.password || /^[^/]*\/\/[^/]*@/.test(value) || url.pathname.startsWith('//')) return undefined
  if (url.href.length > maxLength) return undefined // it goes into a cookie
  if (url.origin === publicUrl) return isOwnTarget(url.pathname) ? url.pathname + url.search + url.hash : undefined
  return isAllowedOrigin(url, allowedOrigins) ? url.href : undefined
}

/** The return_to of a request, if it has one. @throws AuthError invalid_return_to */
export function returnToOf (wanted: string | undefined, rules: ReturnToRules): string | undefined {
  if (wanted === undefined) return undefined
  const returnTo = loadReturnTo(wanted, rules)
  if (returnTo === undefined) throw new AuthError('invalid_return_to')
  return returnTo
}

const errorMembers = ['error', 'error_description', 'error_code'] as const
type ErrorMembers = Record<typeof errorMembers[number], string>

/**
 * A target without the error of an earlier login, which a login that succeeded must not leave there, or with the error of
 * this one. All else in it stays as it was written.
 */
export function withError (target: string, error?: ErrorMembers): string {
  const [address = ''] = target.split('#', 1)
  const [path = ''] = address.split('?', 1)
  const [query, hash] = [address.slice(path.length), target.slice(address.length)]
  const given = query === '' ? [] : query.slice(1).split('&')
  const kept = given.filter(pair => ![...new URLSearchParams(`&${pair}`).keys()].some(isErrorMember))
  if (kept.length === given.length && !error) return target
  const pairs = error ? [...kept, new URLSearchParams(error).toString()] : kept
  return path + (pairs.length > 0 ? `?${pairs.join('&')}` : '') + hash
}

const isErrorMember = (name: string): boolean => (errorMembers as readonly string[]).includes(name)

/** A path of this service that hands on where the login ends, and other parameters. */
export function withReturnTo (path: string, returnTo: string | undefined, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ ...(returnTo !== undefined && { return_to: returnTo }), ...more }).toString()
  return query ? `${path}?${query}` : path
}

/** Our own /auth/ paths do things; only these two are places to be. */
const ownTargets = ['/auth/account', '/auth/authorize']

/**
 * Any path of our origin may be a target, however it is encoded, except what a router, ours or one in front of it, takes
 * for a path below /auth/: routers decode, resolve dots again and merge slashes.
 */
function isOwnTarget (pathname: string): boolean {
  if (/%(?![0-9a-f]{2})/i.test(pathname)) return false // no valid path
  const decoded = pathname.replace(/%([2-7][0-9a-f])/gi, (_escape, byte: string) => String.fromCharCode(parseInt(byte, 16)))
  const segments: string[] = []
  for (const segment of decoded.split(/[/\\]/)) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment.toLowerCase())
    // Also where an encoded `/..` would leave it again: not every router decodes.
    if (segments[0] === 'auth') return ownTargets.includes(pathname)
  }
  return true
}

/** RFC 1123 section 2.1. URLs allow more, `;` and `,` for two, which mean something in the headers that name an origin. */
const hostLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

function isAllowedOrigin (url: URL, allowedOrigins: string[]): boolean {
  return allowedOrigins.some(allowed => {
    if (!allowed.includes('://*.')) return allowed === url.origin
    const { protocol, hostname, port } = new URL(allowed.replace('://*.', '://'))
    const [label = '', ...parent] = url.hostname.split('.')
    return hostLabel.test(label) && url.protocol === protocol && url.port === port && parent.join('.') === hostname
  })
}

/** The origin that a checked target leads to: undefined for our own. */
export function foreignOrigin (target: string): string | undefined {
  return target.startsWith('/') ? undefined : new URL(target).origin
}
