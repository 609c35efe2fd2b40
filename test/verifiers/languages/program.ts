import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Teardown } from '../../helpers/app.ts'
import type { Verifier } from '../tokens.ts'

const execute = promisify(execFile)

/** Sources that stand beside the tests: what a snippet is put into. */
export const sources = 'test/verifiers/languages'

/** Where a tool chain keeps what it has fetched and compiled, from one run to the next. */
export function cacheFolder (name: string): string {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'handstamp-snippets', name)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Runs a tool to its end. What it printed is in the error, if it fails. */
export async function runTool (command: string, args: string[], cwd: string, env: Record<string, string> = {}): Promise<void> {
  await execute(command, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 }).catch((error: unknown) => {
    const { stdout, stderr } = error as { stdout: string, stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed\n${stdout}\n${stderr}`, { cause: error })
  })
}

/** A program that reads a token from each line, and answers `+ <email>` or `- <why not>`. One that ends has not checked its tokens. */
export function startProgram (t: Teardown, command: string, args: string[], cwd: string, env: Record<string, string> = {}): Verifier {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', chunk => { errors += String(chunk) })
  child.stdin.on('error', () => {}) // its end is told by the missing answer
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise<void>(resolve => { child.once('close', () => resolve()) })
  t.teardown(async () => {
    child.kill()
    await ended
  })
  return async token => {
    child.stdin.write(`${token}\n`)
    const { value, done } = await answers.next() as { value: string | undefined, done?: boolean }
    assert(!done && value !== undefined, `${command} ended at ${token}\n${errors}`)
    assert.match(value, /^[+-] /, errors)
    return value.startsWith('+ ') ? value.slice(2) : undefined
  }
}
