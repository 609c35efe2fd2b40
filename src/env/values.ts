import { createPrivateKey, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

/** How a variable's text becomes a value. Each reader throws an Error whose message says what is wrong, in our words. */

export const text = (value: string): string => value

/** A client id or secret: RFC 6749 appendix A allows printable ASCII, and so do those who carry it. */
export function credential (value: string): string {
  if (!/^[\x20-\x7e]+$/.test(value)) throw new Error('must be printable ASCII')
  return value
}

export function integer (low: number, high: number) {
  return (value: string): number => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN
    if (!(number >= low && number <= high)) throw new Error(`must be a whole number from ${low} to ${high}`)
    return number
  }
}

export function oneOf<const Choice extends string> (...choices: Choice[]) {
  return (value: string): Choice => {
    const choice = choices.find(choice => choice === value)
    if (choice === undefined) throw new Error(`must be one of ${choices.join(', ')}`)
    return choice
  }
}

export function onOff (value: string): boolean {
  return oneOf('true', 'false')(value) === 'true'
}

export function list (value: string): string[] {
  const items = value.split(',').map(item => item.trim())
  if (items.some(item => item === '')) throw new Error('must be a comma separated list without empty items')
  return items
}

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `30s`, `10m`, `12h`, `30d` -> seconds */
export function duration (lowSeconds: number, highSeconds: number) {
  return (value: string): number => {
    const [, count, unit] = /^(\d{1,7})([smhd])$/.exec(value) ?? []
    if (count === undefined) throw new Error('must be a duration such as 30s, 10m, 12h or 30d')
    const seconds = Number(count) * unitSeconds[unit as keyof typeof unitSeconds] // the pattern lets only these through
    if (seconds < lowSeconds || seconds > highSeconds) {
      throw new Error(`must be between ${spoken(lowSeconds)} and ${spoken(highSeconds)}`)
    }
    return seconds
  }
}

/** seconds -> the shortest duration a person would write */
export function spoken (seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = unitSeconds[unit]
    if (seconds % size === 0 && seconds > 0) return `${seconds / size}${unit}`
  }
  return `${seconds}s`
}

export function jsonObject (value: string): Record<string, unknown> {
  let parsed: unknown
  try { parsed = JSON.parse(value) } catch { parsed = undefined }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('must be a JSON object')
  return parsed as Record<string, unknown>
}

/** An address or a name to listen on; an IPv6 address may come in the brackets that a URL has. */
export function listenHost (value: string): string {
  const host = /^\[(.*)\]$/.exec(value)?.[1] ?? value
  if (isIP(host) === 0 && !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*$/i.test(host)) {
    throw new Error('must be an address or a host name, without scheme and port: localhost, 0.0.0.0 or ::')
  }
  return host.toLowerCase()
}

/** Whether only this machine can connect to a HOST. Of a name only `localhost` counts: others may lead anywhere. */
export const isLoopbackListener = (host: string): boolean => isLoopbackHost(hostInUrl(host))

/** A host as it stands before a port: IPv6 in brackets (RFC 3986 section 3.2.2). */
export const hostInUrl = (host: string): string => isIP(host) === 6 ? `[${host}]` : host

/** WHATWG host names that never leave this machine */
export function isLoopbackHost (hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]'
}

/** An absolute http(s) URL without credentials, query or fragment; what a host may be is for the caller to say. */
export function httpUrl (value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error('must be an absolute http or https URL')
  if (url.username || url.password || url.search || url.hash || /[\s?#\\]/.test(value)) {
    throw new Error('must not carry credentials, a query, a fragment or spaces')
  }
  return url
}

/** The origin that browsers see: https unless the host is loopback, no path, no trailing slash. */
export function publicOrigin (value: string): string {
  const url = httpUrl(value)
  if (value.endsWith('/') || url.pathname !== '/') throw new Error('must be an origin without a path or a trailing slash')
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) throw new Error('must be https unless the host is loopback')
  if (url.origin !== value) throw new Error(`must be written as browsers write it: ${url.origin}`)
  return value
}

