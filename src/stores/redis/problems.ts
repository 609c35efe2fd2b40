import { isIP } from 'node:net'
import { redisPlace, type RedisAddress } from './address.ts'
import { commands } from './commands.ts'
import { StoreError } from '../store.ts'

/** The oldest version that has all the commands: 6.2 brought SET … EXAT. */
export const oldestRedis = '6.2'

/** What an operator reads of an error, and whether waiting could make it better. */
interface Explanation {
  text: string
  lasting?: true
}

type Explain = (address: RedisAddress, message: string) => string

/** Replies by their first word. Inside a script it stands further back: older servers wrap it. */
const replies: Record<string, Explain> = {
  WRONGPASS: () => 'the user name or the password in REDIS_URL is wrong; special characters in them are percent-encoded',
  NOAUTH: () => 'it asks for a password, and REDIS_URL has none: redis://:password@host:port',
  NOPERM: ({ username = 'default' }, message) => `its user ${username} may not ${/'([\w|]+)' command/.exec(message)?.[1] ?? 'use our keys'}: ` +
    `ACL SETUSER ${username} ~handstamp:* ${commands.map(name => `+${name}`).join(' ')}`,
  MISCONF: () => 'it takes no writes because it cannot save to its disk: its log names the reason',
  OOM: () => 'it is full: raise its maxmemory',
  READONLY: () => 'it is a replica, which takes no writes: REDIS_URL must name the primary',
  LOADING: () => 'it is still loading its data',
  BUSY: () => 'a script of another program does not end: SCRIPT KILL ends it',
  MASTERDOWN: () => 'it is a replica that has lost its primary: REDIS_URL must name the primary',
  NOREPLICAS: () => 'it takes no writes because too few of its replicas are there (min-replicas-to-write)',
  MOVED: () => 'it belongs to a cluster, which is not supported: use a Redis without cluster mode',
  CROSSSLOT: () => 'it belongs to a cluster, which is not supported: use a Redis without cluster mode',
  CLUSTERDOWN: () => 'it belongs to a cluster, which is not supported: use a Redis without cluster mode',
  DENIED: () => 'it is in protected mode and serves its own machine alone: give it a password'
}
const lastingReplies = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM', 'MOVED', 'CROSSSLOT', 'DENIED'])

/** Replies that share the first word ERR. */
const plainErrors: Array<[message: RegExp, explain: Explain, lasting?: true]> = [
  [/invalid password|without any password configured|no password is set/i, () => String(replies['WRONGPASS']?.(nowhere, '')), true],
  [/DB index|invalid DB/i, ({ db }) => `it has no database ${db}, which REDIS_URL names`, true],
  [/max number of clients/i, () => 'all its connections are in use: raise its maxclients'],
  [/can't run this command|has no permissions|ACL failure/, (address, message) => String(replies['NOPERM']?.(address, message)), true],
  [/unknown (redis )?command/i, (_address, message) =>
    `it does not know the command ${/unknown command [`'"]?([\w|]+)/i.exec(message)?.[1] ?? 'that a script needs'}: ` +
      'it is too old, or the command was renamed', true],
  [/syntax error/, () => `it does not know SET with EXAT: it has to be ${oldestRedis} or newer`, true]
]
const nowhere: RedisAddress = { host: '', port: 0, tls: false, db: 0 }

const untrusted: Explain = () => 'its certificate comes from an authority that this machine does not trust: name the authority\'s file in NODE_EXTRA_CA_CERTS'
const notTls: Explain = () => 'it does not speak TLS there: write redis:// if that is right'

/** Of a connection that does not come about, by the code of the error. */
const codes: Record<string, Explain> = {
  ECONNREFUSED: () => 'nothing listens there (connection refused)',
  ENOTFOUND: ({ host }) => `the host name ${host} is unknown`,
  EAI_AGAIN: ({ host }) => `the name server gives no answer for ${host}`,
  ETIMEDOUT: ({ tls }) => `the connection was not answered in time${tls ? '; if it does not speak TLS there, write redis://' : ''}`,
  EHOSTUNREACH: () => 'there is no way to that host',
  ENETUNREACH: () => 'there is no way to that network',
  ECONNRESET: ({ tls }) => `it closed the connection${tls ? '' : ' (write rediss:// if it expects TLS)'}`,
  EPIPE: () => 'it closed the connection',
  EPROTO: notTls,
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  CERT_HAS_EXPIRED: () => 'its certificate has expired',
  CERT_NOT_YET_VALID: () => 'its certificate is not valid yet: is the clock of this machine right?',
  ERR_TLS_CERT_ALTNAME_INVALID: ({ host }) => `its certificate is for another name than ${host}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted
}
const isAboutTls = (code: string): boolean => /CERT|TLS|SSL|EPROTO|UNABLE_TO_/.test(code)

function explain (error: Error, address: RedisAddress): Explanation {
  const { code } = error as NodeJS.ErrnoException
  if (error.name === 'ReplyError') return explainReply(error.message, address)
  if (code !== undefined && /^[A-Z_]+$/.test(code)) {
    const text = codes[code]?.(address, '') ?? (isAboutTls(code) ? 'its certificate cannot be verified' : 'the connection failed')
    return { text: `${text} (${code})`, ...(isAboutTls(code) && { lasting: true }) }
  }
  if (/clos/.test(error.message)) return { text: String(codes['ECONNRESET']?.(address, '')) }
  return { text: /writeable/.test(error.message) ? 'the connection is lost' : 'it does not answer, or is still loading its data' }
}

function explainReply (message: string, address: RedisAddress): Explanation {
  const word = Object.keys(replies).find(word => new RegExp(`(^|[ -])${word} `).test(message))
  if (word) return { text: `${String(replies[word]?.(address, message))} (${word})`, ...(lastingReplies.has(word) && { lasting: true }) }
  const known = plainErrors.find(([pattern]) => pattern.test(message))
  if (known) return { text: known[1](address, message), ...(known[2] && { lasting: true }) }
  return { text: `it answered ${/^[A-Z]+/.exec(message)?.[0] ?? 'an error'}` }
}

/** What Redis does not give us, in words for an operator; the cause is without what we asked. */
export class RedisProblem extends StoreError {
  constructor (what: string, error: unknown, address: RedisAddress) {
    const cause = error instanceof Error ? error : new Error('no error')
    const { text, lasting = false } = explain(cause, address)
    super(`${what} (${redisPlace(address)}): ${text}`, withoutArguments(cause), lasting)
  }
}

/** A reply about a command that Redis does not know shows what it was asked with. */
function withoutArguments (error: Error): Error {
  if (error.name !== 'ReplyError') return error
  return Object.assign(new Error(error.message.replace(/,? with args beginning with.*$/s, '')), { name: 'ReplyError' })
}

/** The name that a certificate must have; an address is no name (RFC 6066 section 3). */
export const tlsOptions = ({ host }: RedisAddress) => ({ rejectUnauthorized: true, ...(isIP(host) === 0 && { servername: host }) })

/**
 * Whether a failover made our primary a replica: another connection may lead to the new primary. Redis up to 6.2 wraps what a
 * command within a script answered in a text of its own.
 */
export const isReplica = ({ message }: Error): boolean => /\bREADONLY\b/.test(message)
