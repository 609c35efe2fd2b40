import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Teardown } from './app.ts'
import type { Certified } from './certificates.ts'

/** A proxy that speaks CONNECT: right by default, wrong where a test says so. */
export interface ProxyServer {
  port: number
  /** `host:port` -> port of this machine. */
  hosts: Record<string, number>
  /** What it was asked, in order. */
  requests: Array<{ authority: string, authorization: string | undefined }>
  /** The tunnels that are open. */
  open: Set<Duplex>
  /** Does something else instead. */
  instead: ((socket: Duplex) => void) | undefined
  stop (): Promise<void>
}

/** @param certified makes it one that is spoken to by TLS */
export async function proxyServer (t: Teardown, certified?: Certified): Promise<ProxyServer> {
  const open = new Set<Duplex>()
  const server: Server = certified ? createTlsServer(certified) : createServer()
  const proxy: ProxyServer = {
    port: 0,
    hosts: {},
    requests: [],
    open,
    instead: undefined,
    stop: () => new Promise(resolve => { for (const socket of open) socket.destroy(); server.close(() => resolve()) })
  }
  server.on('connect', ({ url = '', headers }: IncomingMessage, socket: Duplex) => {
    open.add(socket.on('error', () => {}))
    proxy.requests.push({ authority: url, authorization: headers['proxy-authorization'] })
    if (proxy.instead) return proxy.instead(socket)
    const port = proxy.hosts[url]
    if (port === undefined) return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => {}).on('close', () => socket.end().resume())
    socket.on('close', () => { open.delete(socket); onward.destroy() })
  })
  server.on('request', (_request, response) => response.writeHead(400).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.port = (server.address() as AddressInfo).port
  t.teardown(() => proxy.stop())
  return proxy
}
