import { isIP } from 'node:net'
import { hostInUrl } from '../../env/values.ts'

/** Where one Redis is and who we are there. */
export interface RedisAddress {
  /** Without brackets. */
  host: string
  port: number
  tls: boolean
  username?: string
  password?: string
  /** Number of the database. */
  db: number
}

const notYet = /^((rediss?\+)?(sentinel|cluster)|rediss?-(sentinel|cluster)|(redis\+)?(unix|socket))$/
const asRedis: Record<string, string> = { valkey: 'redis', valkeys: 'rediss', 'redis+tls': 'rediss', redis2: 'redis' }

/**
 * `redis://[[user]:password@]host[:port][/database]`, with `rediss` for TLS. Clients of Redis read other parts in different
 * ways, and a part that is read differently is silently another database: such a part is refused.
 * @throws Error whose message never holds a part of the URL that could be of the password
 */
export function redisAddress (url: string): RedisAddress {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(url) ?? []
  const kind = scheme.toLowerCase()
  if (notYet.test(kind)) throw new Error(`has the scheme ${kind}, which this version does not support yet: only redis:// and rediss:// to one server`)
  if (Object.hasOwn(asRedis, kind)) throw new Error(`has the scheme ${kind}: write ${asRedis[kind]}://`)
  if (kind !== 'redis' && kind !== 'rediss') throw new Error('must begin with redis://, or with rediss:// for TLS')
  if (/[\s\p{Cc}]/u.test(rest)) throw new Error('must not have blanks: write one in a password as %20')

  const end = rest.search(/[/?#]/)
  const [authority, tail] = end < 0 ? [rest, ''] : [rest.slice(0, end), rest.slice(end)]
  if (tail.includes('@')) throw new Error('has / or ? or # in the user name or the password: write them there as %2F, %3F and %23')
  const at = authority.lastIndexOf('@')
  return { ...location(authority.slice(at + 1)), tls: kind === 'rediss', ...credentials(authority.slice(0, Math.max(at, 0))), db: database(tail) }
}

function credentials (text: string): { username?: string, password?: string } {
  if (text === '') return {}
  const colon = text.indexOf(':')
  if (colon < 0) throw new Error('has a user name and no password: a password alone is written redis://:password@host')
  const [username, password] = [decoded(text.slice(0, colon)), decoded(text.slice(colon + 1))]
  if (password === '') throw new Error('has an empty password: leave out all of it up to the @, or write redis://user:password@host')
  return { ...(username !== '' && { username }), password }
}

/** RFC 3986 section 2.1. A percent sign without two hexadecimal digits behind it stands for itself. */
function decoded (text: string): string {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, '%25'))
  } catch {
    throw new Error('has percent signs in the user name or the password that are no UTF-8 text: write a percent sign as %25')
  }
}

function location (text: string): { host: string, port: number } {
  const [, inBrackets, name, port = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(:.*)?$/s.exec(text) ?? []
  const host = inBrackets?.replace('%25', '%') ?? name
  if (host === '' && !port.includes(':', 1)) throw new Error('names no host')
  if (inBrackets !== undefined ? isIP(String(host)) !== 6 : !/^[\w.-]+$/.test(name ?? '')) {
    throw new Error('has no usable host: a host name, an IPv4 address, or an IPv6 address in brackets such as [::1]')
  }
  if (port === '') return { host: String(host), port: 6379 }
  const number = /^:\d{1,5}$/.test(port) ? Number(port.slice(1)) : 0
  if (number < 1 || number > 65_535) throw new Error('has a port that is no number from 1 to 65535; a : in the password is written as %3A')
  return { host: String(host), port: number }
}

function database (tail: string): number {
  if (tail.includes('#')) throw new Error('must not have a #: nothing behind it would count. In a password it is written as %23')
  if (tail.includes('?')) throw new Error('must not have a query: the database is the path, as in redis://localhost:6379/1')
  const [, number] = /^\/(0|[1-9]\d{0,4})$/.exec(tail) ?? []
  if (number === undefined && tail !== '' && tail !== '/') throw new Error('has a path that is no number of a database, such as /1')
  return Number(number ?? 0)
}

/** For messages: without user and password. */
export const redisPlace = ({ host, port }: RedisAddress): string => `${hostInUrl(host)}:${port}`
