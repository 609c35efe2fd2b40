import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isIP, isIPv6 } from 'node:net'
import { AuthError } from '../errors.ts'

/** Sizes and times no honest request needs more of. */
export const requestLimits = {
  bodyBytes: 16 * 1024,
  urlBytes: 8 * 1024,
  parameters: 100,
  headerBytes: 32 * 1024,
  headersMs: 10_000,
  requestMs: 15_000,
  handlerMs: 10_000
}

export function refuseOversize (app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { url } = request
    if (url.length > requestLimits.urlBytes) return done(new AuthError('uri_too_long'))
    if (url.length > requestLimits.parameters && url.split('&').length > requestLimits.parameters) return done(new AuthError('invalid_request'))
    done()
  })
}

/** One bucket a person: an IPv4 address, or the /64 that an IPv6 host can pick its addresses from. */
export function addressBucket (ip: string): string {
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (isIP(address) === 0 || !isIPv6(address)) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  const missing = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right].slice(0, 4).map(part => parseInt(part, 16).toString(16)).join(':')
}

export type RateGroup = 'starts' | 'callbacks' | 'tokens'

/** Counts requests a minute and address in each group of routes; 0 counts nothing. */
export async function rateLimits (app: FastifyInstance, perMinute: number): Promise<void> {
  if (perMinute === 0) return
  let warned = false
  const keyGenerator = (request: FastifyRequest) => {
    if (!warned && request.headers['x-forwarded-for'] !== undefined && request.ip === request.socket.remoteAddress) {
      warned = true
      app.log.warn('a proxy that TRUST_PROXY does not name forwards requests: all its users share one rate limit')
    }
    return addressBucket(request.ip)
  }
  await app.register(rateLimit, {
    global: false,
    max: perMinute,
    timeWindow: 60_000,
    cache: 20_000,
    keyGenerator,
    addHeaders: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
      'retry-after': false
    },
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    errorResponseBuilder: (_request, { ttl }) => new AuthError('rate_limited', { retryAfterSeconds: Math.ceil(ttl / 1000) })
  })
}

/** The `config` of a route that is counted in a group. */
export const counted = (groupId: RateGroup) => ({ rateLimit: { groupId } })
