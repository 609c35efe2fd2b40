import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../src/config/config.ts'
import { randomId } from '../src/keys/randomness.ts'
import { openState, type State } from '../src/core.ts'
import { AccessTokens } from '../src/tokens/access-tokens.ts'
import { server, startContestant, type Script } from './harness/contestant.ts'
import type { Dialogue } from './harness/load.ts'
import { ada } from './servers/ada.ts'

export const publicUrl = 'http://localhost:3000'

/** Keys and sessions as the service opens them, to put in what a bench needs. */
export const open = (env: Record<string, string>): Promise<State> =>
  openState(loadConfig({ PUBLIC_URL: publicUrl, ...env }), { clock: Date.now, admits: () => true, onStore () {}, onProblem () {}, onEvent () {} })

/** The service as it ships: dist/server.js with Google, in a folder that has its keys already. */
export const handstamp = (dataDir: string, env: Record<string, string> = {}, name = 'Handstamp'): Script => ({
  name,
  path: 'dist/server.js',
  probe: '/livez',
  env: {
    DATA_DIR: dataDir,
    PUBLIC_URL: publicUrl,
    GOOGLE_CLIENT_ID: 'bench',
    GOOGLE_CLIENT_SECRET: 'bench',
    TOKEN_TTL: '12h',
    KEEP_ALIVE: '1h', // others have long turns
    RATE_LIMIT: '100000000', // counts as it does in production, and never refuses
    ...env
  }
})

/** A browser that refreshes, again and again. Its request is made once: a driver that leaves garbage pauses, and what it measures waits. */
export function refreshing (refreshToken: string): Dialogue {
  const head = `POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nOrigin: ${publicUrl}\r\nCookie: handstamp-refresh=`
  const request = Buffer.from(`${head}${refreshToken}\r\nContent-Length: 0\r\n\r\n`)
  return {
    request: () => request,
    heard (answer) {
      const [, successor] = /handstamp-refresh=([\w-]+)/.exec(answer) ?? []
      if (successor !== undefined) request.write(successor, head.length, 'latin1') // they are all of one length
    }
  }
}

/** node:http that repeats an answer of Handstamp's byte by byte, whatever it is asked. */
export async function rawTwin (original: Script, path: string, headers: Record<string, string> = {}): Promise<Script> {
  const contestant = await startContestant(original)
  const response = await fetch(`http://127.0.0.1:${contestant.port}${path}`, { redirect: 'manual', headers })
  const body = await response.text()
  await contestant.stop()
  const own = new Set(['date', 'connection', 'keep-alive']) // node:http adds these itself
  const answer = { status: response.status, headers: Object.fromEntries([...response.headers].filter(([name]) => !own.has(name))), body }
  return { name: 'raw node:http', path: server('raw'), env: { ANSWER: JSON.stringify(answer) } }
}

const folders = new Set<string>()
process.once('exit', () => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }) })

/** A DATA_DIR in which Handstamp has run once. */
export async function warmDataDir (env: Record<string, string> = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'handstamp-bench-'))
  folders.add(folder)
  await (await startContestant(handstamp(folder, env))).stop()
  return folder
}

/** Access tokens of so many people, by real logins at the provider `dev`. */
export async function signInMany (dataDir: string, count: number): Promise<string[]> {
  const service = await startContestant(handstamp(dataDir, { DEV_LOGIN: 'true' }))
  const tokens: string[] = []
  for (let person = 1001; person <= 1000 + count; person++) tokens.push(await signIn(service.port, `person-${person}@example.com`))
  await service.stop()
  return tokens
}

/** Access tokens of so many sessions, signed with the keys in the folder. */
export async function issueMany (dataDir: string, count: number): Promise<string[]> {
  const env = handstamp(dataDir).env ?? {}
  const { keys, close } = await open(env)
  const issuer = new AccessTokens(keys, loadConfig(env), Date.now)
  const now = Math.floor(Date.now() / 1000)
  const session = { startedAt: now, lastUsedAt: now, endsAt: now, idleEndsAt: now, device: 0, identity: ada }
  const tokens: string[] = []
  while (tokens.length < count) {
    const batch = Array.from({ length: 100 }, () => issuer.issue({ ...session, id: randomId(16) }))
    tokens.push(...(await Promise.all(batch)).map(({ token }) => token))
  }
  await close()
  return tokens
}

async function signIn (port: number, email: string): Promise<string> {
  const base = `http://127.0.0.1:${port}`
  const next = (response: Response) => String(response.headers.get('location')).replace(publicUrl, base)
  const start = await fetch(`${base}/auth/dev`, { redirect: 'manual' })
  const [flow = ''] = start.headers.get('set-cookie')?.split(';') ?? []
  const chosen = await fetch(next(start), { method: 'POST', redirect: 'manual', body: new URLSearchParams({ email, name: 'Ada' }) })
  const callback = await fetch(next(chosen), { redirect: 'manual', headers: { cookie: flow, accept: 'application/json' } })
  const { access_token: token } = await callback.json() as { access_token: string }
  return token
}
