import { BlockList, isIP, SocketAddress, type Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyRequest {
    /** See `clientAddress`. */
    addressOfClient?: string
  }
}

/** More proxies than this are not in a row in front of any service. */
const maxHops = 32
/** The longest address there is, in brackets, with a zone and a port, is shorter. */
const maxLength = 100

/** Why a forwarded address does not count. */
const unusable = {
  stranger: 'a proxy that TRUST_PROXY does not name forwards requests',
  garbage: 'a proxy forwards requests and names no address in X-Forwarded-For'
}

/**
 * Finds out who sends a request: the address at the other end, or what trusted proxies say in X-Forwarded-For. Where that
 * cannot be used, the log says so once.
 */
export function knowClients (app: FastifyInstance, proxies: string[]): void {
  const trusts = trustOf(proxies)
  const told = new Set<keyof typeof unusable>()
  app.decorateRequest('addressOfClient', undefined)
  app.addHook('onRequest', (request, _reply, done) => {
    const { address, problem } = clientOf(peerAddress(request.socket), request.headers['x-forwarded-for'], trusts)
    request.addressOfClient = address
    if (problem && !told.has(problem)) {
      told.add(problem)
      app.log.warn(`${unusable[problem]}: all its users share one rate limit, and one address in the audit`)
    }
    done()
  })
}

/** The canonical address of a request's sender: IPv4 as four numbers, IPv6 as RFC 5952 writes it. */
export const clientAddress = ({ addressOfClient, socket }: FastifyRequest): string => addressOfClient ?? peerAddress(socket)

/** The canonical address at the other end of a connection, or '' where it has ended. */
export const peerAddress = ({ remoteAddress = '' }: Socket): string => canonicalAddress(remoteAddress) ?? remoteAddress

/**
 * Each proxy adds the address that it saw at the end of the list, so it is read from there, as long as who has said it is
 * trusted. What is no address (`unknown`, an obfuscated name) tells nothing: then the client counts as who has said so.
 */
export function clientOf (
  peer: string, forwarded: string | string[] | undefined, trusts: (address: string) => boolean
): { address: string, problem?: keyof typeof unusable } {
  let address = peer
  if (forwarded === undefined) return { address }
  if (!trusts(address)) return { address, problem: 'stranger' }
  const list = String(forwarded)
  let end = list.length
  for (let hops = 0; end >= 0 && hops < maxHops && trusts(address); hops++) {
    const start = list.lastIndexOf(',', end - 1) + 1
    const named = canonicalAddress(list.slice(start, end))
    if (named === undefined) return { address, problem: 'garbage' }
    address = named
    end = start - 1
  }
  return { address }
}

/** Says whether an address is one of a proxy that may be believed. @param proxies CIDRs, addresses, `loopback` */
export function trustOf (proxies: string[]): (address: string) => boolean {
  const networks = new BlockList()
  for (const proxy of proxies.flatMap(name => name === 'loopback' ? ['127.0.0.0/8', '::1'] : [name])) {
    const [network = '', prefix] = proxy.split('/')
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4'
    networks.addSubnet(network, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return address => {
    const family = isIP(address)
    return family !== 0 && networks.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/**
 * An address as it is written once: proxies add ports (Azure, IIS), brackets and zones, and write IPv6 in many ways.
 * undefined for what is none.
 */
export function canonicalAddress (text: string): string | undefined {
  if (isIP(text) === 4) return text
  if (text.length > maxLength) return undefined
  const bare = text.trim()
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|(.*?))(?::(\d{1,5}))?$/.exec(bare) ?? []
  const found = bracketed !== undefined
    ? canonicalIPv6(bracketed)
    : canonicalIPv4(bare) ?? canonicalIPv6(bare) ?? canonicalIPv4(plain ?? '') ?? canonicalIPv6(plain ?? '')
  return port === undefined || Number(port) <= 65_535 ? found : undefined
}

const canonicalIPv4 = (text: string): string | undefined => isIP(text) === 4 ? text : undefined

function canonicalIPv6 (text: string): string | undefined {
  const [withoutZone = ''] = text.split('%', 1)
  if (isIP(withoutZone) !== 6) return undefined
  const { address } = new SocketAddress({ address: withoutZone, family: 'ipv6' })
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? []
  return mapped ?? address
}

/** One bucket a person: an IPv4 address, or the /64 that an IPv6 host can pick its addresses from. */
export function addressBucket (text: string): string {
  const address = canonicalAddress(text) ?? text
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  const missing = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right].slice(0, 4).join(':')
}
