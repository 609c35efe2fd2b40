import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import { addressAllowed, AddressRefused, type AddressRules } from './addresses.ts'
import type { Names } from './names.ts'

/** The next address is tried after so long, beside those that have not answered yet (RFC 8305 section 5). */
const nextAddressMs = 250

/** Rejects, with an Error whose code is ETIMEDOUT, once connecting has taken too long. */
export type Deadline = Promise<never>

/** A TCP connection to a host, to whichever of its addresses answers first. @throws Error as node:net and node:dns do */
export async function dial (host: string, port: number, rules: AddressRules, names: Names, deadline: Deadline): Promise<Socket> {
  const addresses = isIP(host) === 0 ? await Promise.race([names.addresses(host), deadline]) : [host]
  const allowed = addresses.filter(address => addressAllowed(address, rules))
  if (allowed.length === 0) throw new AddressRefused(`${host} has no address that may be called`)
  return firstConnected(inTurnsOfFamilies(allowed), port, deadline)
}

/** What a TLS connection can be shortened by (RFC 8446 section 2.2), from one connection to the next. */
export interface TlsMemory {
  session?: Buffer
}

/** TLS over a connection. The certificate is checked whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
export async function secured (socket: Socket, host: string, memory: TlsMemory, deadline: Deadline): Promise<Socket> {
  const { session } = memory
  delete memory.session // where it is what fails, the next connection does without
  context ??= createSecureContext({ minVersion: 'TLSv1.2' })
  const stream = connectTls({
    socket: socket.on('error', () => {}), // the stream above it tells
    host,
    servername: isIP(host) === 0 ? host : '', // RFC 6066 section 3: no addresses
    secureContext: context,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    ...(session && { session })
  })
  stream.on('session', session => { memory.session = session })
  return ready(stream, 'secureConnect', deadline)
}

let context: SecureContext | undefined

/** The families take turns, beginning with that of the first address (RFC 8305 section 4). */
function inTurnsOfFamilies (addresses: string[]): string[] {
  const first = addresses.filter(address => isIP(address) === isIP(String(addresses[0])))
  const second = addresses.filter(address => !first.includes(address))
  return first.flatMap((address, index) => [address, ...second.slice(index, index + 1)]).concat(second.slice(first.length))
}

/** Happy eyeballs (RFC 8305): an attempt goes on while later ones begin, as a first packet that was lost is sent again after a second. */
async function firstConnected (addresses: string[], port: number, deadline: Deadline): Promise<Socket> {
  const waiting = [...addresses]
  const attempts = new Set<Socket>()
  const failures: Error[] = []
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([deadline, new Promise<Socket>((resolve, reject) => {
      const tryNext = () => {
        clearTimeout(timer)
        const address = waiting.shift()
        if (address === undefined) {
          if (attempts.size === 0) reject(together(failures))
          return
        }
        const socket = connect({ host: address, port, noDelay: true, autoSelectFamily: false })
        attempts.add(socket)
        const failed = (failure: Error) => { attempts.delete(socket); failures.push(failure); tryNext() }
        socket.once('error', failed).once('connect', () => {
          attempts.delete(socket)
          socket.removeListener('error', failed)
          resolve(socket)
        })
        if (waiting.length > 0) timer = setTimeout(tryNext, nextAddressMs)
      }
      tryNext()
    })])
  } finally {
    clearTimeout(timer)
    for (const socket of attempts) socket.on('error', () => {}).destroy()
  }
}

/** One error of all that the addresses of a host gave. */
function together (failures: Error[]): Error {
  const [first, ...others] = failures
  if (first && others.length === 0) return first
  return Object.assign(new Error(failures.map(({ message }) => message).join('; ')), { code: (first as { code?: unknown } | undefined)?.code })
}

/** Waits for the event; a stream that fails first, or is late, is destroyed. */
async function ready (stream: Socket, event: string, deadline: Deadline): Promise<Socket> {
  try {
    await Promise.race([once(stream, event), deadline])
    return stream
  } catch (error) {
    stream.on('error', () => {}).destroy()
    throw error
  }
}
