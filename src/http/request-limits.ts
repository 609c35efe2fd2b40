import type { FastifyInstance, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { AuthError } from '../errors.ts'
import { addressBucket, clientAddress } from './client-address.ts'

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

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers from memory, or waits only for what has a deadline of its own. */
    neverLate?: boolean
    /** Counted with all routes of this group. */
    rateGroup?: RateGroup
    /** The refusal's page keeps what the form was to do, so the body is read first. */
    countsOnceRead?: boolean
    /** Counts only requests that say yes. */
    countsIf?: (request: FastifyRequest) => boolean
  }
}

/** Gives up on a handler that takes too long. A timer costs a tenth of a small answer: where nothing is waited for there is none. */
export function limitHandlers (app: FastifyInstance): void {
  app.addHook('onRoute', route => {
    if (!route.config?.neverLate) route.handlerTimeout = requestLimits.handlerMs
  })
}

export function refuseOversize (app: FastifyInstance): void {
  app.addHook('onRoute', route => {
    if ([route.method].flat().every(method => method === 'GET' || method === 'HEAD')) return
    route.preValidation = [...[route.preValidation ?? []].flat(), ({ body }, _reply, done) => {
      const parameters = typeof body === 'object' && body !== null ? Object.values(body).flat().length : 0
      done(parameters > requestLimits.parameters ? new AuthError('invalid_request') : undefined)
    }]
  })
  app.addHook('onRequest', ({ url }, _reply, done) => {
    if (url.length > requestLimits.urlBytes) return done(new AuthError('uri_too_long'))
    if (url.length > requestLimits.parameters && url.split('&').length > requestLimits.parameters) return done(new AuthError('invalid_request'))
    done()
  })
}

export type RateGroup = 'starts' | 'callbacks' | 'tokens'

/** How many requests of a group an address has sent in its minute, this one included, and how long that minute lasts. */
export interface RequestCount { count: number, secondsLeft: number }

/** Counts one request: at once, or at another process that counts for several. */
export type CountRequest = (group: RateGroup, bucket: string) => RequestCount | Promise<RequestCount>

/** Counts in this process. The memory store of @fastify/rate-limit would count each route by itself. */
export function requestCounts (): (group: RateGroup, bucket: string) => RequestCount {
  const groups: Record<RateGroup, MinuteCounts> = { starts: new MinuteCounts(), callbacks: new MinuteCounts(), tokens: new MinuteCounts() }
  return (group, bucket) => groups[group].add(bucket)
}

/** Limits requests a minute and address, over all routes of a group together; 0 limits nothing. */
export function rateLimits (app: FastifyInstance, perMinute: number, countRequest: CountRequest = requestCounts()): void {
  if (perMinute === 0) return
  app.addHook('onRoute', route => {
    const { rateGroup: group, countsIf } = route.config ?? {}
    if (!group) return
    const hook = route.config?.countsOnceRead ? 'preValidation' : 'onRequest'
    route[hook] = [...[route[hook] ?? []].flat(), (request: FastifyRequest, _reply: unknown, done: HookHandlerDoneFunction) => {
      if (countsIf && !countsIf(request)) return done()
      const judge = ({ count, secondsLeft }: RequestCount): void => {
        done(count > perMinute ? new AuthError('rate_limited', { retryAfterSeconds: secondsLeft }) : undefined)
      }
      const counted = countRequest(group, addressBucket(clientAddress(request)))
      if (counted instanceof Promise) counted.then(judge, done)
      else judge(counted)
    }]
  })
}

/** How often each address came in the minute that began with its first request; of too many, the oldest is forgotten. */
export class MinuteCounts {
  readonly #minutes = new Map<string, { endsAt: number, count: number }>()
  readonly #kept: number

  constructor (kept = 20_000) {
    this.#kept = kept
  }

  /** Milliseconds of a monotonic clock. */
  add (address: string, now = performance.now()): RequestCount {
    let minute = this.#minutes.get(address)
    if (!minute || minute.endsAt <= now) {
      this.#minutes.delete(address)
      const [oldest] = this.#minutes.size < this.#kept ? [] : this.#minutes.keys()
      if (oldest !== undefined) this.#minutes.delete(oldest)
      minute = { endsAt: now + 60_000, count: 0 }
      this.#minutes.set(address, minute)
    }
    minute.count++
    return { count: minute.count, secondsLeft: Math.ceil((minute.endsAt - now) / 1000) }
  }
}

/** The `config` of a route that is counted in a group. */
export const counted = (rateGroup: RateGroup) => ({ rateGroup })
