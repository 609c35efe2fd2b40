import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { microsOf } from './threads.ts'

export interface Usage {
  /** User and system time of the whole process so far. */
  cpuMicros: number
  rss: number
  /** CPU microseconds of each worker, where there are several. */
  workers: number[]
}

/** A server under measurement: a process of its own, whose log goes where production's often does not: nowhere. */
export interface Contestant {
  name: string
  port: number
  usage (): Promise<Usage>
  stop (): Promise<void>
}

/** What to run: a script that listens on the PORT of its environment. */
export interface Script {
  name: string
  path: string
  env?: Record<string, string>
  /** Asked until it answers. */
  probe?: string
  /** The arguments of a program that is none of Node's, and is at `path`. */
  program?: (port: number) => string[]
}

const running = new Set<ChildProcess>()
process.once('exit', () => { for (const child of running) child.kill('SIGKILL') })

const meter = new URL('meter.js', import.meta.url).href
const nowhere = openSync('/dev/null', 'w')

export const server = (name: string): string => fileURLToPath(new URL(`../servers/${name}.js`, import.meta.url))

export async function startContestant ({ name, path, env = {}, probe = '/', program }: Script): Promise<Contestant> {
  const port = await freePort()
  const child = program
    ? spawn(path, program(port), { env: environment(port, env), stdio: ['ignore', nowhere, nowhere] })
    : spawn(process.execPath, ['--import', meter, path], { env: environment(port, env), stdio: ['ignore', nowhere, 'inherit', 'ipc'] })
  running.add(child.once('exit', () => running.delete(child)))
  await answering(child, `http://127.0.0.1:${port}${probe}`)
  return {
    name,
    port,
    async usage () {
      if (program) return { cpuMicros: microsOf(child.pid), rss: 0, workers: [] }
      child.send('usage')
      const [usage] = await once(child, 'message') as [Usage]
      return usage
    },
    async stop () {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  }
}

/** Milliseconds from the start of a process, with nothing of ours inside, to its first answer with 200. */
export async function startToFirstAnswer ({ path, env = {}, probe = '/' }: Script): Promise<number> {
  const port = await freePort()
  const began = performance.now()
  const child = spawn(process.execPath, [path], { env: environment(port, env), stdio: ['ignore', nowhere, 'inherit'] })
  running.add(child.once('exit', () => running.delete(child)))
  await answering(child, `http://127.0.0.1:${port}${probe}`, 1)
  const took = performance.now() - began
  child.kill('SIGINT')
  await once(child, 'exit')
  return took
}

/** Only what the contestant is given: nothing of the caller's own settings decides a measurement. */
export const environment = (port: number, env: Record<string, string>): NodeJS.ProcessEnv =>
  ({ PATH: process.env['PATH'], NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...env })

export async function freePort (): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}

async function answering (child: ChildProcess, url: string, pauseMs = 20): Promise<void> {
  for (const deadline = Date.now() + 20_000; ;) {
    const status = await fetch(url, { redirect: 'manual' }).then(async answer => { await answer.arrayBuffer(); return answer.status }, () => 0)
    if (status > 0 && status < 500) return
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${url} does not answer (${status || 'no connection'})`)
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
}
