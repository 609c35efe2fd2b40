import http, { type ClientRequest, type RequestOptions } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { AuthError } from '../../errors.ts'
import { parseStrictJson } from '../../strict-json.ts'
import type { AddressRules } from './addresses.ts'
import type { Connections } from './connections.ts'

/** How we call providers: https only (loopback aside), no redirects, no compression, everything bounded. */
export const limits = {
  totalMs: 5_000,
  tokenBytes: 64 * 1024,
  documentBytes: 256 * 1024
}

export const outboundHeaders = {
  'accept-encoding': 'identity',
  'user-agent': 'handstamp',
  // A strict server answers 406 where only JSON will do and it has another name for it. In this order, as Rails takes what
  // ends in a wildcard for a browser that wants a page.
  accept: '*/*;q=0.1, application/json'
}

/** By which connections a host is called, and where they may lead. */
export interface Reach extends AddressRules {
  connections: Connections
}

const retriedStatus = new Set([429, 500, 502, 503, 504])

export interface OutboundRequest {
  url: string
  reach: Reach
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  maxBytes?: number
  /** A GET that changes something there after all. */
  once?: true
}

export interface OutboundAnswer { status: number, type: string, body: Buffer }

/**
 * One bounded call. A GET is tried once more after a passing fault, within the same deadline: reading changes nothing there.
 * Anything else is sent once, on a connection that was idle for moments at most.
 * @throws AuthError provider_unavailable, provider_timeout, provider_error
 */
export async function ask (request: OutboundRequest): Promise<OutboundAnswer> {
  const { reach, method = 'GET', headers, body, maxBytes = limits.tokenBytes, once } = request
  const url = new URL(request.url)
  const agent = reach.connections.agentFor(url, reach)
  const repeatable = method === 'GET' && !once
  const options: RequestOptions = {
    protocol: url.protocol,
    agent: (repeatable ? agent : agent.young) as http.Agent, // as much of one as node:http needs
    method,
    path: url.pathname + url.search,
    headers: { host: url.host, ...outboundHeaders, ...headers },
    maxHeaderSize: 32 * 1024
  }
  const late = new AbortController()
  const tooLate = () => late.abort(Object.assign(new Error('the answer took too long'), { code: 'ETIMEDOUT' }))
  const timer = setTimeout(tooLate, limits.totalMs)
  const send = () => exchange(options, body, maxBytes, late.signal)
  const sendTwice = async () => {
    const answer = await send().catch(error => late.signal.aborted ? Promise.reject(error) : undefined)
    if (answer && !retriedStatus.has(answer.status)) return answer
    // Where one connection was closed while it was idle, the others were too.
    if (!answer) agent.dropIdle()
    await pause(50 + Math.random() * 100, undefined, { signal: late.signal })
    return send()
  }
  return (repeatable ? sendTwice() : send()).catch(error => { throw providerFailure(error) }).finally(() => clearTimeout(timer))
}

/** The JSON of a good answer, an object or an array. @throws AuthError provider_error for anything else */
export function jsonOf ({ status, type, body }: OutboundAnswer): unknown {
  try {
    if (status !== 200) throw new Error(`status ${status}`)
    if (!/^application\/([a-z0-9.-]+\+)?json\s*(;|$)/i.test(type)) throw new Error('not JSON by its content type')
    return parseStrictJson(body)
  } catch (error) {
    throw providerFailure(error)
  }
}

/** GETs a JSON object. @throws AuthError as `ask`, and provider_error as `jsonOf` */
export async function getJson (
  url: string,
  reach: Reach,
  headers: Record<string, string> = {},
  maxBytes = limits.documentBytes
): Promise<Record<string, unknown>> {
  const document = jsonOf(await ask({ url, reach, headers, maxBytes }))
  if (isJson(document)) return document
  throw new AuthError('provider_error', { cause: new Error('not a JSON object') })
}

export const isJson = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function exchange (options: RequestOptions, body: string | undefined, maxBytes: number, late: AbortSignal): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const request: ClientRequest = http.request(options, response => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) response.destroy(new Error('the answer is too large'))
        else chunks.push(chunk)
      })
      response.on('end', () => resolve({
        status: Number(response.statusCode),
        type: response.headers['content-type'] ?? '',
        body: Buffer.concat(chunks)
      }))
      response.on('error', reject)
    })
    request.on('error', reject).end(body)
    late.addEventListener('abort', () => {
      const tooLate = late.reason as Error // of ask
      request.destroy(tooLate)
      reject(tooLate) // at once, also where the request still waits for a connection
    }, { once: true })
  })
}

const slow = new Set(['ETIMEDOUT', 'ETIMEOUT'])
const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH',
  'EPIPE', 'EADDRREFUSED', 'EPROXY'])

/** What went wrong between us and a provider, as a refusal; the cause is for the log alone. */
export function providerFailure (error: unknown): AuthError {
  if (error instanceof AuthError) return error
  const codes = causes(error).map(cause => String((cause as { code?: unknown }).code))
  if (codes.some(code => slow.has(code))) return new AuthError('provider_timeout', { cause: error })
  if (codes.some(code => unreachable.has(code))) return new AuthError('provider_unavailable', { cause: error })
  return new AuthError('provider_error', { cause: error })
}

/** An error and what caused it. */
const causes = (error: unknown): Error[] => error instanceof Error ? [error, ...causes(error.cause)] : []
