import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { get } from 'node:http'
import { createServer } from 'node:net'
import t from 'tap'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { temporaryFolder } from '../helpers/app.ts'
import { run, serve, type Child } from '../helpers/child.ts'
import { eventually } from '../helpers/eventually.ts'

t.jobs = 2 // most of the time goes by waiting for processes

/** The status of a GET over a connection of its own: the next worker answers it. */
async function status (url: string, headers: Record<string, string> = {}): Promise<number> {
  const request = get(url, { agent: false, headers })
  const [response] = await once(request, 'response')
  response.resume()
  return response.statusCode as number
}

/** The processes that a service has started. */
function workersOf ({ process: { pid } }: Child): number[] {
  const parentOf = (child: string): string | undefined => {
    try {
      return /\) \S (\d+)/.exec(readFileSync(`/proc/${child}/stat`, 'utf8'))?.[1]
    } catch {
      return undefined // it has ended meanwhile
    }
  }
  return readdirSync('/proc').filter(name => /^\d+$/.test(name) && parentOf(name) === String(pid)).map(Number)
}

t.test('workers share one port: login, session and sign-out hold across them', async t => {
  const child = await serve(t, { WORKERS: '2', DEV_LOGIN: 'true' })
  await eventually('two workers are ready', () => child.stdout().split('"msg":"listening on http://127.0.0.1:').length === 3)
  const browser = new Browser(undefined, child.url)
  const signedIn = await devSignIn(browser, 'ada@example.com')
  t.equal(signedIn.status, 303, signedIn.body)
  const cookie = `handstamp=${browser.cookies.get('handstamp')}`
  for (let time = 0; time < 6; time++) t.equal(await status(`${child.url}/auth/me`, { cookie }), 200)
  t.equal((await browser.visit('/auth/logout', { method: 'POST', json: {} })).status, 204)
  await eventually('every worker refuses the token', async () =>
    (await Promise.all(Array.from({ length: 6 }, () => status(`${child.url}/auth/me`, { cookie })))).every(code => code === 401))
  t.equal(child.stdout().match(/"msg":"ready"/g)?.length, 1, 'one speaks for all')
  for (const line of child.stdout().split('\n').filter(Boolean)) t.doesNotThrow(() => JSON.parse(line))
  for (const pid of workersOf(child)) process.kill(pid, 'SIGTERM') // as systemd does, besides telling the first process
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 0)
})

t.test('a rate limit holds for all workers together', async t => {
  const child = await serve(t, { WORKERS: '2', DEV_LOGIN: 'true', RATE_LIMIT: '5' })
  await eventually('two workers are ready', () => child.stdout().split('"msg":"listening on http://127.0.0.1:').length === 3)
  const codes = await Promise.all(Array.from({ length: 12 }, () => status(`${child.url}/auth/dev`)))
  t.same(codes.sort(), [...Array<number>(5).fill(302), ...Array<number>(7).fill(429)])
})

t.test('a worker that dies is replaced, and the service goes on', async t => {
  const child = await serve(t, { WORKERS: '2' })
  await eventually('two workers', () => workersOf(child).length === 2)
  const [victim = 0] = workersOf(child)
  await eventually('both serve', () => child.stdout().split('"msg":"listening on http://127.0.0.1:').length === 3)
  process.kill(victim, 'SIGKILL')
  await eventually('another one serves', () => child.stdout().split('"msg":"listening on http://127.0.0.1:').length === 4)
  t.match(child.stdout(), new RegExp(`"pid":${victim}.*a worker ended`))
  t.notOk(workersOf(child).includes(victim))
  for (let time = 0; time < 4; time++) t.equal(await status(`${child.url}/livez`), 200)
  child.process.kill('SIGINT')
  t.equal(await child.ended, 0)
})

t.test('L24 a second SIGTERM ends all workers at once', async t => {
  const child = await serve(t, { WORKERS: '2' })
  await eventually('both serve', () => child.stdout().split('"msg":"listening on http://127.0.0.1:').length === 3)
  const workers = workersOf(child)
  for (const pid of workers) process.kill(pid, 'SIGSTOP') // they hear nothing
  child.process.kill('SIGTERM')
  await eventually('it is stopping', () => child.stdout().includes('stopping the workers'))
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 1)
  t.same(workersOf(child), [])
})

t.test('workers that cannot start end the service, with the reason', async t => {
  const listener = createServer().listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const port = String((listener.address() as { port: number }).port)
  const child = run(t, { WORKERS: '2', PORT: port, HOST: '127.0.0.1', PUBLIC_URL: `http://127.0.0.1:${port}`, DATA_DIR: temporaryFolder(t) })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /EADDRINUSE/)
})

t.test('workers end with the process that started them', async t => {
  const child = await serve(t, { WORKERS: '2' })
  await eventually('both serve', () => child.stdout().split('"msg":"listening on http://127.0.0.1:').length === 3)
  const workers = workersOf(child)
  t.equal(workers.length, 2)
  child.process.kill('SIGKILL')
  const lives = (pid: number): boolean => {
    try { return process.kill(pid, 0) } catch { return false }
  }
  await eventually('none is left', () => !workers.some(lives))
})
