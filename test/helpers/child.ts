import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../../src/env/environment.ts'
import { freePort, temporaryFolder, type Teardown } from './app.ts'
import { eventually } from './eventually.ts'

const server = fileURLToPath(new URL(`../../src/server${extname(import.meta.url)}`, import.meta.url))

/** The program as an operator runs it. */
export interface Child {
  process: ChildProcess
  stdout (): string
  stderr (): string
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>
}

interface Options {
  args?: string[]
  /** A module that runs before it. */
  before?: string
  /** The compiled sources, or what was built of them. */
  program?: string
}

export function run (t: Teardown, env: Environment = {}, { args = [], before, program = server }: Options = {}): Child {
  const first = before === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(before)}`]
  const child = spawn(process.execPath, [...first, program, ...args], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, error] = ['', '']
  child.stdout.on('data', chunk => { out += String(chunk) }).on('error', () => {})
  child.stderr.on('data', chunk => { error += String(chunk) })
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  t.teardown(async () => {
    child.stdout.resume()
    child.kill('SIGINT') // without the drain: a process that has to be killed tells nothing of the lines it ran
    const patience = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(patience)
  })
  return { process: child, stdout: () => out, stderr: () => error, ended }
}

/** The service on a port of its own, once it is ready. */
export async function serve (t: Teardown, env: Environment = {}, options: Options = {}): Promise<Child & { url: string, port: number }> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const child = run(t, { PUBLIC_URL: url, PORT: String(port), DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256', ...env }, options)
  let over = false
  child.ended.then(() => { over = true }, () => {})
  await eventually('ready', () => over || child.stdout().includes('"msg":"ready"'))
  assert(!over, `the service ended: ${child.stderr()}`)
  return { ...child, url, port }
}
