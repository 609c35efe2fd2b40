import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Teardown } from './app.ts'

/** A port whose first packets are lost, as behind a firewall or on a broken IPv6: the queue of its connections is full. */
export interface DeafServer {
  port: number
  /** From now on it accepts what comes, or comes again. */
  hear (): void
}

const program = `const server = require('node:net').createServer().listen({ port: 0, host: process.argv[1], backlog: 1 },
  () => process.stdout.write(String(server.address().port)))`

export async function deafServer (t: Teardown, address: string): Promise<DeafServer> {
  const child = spawn(process.execPath, ['-e', program, address], { stdio: ['ignore', 'pipe', 'inherit'] })
  const filling: Socket[] = []
  t.teardown(() => {
    for (const socket of filling) socket.destroy()
    child.kill('SIGKILL')
  })
  const [written] = await once(child.stdout, 'data') as [Buffer]
  const port = Number(written)
  child.kill('SIGSTOP')
  for (let full = false; !full;) {
    const socket = connect(port, address).on('error', () => {})
    filling.push(socket)
    full = await Promise.race([once(socket, 'connect').then(() => false), new Promise<boolean>(resolve => setTimeout(resolve, 300, true))])
  }
  return { port, hear: () => { child.kill('SIGCONT') } }
}
