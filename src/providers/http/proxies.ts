import { BlockList, isIP } from 'node:net'
import type { Environment } from '../../env/environment.ts'
import { variable } from '../../env/variable.ts'

/** A proxy that calls to providers go through by CONNECT (RFC 9110 section 9.3.6). */
export interface Proxy {
  /** Its address without credentials, for people. */
  address: string
  secure: boolean
  host: string
  port: number
  /** For `Proxy-Authorization`. */
  authorization?: string
}

/** Hosts that are called without the proxy. */
export interface NoProxy {
  /** As it was given, for people. */
  text: string
  /** @param host a name or an address, without brackets */
  includes (host: string, port: number): boolean
}

/** The variables that most programs read, under the names and in the form they have there. */
export const proxyVariables = {
  HTTPS_PROXY: variable({
    description: 'Proxy for calls to providers, `http://` or `https://`, with credentials in it where it asks for them. Where they may lead is its work then',
    example: 'http://proxy.example.com:3128',
    otherwise: '`HTTP_PROXY`, or none',
    secret: true,
    read: readProxy
  }),
  HTTP_PROXY: variable({
    description: 'The same, where `HTTPS_PROXY` is not set',
    example: 'http://proxy.example.com:3128',
    otherwise: 'none',
    secret: true,
    read: readProxy
  }),
  NO_PROXY: variable({
    description: 'Hosts that are called without the proxy: domains with all below them, addresses, networks such as `10.0.0.0/8`; ' +
      '`:port` behind one means that port alone, `*` all hosts. Loopback always is',
    example: '.corp.example.com,10.0.0.0/8',
    otherwise: 'loopback alone',
    read: readNoProxy
  })
}

/**
 * Most programs read these names in lower case too. Where both are there and differ, the documented one counts.
 * @param warnings takes a line for each such pair
 */
export function withLowerCaseProxies (env: Environment, warnings: string[]): Environment {
  const found: Environment = {}
  for (const name of Object.keys(proxyVariables)) {
    const [upper, lower] = [env[name] || env[`${name}_FILE`], env[name.toLowerCase()]]
    if (!lower) continue
    if (!upper) found[name] = lower
    else if (upper !== lower) warnings.push(`${name} and ${name.toLowerCase()} differ: ${name} counts`)
  }
  return Object.keys(found).length === 0 ? env : { ...env, ...found }
}

function readProxy (value: string): Proxy {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  const url = URL.canParse(text) && !/\s/.test(text) ? new URL(text) : undefined
  if (!url || url.hostname === '' || url.port === '0') throw new Error('must be the address of a proxy')
  if (!/^https?:$/.test(url.protocol)) throw new Error('must be an http:// or https:// proxy: no other kind is spoken')
  if (url.pathname.length > 1 || url.search || url.hash) {
    throw new Error('must not carry a path, a query or a fragment; write "/", "?", "#" and "@" in a password as %2F, %3F, %23 and %40')
  }
  const secure = url.protocol === 'https:'
  return {
    address: url.origin,
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (secure ? 443 : 80),
    ...((url.username || url.password) && { authorization: `Basic ${Buffer.from(credentials(url)).toString('base64')}` })
  }
}

function credentials ({ username, password }: URL): string {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  } catch {
    throw new Error('has a "%" in its credentials that must be written %25')
  }
}

interface Exception {
  port: number | undefined
  covers (host: string): boolean
}

function readNoProxy (text: string): NoProxy {
  const exceptions = text.split(/[\s,]+/).filter(entry => entry !== '').map(readException)
  return {
    text,
    includes (host, port) {
      const plain = host.toLowerCase().replace(/\.$/, '')
      return exceptions.some(exception => (exception.port === undefined || exception.port === port) && exception.covers(plain))
    }
  }
}

function readException (entry: string): Exception {
  if (entry === '*') return { port: undefined, covers: () => true }
  const network = networkOf(entry)
  if (network) return network
  const [, bracketed, name, digits] = /^(?:\[([^\]]*)\]|([^[\]:]*))(?::(\d{1,5}))?$/.exec(entry) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  const address = bracketed ?? name ?? ''
  if (port === 0 || Number(port) > 65_535) throw unusable(entry)
  if (isIP(address) !== 0) return { port, covers: inList(list => list.addAddress(address, familyOf(address))) }
  const domain = domainOf(address)
  if (bracketed !== undefined || domain === undefined) throw unusable(entry)
  return { port, covers: host => host === domain || host.endsWith(`.${domain}`) }
}

/** An address alone, or a network; macOS writes 169.254/16 for 169.254.0.0/16. */
function networkOf (entry: string): Exception | undefined {
  const [start = '', length, more] = entry.split('/')
  if (length === undefined) return isIP(start) === 6 ? { port: undefined, covers: inList(list => list.addAddress(start, 'ipv6')) } : undefined
  const address = /^\d{1,3}(\.\d{1,3}){0,3}$/.test(start) ? [...start.split('.'), '0', '0', '0'].slice(0, 4).join('.') : start
  const most = { 4: 32, 6: 128 }[isIP(address)]
  if (most === undefined || more !== undefined || !/^\d{1,3}$/.test(length) || Number(length) > most) throw unusable(entry)
  return { port: undefined, covers: inList(list => list.addSubnet(address, Number(length), familyOf(address))) }
}

function inList (fill: (list: BlockList) => void): (host: string) => boolean {
  const list = new BlockList()
  fill(list)
  return host => isIP(host) !== 0 && list.check(host, familyOf(host))
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => isIP(address) === 6 ? 'ipv6' : 'ipv4'

/** `example.com` of `.example.com` and `*.example.com`, as URLs have it. */
function domainOf (text: string): string | undefined {
  const name = text.replace(/^\*?\./, '').replace(/\.$/, '')
  if (name === '' || !URL.canParse(`http://${name}`) || /[\s/?#@\\*%]/.test(name)) return undefined
  return new URL(`http://${name}`).hostname
}

const unusable = (entry: string): Error =>
  new Error(`"${entry}" is neither a domain, an address nor a network such as 10.0.0.0/8, with or without a port`)
