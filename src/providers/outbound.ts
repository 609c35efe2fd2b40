import assert from 'node:assert/strict'
import { lookup as resolve, type LookupAddress } from 'node:dns'
import http, { type RequestOptions } from 'node:http'
import https from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { AuthError } from '../errors.ts'
import { parseStrictJson } from '../strict-json.ts'

/** How we call providers: https only (loopback aside), no redirects, no compression, everything bounded. */
export const limits = {
  connectMs: 2_000,
  totalMs: 5_000,
  tokenBytes: 64 * 1024,
  documentBytes: 256 * 1024
}

export const outboundHeaders = { 'accept-encoding': 'identity', 'user-agent': 'handstamp' }

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Answers the cloud's credentials to whoever asks from inside: never a provider. */
const metadata = new BlockList()
metadata.addSubnet('169.254.0.0', 16, 'ipv4')
metadata.addAddress('fd00:ec2::254', 'ipv6')

const inside = new BlockList()
for (const [network, prefix] of [['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.168.0.0', 16], ['198.18.0.0', 15], ['224.0.0.0', 4], ['240.0.0.0', 4]] as const) inside.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [['::', 128], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8], ['64:ff9b::', 96],
  ['2002::', 16]] as const) inside.addSubnet(network, prefix, 'ipv6')

/** Where a connection may go: hosts the operator typed may be anywhere but the metadata service. */
export interface Reach {
  /** The host was typed by the operator, not learned from a discovery document. */
  typed: boolean
  /** PUBLIC_URL is loopback, so providers may be. */
  loopback: boolean
}

/** Judged on the address that is really connected to, after DNS. An IPv4 address inside IPv6 counts as itself. */
export function addressAllowed (address: string, reach: Reach): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  // BlockList compares IPv4-mapped IPv6 addresses with the IPv4 rules.
  if (metadata.check(address, family)) return false
  if (loopback.check(address, family)) return reach.typed || reach.loopback
  return reach.typed || !inside.check(address, family)
}

class AddressRefused extends Error {
  readonly code = 'EADDRREFUSED'
}

const guardedLookup = (reach: Reach): LookupFunction => (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '')
    const allowed = addresses.filter(({ address }) => addressAllowed(address, reach))
    const [first] = allowed
    if (!first) return callback(new AddressRefused(`${hostname} has no address that may be called`), '')
    if (options.all) callback(null, allowed)
    else callback(null, first.address, first.family)
  })
}

/** The agent for a URL: every connection of ours to a provider is made by one of these. */
export function agentFor (url: string, reach: Reach): http.Agent {
  const secure = url.startsWith('https:')
  const agent = secure ? new https.Agent({ keepAlive: false }) : new http.Agent({ keepAlive: false })
  const connect = agent.createConnection.bind(agent)
  const lookup = guardedLookup(reach)
  agent.createConnection = (options, callback) => {
    const host = String(options.host).replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !addressAllowed(host, reach)) throw new AddressRefused(`${host} may not be called`)
    const stream = connect({ ...options, lookup }, callback)
    assert(stream, 'node:http connects at once')
    const late = setTimeout(() => stream.destroy(Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT' })), limits.connectMs)
    const stop = () => clearTimeout(late)
    stream.once(secure ? 'secureConnect' : 'connect', stop).once('close', stop)
    return stream
  }
  return agent
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
 * @throws AuthError provider_unavailable, provider_timeout, provider_error
 */
export async function ask (request: OutboundRequest): Promise<OutboundAnswer> {
  const { url, reach, method = 'GET', headers, body, maxBytes = limits.tokenBytes, once } = request
  const signal = AbortSignal.timeout(limits.totalMs)
  const agent = agentFor(url, reach)
  const send = () => exchange(url, { agent, method, signal, headers: { ...outboundHeaders, accept: 'application/json', ...headers } }, body, maxBytes)
  try {
    if (method !== 'GET' || once) return await send()
    const answer = await send().catch(error => signal.aborted ? Promise.reject(error) : undefined)
    if (answer && !retriedStatus.has(answer.status)) return answer
    await new Promise(resolve => setTimeout(resolve, 50 + Math.random() * 100))
    return await send()
  } catch (error) {
    throw providerFailure(error, signal.aborted)
  }
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

function exchange (url: string, options: RequestOptions, body: string | undefined, maxBytes: number): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http
    request(url, { ...options, maxHeaderSize: 32 * 1024 }, response => {
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
    }).on('error', reject).end(body)
  })
}

const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE', 'EADDRREFUSED'])

/** What went wrong between us and a provider, as a refusal; the cause is for the log alone. */
export function providerFailure (error: unknown, timedOut = false): AuthError {
  if (error instanceof AuthError) return error
  const codes = causes(error).map(cause => (cause as { code?: unknown }).code)
  if (timedOut || codes.includes('ETIMEDOUT')) return new AuthError('provider_timeout', { cause: error })
  if (codes.some(code => unreachable.has(String(code)))) return new AuthError('provider_unavailable', { cause: error })
  return new AuthError('provider_error', { cause: error })
}

/** The errors that an error stands for: its causes, and the attempts of a happy eyeballs connection. */
function causes (error: unknown): Error[] {
  if (!(error instanceof Error)) return []
  const { cause, data, errors } = error as { cause?: unknown, data?: unknown, errors?: unknown }
  return [error, ...[cause, data, errors].flat().flatMap(causes)]
}
