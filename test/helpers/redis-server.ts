import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort, temporaryFolder, type Teardown } from './app.ts'
import { eventually } from './eventually.ts'

/** A real Redis on loopback that a test starts, pauses, kills and starts again. */
export interface RedisServer {
  url: string
  /** A plain client: sees the keys as they are, and gives orders. */
  client: Redis
  /** Stops without an end: connections stay open and nothing is answered. */
  pause (): void
  resume (): void
  /** Ends it as an operator does. */
  stop (): Promise<void>
  /** Ends it as the kernel would. */
  kill (): Promise<void>
  /** Again on the same port and folder. */
  start (): Promise<void>
}

/** Everything is in an append-only file, as the documentation asks for. */
export const redisServer = (t: Teardown, ...settings: string[]): Promise<RedisServer> => redisServerOf('redis-server', t, ...settings)

/** A server of another version: the path of its program. */
export async function redisServerOf (program: string, t: Teardown, ...settings: string[]): Promise<RedisServer> {
  const folder = temporaryFolder(t)
  const port = String(await freePort())
  const url = `redis://127.0.0.1:${port}`
  let server: ChildProcess
  const client = new Redis(url, { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', () => {})
  async function end (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill(signal)
    await gone
  }
  const redis: RedisServer = {
    url,
    client,
    pause: () => { server.kill('SIGSTOP') },
    resume: () => { server.kill('SIGCONT') },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async start () {
      server = spawn(program, ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--pidfile', join(folder, 'redis.pid'), '--save', '',
        '--appendonly', 'yes', ...settings], { stdio: 'ignore' })
      await once(server, 'spawn')
      await eventually('Redis answers', () => client.ping().then(() => true, () => false))
    }
  }
  await redis.start()
  t.teardown(async () => {
    client.disconnect()
    await redis.kill()
  })
  return redis
}
