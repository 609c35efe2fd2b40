import type { FastifyRequest } from 'fastify'

/** The cookies of this service that a browser sent: name -> its values, in the browser's order. */
export type SentCookies = ReadonlyMap<string, readonly string[]>

declare module 'fastify' {
  interface FastifyRequest {
    /** Read by `sentCookies` when it is first asked for. */
    cookiesOfOurs?: SentCookies
  }
}

/** Every cookie name of this service, or its beginning. */
const oursBegin = ['handstamp', '__Host-handstamp', '__Secure-handstamp'] as const
const common = 'handstamp'

/** A browser holds one cookie of a name for each domain above its host; of more, none can be told to be ours. */
const maxOfOneName = 8

/** Browsers keep 180 for all hosts of a domain together: who sends more is none, and gets no more of our time. */
const maxOfOurs = 200

/** The cookies of this service in a request; its header is read once, however often they are asked for. */
export function sentCookies (request: FastifyRequest): SentCookies {
  request.cookiesOfOurs ??= readCookieHeader(request.headers.cookie ?? '')
  return request.cookiesOfOurs
}

/** The value of a cookie of this service. A name that came twice counts as absent: another host has planted one of them (R66). */
export function readCookie (request: FastifyRequest, name: string): string | undefined {
  const [value, another] = sentCookies(request).get(name) ?? []
  return another === undefined && value ? value : undefined
}

/**
 * Finds the cookies of this service in a `Cookie` header (RFC 6265bis section 5.8). A browser refuses `__Host-…` to other hosts
 * by the bytes of the name, and so the bytes are compared here: SP and HTAB alone are stripped, and U+00A0, which browsers
 * take for a part of the name, is one here too.
 */
export function readCookieHeader (header: string): SentCookies {
  const found = new Map<string, string[]>()
  let count = 0
  // Only where the name occurs is looked at: a header of 32 KiB holds sixteen thousand cookies.
  for (let at = header.indexOf(common); at >= 0; at = header.indexOf(common, at)) {
    const start = header.lastIndexOf(';', at) + 1
    const end = endOf(header, at)
    at = end
    const pair = header.slice(start, end)
    const equals = pair.indexOf('=')
    const name = equals < 0 ? '' : stripped(pair.slice(0, equals))
    if (!oursBegin.some(begin => name.startsWith(begin))) continue
    if (++count > maxOfOurs) return new Map()
    const values = found.get(name)
    if (!values) found.set(name, [stripped(pair.slice(equals + 1))])
    else if (values.length < maxOfOneName) values.push(stripped(pair.slice(equals + 1)))
    else values.fill('')
  }
  return found
}

function endOf (header: string, from: number): number {
  const end = header.indexOf(';', from)
  return end < 0 ? header.length : end
}

/** Without the SP and HTAB around it. A regular expression would look at each run of blanks as often as it is long. */
function stripped (text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09
