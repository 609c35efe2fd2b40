import { createHmac, createSign } from 'node:crypto'
import type { Signature } from '../descriptor.ts'

export interface SignedRequest {
  method: string
  /** Its query counts as parameters. */
  url: URL
  /** Parameters of an application/x-www-form-urlencoded body. */
  form?: Record<string, string>
  /** The oauth_ parameters without the signature; `realm` is no part of it. */
  oauth: Record<string, string>
}

export interface SigningSecrets {
  /** The client's shared secret, or for RSA-SHA1 its private key (PEM). */
  clientSecret: string
  tokenSecret: string
}

/** RFC 5849 section 3.6: everything but RFC 3986 unreserved characters, as upper-case %XX of UTF-8. */
export const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** RFC 5849 section 3.4.1 */
export function signatureBase ({ method, url, form = {}, oauth }: SignedRequest): string {
  const parameters = [...url.searchParams, ...Object.entries(form), ...Object.entries(oauth)]
    .map(([name, value]) => [encoded(name), encoded(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => nameA === nameB ? order(valueA, valueB) : order(nameA, nameB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
  return [method.toUpperCase(), url.origin + url.pathname, parameters].map(encoded).join('&')
}

const order = (one: string, other: string): number => Number(one > other) - Number(one < other)

/** RFC 5849 section 3.4.2 to 3.4.4; HMAC-SHA256 as the same with the other hash. */
export function signature (method: Signature, request: SignedRequest, { clientSecret, tokenSecret }: SigningSecrets): string {
  const key = `${encoded(clientSecret)}&${encoded(tokenSecret)}`
  if (method === 'PLAINTEXT') return key
  const base = signatureBase(request)
  if (method === 'RSA-SHA1') return createSign('RSA-SHA1').update(base).sign(clientSecret, 'base64')
  return createHmac(method === 'HMAC-SHA1' ? 'sha1' : 'sha256', key).update(base).digest('base64')
}

/** RFC 5849 section 3.5.1 */
export function authorizationHeader (oauth: Record<string, string>, realm?: string): string {
  const quoted = Object.entries(oauth).map(([name, value]) => `${encoded(name)}="${encoded(value)}"`)
  return `OAuth ${[...(realm === undefined ? [] : [`realm="${realm}"`]), ...quoted].join(', ')}`
}
