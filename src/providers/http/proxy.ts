import http from 'node:http'
import type { Socket } from 'node:net'
import type { NoProxy, Proxy } from './proxies.ts'
import { hostInUrl, isLoopbackHost } from '../../env/values.ts'
import { dial, secured, type Deadline, type TlsMemory } from './dial.ts'
import type { Names } from './names.ts'

/** Through which proxy calls go, and which do not. */
export interface Proxying {
  proxy: Proxy
  except?: NoProxy
}

/** What went wrong on this side of a host, so that nothing is known of the host itself. */
export class ProxyFailure extends Error {
  readonly code = 'EPROXY'
}

/** The proxy for a host; what is on this machine is never asked for elsewhere. */
export function proxyFor (host: string, port: number, proxying: Proxying | undefined): Proxy | undefined {
  if (!proxying || isLoopbackHost(hostInUrl(host))) return undefined
  return proxying.except?.includes(host, port) ? undefined : proxying.proxy
}

/**
 * A connection to a host through a proxy, which looks the name up and decides where it may lead.
 * @throws ProxyFailure
 */
export async function tunnel (host: string, port: number, proxy: Proxy, names: Names, memory: TlsMemory, deadline: Deadline): Promise<Socket> {
  try {
    const plain = await dial(proxy.host, proxy.port, { typed: true, loopback: true }, names, deadline)
    const socket = proxy.secure ? await secured(plain, proxy.host, memory, deadline) : plain
    return await connectThrough(socket, `${hostInUrl(host)}:${port}`, proxy, deadline)
  } catch (error) {
    const { message } = error as Error // of node:net, node:tls, node:http or this file
    throw new ProxyFailure(`no connection to ${host} through the proxy ${proxy.address}: ${message}`, { cause: error })
  }
}

/** RFC 9110 section 9.3.6 */
async function connectThrough (socket: Socket, authority: string, { authorization }: Proxy, deadline: Deadline): Promise<Socket> {
  const headers = { host: authority, 'user-agent': 'handstamp', ...(authorization && { 'proxy-authorization': authorization }) }
  const answered = new Promise<Socket>((resolve, reject) => {
    http.request({ method: 'CONNECT', path: authority, headers, createConnection: () => socket })
      .on('connect', ({ statusCode = 0 }, _socket, early) => {
        if (statusCode < 200 || statusCode > 299) reject(new Error(`the proxy answered ${statusCode}`))
        else if (early.length > 0) reject(new Error('the proxy speaks in place of the host'))
        else resolve(socket)
      })
      .on('error', reject)
      .end()
  })
  try {
    return await Promise.race([answered, deadline])
  } catch (error) {
    socket.on('error', () => {}).destroy()
    throw error
  }
}