/** Exact origins, or `https://*.example.com` for one label of any name. */
export function origins (value: string): string[] {
  return list(value).map(item => {
    if (item === '*' || item === 'null') throw new Error(`"${item}" would let any site in: list exact origins`)
    const concrete = item.replace('://*.', '://wildcard.')
    const url = URL.canParse(concrete) ? new URL(concrete) : undefined
    if (!url || !/^https?:$/.test(url.protocol) || url.origin !== concrete || concrete.includes('*')) {
      throw new Error(`"${item}" is not an origin such as https://app.example.com (no path, no trailing slash, lower case)`)
    }
    if (item !== concrete && (url.protocol !== 'https:' || url.hostname.split('.').length < 3)) {
      throw new Error(`"${item}": a wildcard is https://*.example.com`)
    }
    return item
  })
}

/** Domains of emails, as the policy compares them: lower-case ASCII; a leading dot stands for all sub-domains. */
export function domains (value: string): string[] {
  return list(value).map(item => {
    const domain = item.toLowerCase()
    if (!/^\.?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(domain)) {
      throw new Error(`"${item}" is not a domain such as example.com (IDN in its xn-- form)`)
    }
    return domain
  })
}

/** No private network is larger: 10.0.0.0/8 and fc00::/7. IPv4 inside IPv6 counts as IPv4. */
function shortestPrefix (address: string): number {
  if (isIP(address) === 4) return 8
  return new URL(`http://[${address}]`).hostname.startsWith('[::ffff:') ? 96 + 8 : 7
}

/** CIDRs or single addresses a proxy may call from; `loopback` for this machine. */
export function proxies (value: string): string[] {
  return list(value).map(item => {
    if (/^(true|false|\d+)$/.test(item)) {
      throw new Error(`"${item}" would trust whatever a client sends: name the proxies' networks, such as 10.0.0.0/8`)
    }
    const [address = '', prefix, more] = item.split('/')
    const family = isIP(address)
    const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32))
    if (item !== 'loopback' && (family === 0 || address.includes('%') || !fits || more !== undefined)) {
      throw new Error(`"${item}" is neither a network such as 10.0.0.0/8 nor the word loopback`)
    }
    if (prefix !== undefined && Number(prefix) < shortestPrefix(address)) {
      throw new Error(`"${item}" trusts strangers: whoever connects could claim any address. Name the proxies' own networks, such as 10.0.0.0/8`)
    }
    return item
  })
}

/** Secrets to seal with, newest first. */
export function secrets (value: string): string[] {
  const items = list(value)
  if (items.some(item => item.length < 32)) throw new Error('must be 32 characters or more (openssl rand -hex 32)')
  return items
}

/** An issuer, kept as it was typed: it is compared byte for byte. */
export function issuer (value: string): string {
  httpUrl(value)
  return value
}

/** An address of a provider's; it may carry a query. */
export function endpoint (value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error('must be an absolute http or https URL')
  if (url.username || url.password || url.hash || /[\s#\\]/.test(value)) throw new Error('must not carry credentials, a fragment or spaces')
  return value
}

/** Scopes of an OpenID provider. */
export function openidScopes (value: string): string[] {
  const scopes = list(value)
  if (!scopes.includes('openid')) throw new Error('must contain openid')
  return scopes
}

/** A dotted path into a JSON document. */
export function path (value: string): string {
  if (!/^[^.\s]+(\.[^.\s]+)*$/.test(value)) throw new Error('must be a dotted path such as user.email')
  return value
}

/** A JSON object of texts. */
export function texts (value: string): Record<string, string> {
  const object = jsonObject(value)
  if (!Object.values(object).every(member => typeof member === 'string')) throw new Error('must be a JSON object whose values are texts')
  return object as Record<string, string>
}

/** A private key in PEM, of one kind alone. */
export function privateKey (kind: 'P-256' | 'RSA') {
  return (value: string): string => {
    const fits = (key: KeyObject) => kind === 'RSA' ? key.asymmetricKeyType === 'rsa' : key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
    try {
      if (fits(createPrivateKey(value))) return value
    } catch {
      // said below, without what the value was
    }
    throw new Error(`must be the PEM of a private ${kind} key`)
  }
}
