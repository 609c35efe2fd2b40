import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { hostInUrl } from '../env/values.ts'
import { connectionTimeoutMs, serverOptions, type Drain } from './drain.ts'
import { leaveToUs } from './well-formed.ts'

export interface ListenSettings {
  listen: { host: string, port: number }
  keepAliveSeconds: number
}

/**
 * Listens on every address of the host: `localhost` has two, and a browser chooses either, whatever the hosts file says.
 * @throws Error where one of them is in use: the program that has it would get a part of our requests
 */
export async function listen (app: FastifyInstance, drain: Drain, { listen: { host, port }, keepAliveSeconds }: ListenSettings): Promise<void> {
  const [first = host, ...others] = host === 'localhost' ? await addressesOf(host) : []
  await app.listen({ host: first, port, listenTextResolver: address => `listening on ${address}` })
    .catch((error: unknown) => { throw explained(error, first, port) })
  const { port: bound } = app.server.address() as AddressInfo
  for (const address of others) {
    const server = createServer(serverOptions(keepAliveSeconds), (request, response) => { app.routing(request, response) })
    server.setTimeout(connectionTimeoutMs)
    leaveToUs(server)
    server.on('clientError', (error, socket) => { app.server.emit('clientError', error, socket) })
    drain.watch(server)
    server.listen(bound, address)
    try {
      await once(server, 'listening')
      app.log.info(`listening on http://${hostInUrl(address)}:${bound}`)
    } catch (error) {
      if (!isAbsent(error)) throw explained(error, address, bound)
    }
  }
}

/** 127.0.0.1 first: every machine has it. */
async function addressesOf (host: string): Promise<string[]> {
  const found = await lookup(host, { all: true })
  const others = found.map(({ address }) => address).sort((one, other) => isIP(one) - isIP(other))
  return [...new Set(['127.0.0.1', ...others, '::1'])]
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code)

/** The machine does not have the address: a hosts file may name ::1 where IPv6 is off. */
const isAbsent = (error: unknown): boolean => ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error))

function explained (error: unknown, address: string, port: number): unknown {
  if (isAbsent(error)) return new Error(`this machine does not have the address ${address}: see HOST`, { cause: error })
  if (codeOf(error) !== 'EADDRINUSE') return error
  return new Error(`another program has port ${port} of the address ${address}: end it, or choose another PORT`, { cause: error })
}
