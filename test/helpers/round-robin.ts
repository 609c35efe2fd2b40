import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from './app.ts'

/** A proxy that gives each request to the next of several servers, and knows nothing of sessions. */
export interface RoundRobin {
  url: string
  /** Which of them answered, as `x-served-by` says as well. */
  targets: string[]
}

export async function roundRobin (t: Teardown, targets: string[] = []): Promise<RoundRobin> {
  const agent = new Agent({ keepAlive: true })
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const number = turn++ % targets.length
    const { method = 'GET', url = '/', headers } = incoming
    const forwarded = request(new URL(url, targets[number]), { method, headers, agent }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'x-served-by': String(number) })
      answer.pipe(outgoing)
    })
    forwarded.on('error', () => {
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(502).end()
    })
    incoming.pipe(forwarded)
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    agent.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, targets }
}
