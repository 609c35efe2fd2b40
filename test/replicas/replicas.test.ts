import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { subjectIdOf } from '../../src/sessions/refresh-tokens.ts'
import { recordOf } from '../../src/sessions/record.ts'
import type { Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { run, serve } from '../helpers/child.ts'
import { eventually } from '../helpers/eventually.ts'
import { redisServer } from '../helpers/redis-server.ts'
import { roundRobin } from '../helpers/round-robin.ts'
import { ada, openTestState } from '../helpers/state.ts'

const program = 'dist/server.js'
const post = { method: 'POST', json: {} } as const

/** Three replicas of the built service on one Redis, behind a proxy, and the state that an operator's command sees. */
async function scene (t: Teardown, ...settings: string[]) {
  const redis = await redisServer(t, ...settings)
  const proxy = await roundRobin(t)
  const env = { PUBLIC_URL: proxy.url, REDIS_URL: redis.url, SECRET: 'a secret of thirty-two characters!', RATE_LIMIT: '0', SIGNING_ALG: 'ES256' }
  const replicas = await Promise.all([1, 2, 3].map(() => serve(t, env, { program })))
  const addresses = replicas.map(({ port }) => `http://localhost:${port}`)
  proxy.targets.push(...addresses)
  return { redis, url: proxy.url, env, addresses, replicas, state: await openTestState(t, env) }
}

interface Answer {
  status: number
  /** The successor, where there is one. */
  token: string | undefined
  retryAfter: string | undefined
  ms: number
}

const agent = new Agent({ keepAlive: true, maxSockets: 100 })
t.teardown(() => agent.destroy())

function refresh (url: string, token: string): Promise<Answer> {
  const from = performance.now()
  const headers = { cookie: `handstamp-refresh=${token}`, origin: url }
  return new Promise((resolve, reject) => {
    request(`${url}/auth/refresh`, { method: 'POST', headers, agent }, answer => {
      const { statusCode: status = 0, headers } = answer
      const [, token] = /handstamp-refresh=([^;]+);/.exec(String(headers['set-cookie'])) ?? []
      answer.resume().on('end', () => resolve({ status, token, retryAfter: headers['retry-after'], ms: performance.now() - from }))
    }).on('error', reject).end()
  })
}

t.test('a login on one replica is refreshed on another, and a logout on a third is known to all within a second', async t => {
  const { url, addresses } = await scene(t)
  const me = async (address: string, token: string) => (await fetch(`${address}/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status
  for (let round = 0; round < 5; round++) {
    const browser = new Browser(undefined, url)
    const [login, refreshed] = [await devSignIn(browser), await browser.visit('/auth/refresh', post)]
    t.same([login.status, refreshed.status], [303, 200])
    t.not(login.headers['x-served-by'], refreshed.headers['x-served-by'])
    const token = browser.cookies.get('handstamp') ?? ''
    for (const address of addresses) t.equal(await me(address, token), 200)
    t.equal((await browser.visit('/auth/logout', post)).status, 204)
    const out = Date.now()
    await eventually('all refuse it', async () => (await Promise.all(addresses.map(address => me(address, token)))).every(status => status === 401))
    t.ok(Date.now() - out < 1_000, `${Date.now() - out} ms`)
    await fetch(`${url}/livez`) // the next round begins with another replica
  }
})

t.test('R4 a callback that comes to every replica at once begins one session, which all of them hand out', async t => {
  const { url, addresses, state } = await scene(t)
  const browser = new Browser(undefined, url)
  const page = await browser.visit(String((await browser.visit('/auth/dev')).headers['location']))
  const { pathname, search } = new URL(String((await browser.submit(page, { email: 'ada@example.com' })).headers['location']))
  const headers = { accept: 'application/json', cookie: [...browser.cookies].map(pair => pair.join('=')).join('; ') }
  const answers = await Promise.all([...addresses, ...addresses, ...addresses].map(address => fetch(address + pathname + search, { headers })))
  t.same(answers.map(({ status }) => status), Array(9).fill(200))
  t.equal(new Set(answers.map(answer => /handstamp-refresh=([^;]+)/.exec(answer.headers.getSetCookie().join())?.[1])).size, 1)
  const { user } = await answers[0]?.json() as { user: { sub: string } }
  t.equal((await state.sessions.list(user.sub)).length, 1)
})

t.test('R39 a key that an operator rotates or revokes changes on every replica within a second', async t => {
  const { addresses, env } = await scene(t)
  const kids = async (address: string) =>
    ((await (await fetch(`${address}/.well-known/jwks.json`)).json()) as { keys: Array<{ kid: string }> }).keys.map(({ kid }) => kid)
  const everywhere = async (is: (kids: string[]) => boolean) => (await Promise.all(addresses.map(kids))).every(is)
  const [current = '', next = ''] = await kids(addresses[0] ?? '')

  t.equal(await run(t, env, { args: ['keys', 'rotate', '--force'], program }).ended, 0)
  const rotated = Date.now()
  await eventually('all sign with the next', () => everywhere(([first]) => first === next))
  t.ok(Date.now() - rotated < 1_000)
  t.ok(await everywhere(all => all.includes(current)))
  t.equal(await run(t, env, { args: ['keys', 'revoke', current], program }).ended, 0)
  const revoked = Date.now()
  await eventually('all have dropped it', () => everywhere(all => !all.includes(current)))
  t.ok(Date.now() - revoked < 1_000)
})

t.test('R39 while a key is revoked no replica refuses a new token, and each publishes the key before one signs with it', async t => {
  const { url, addresses, env } = await scene(t)
  const kids = async (address: string) =>
    ((await (await fetch(`${address}/.well-known/jwks.json`)).json()) as { keys: Array<{ kid: string }> }).keys.map(({ kid }) => kid)
  const [leaked = ''] = await kids(url)
  const seen = { isOver: false, refreshed: 0, unknown: [] as string[], refused: 0 }
  /** Signs in, and shows each new token to the other replicas, whose key sets have to hold its key. */
  const visitor = async (email: string) => {
    const browser = new Browser(undefined, url)
    await devSignIn(browser, email)
    while (!seen.isOver) {
      const { status } = await browser.visit('/auth/refresh', post)
      t.equal(status, 200)
      const token = browser.cookies.get('handstamp') ?? ''
      const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
      if (kid === leaked) continue
      seen.refreshed++
      for (const address of addresses) {
        if (!(await kids(address)).includes(kid)) seen.unknown.push(address)
        if ((await fetch(`${address}/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status !== 200) seen.refused++
      }
    }
  }
  const visitors = Promise.all(['ada@example.com', 'grace@example.com', 'mary@example.com'].map(visitor))
  t.equal(await run(t, env, { args: ['keys', 'revoke', leaked], program }).ended, 0)
  await eventually('new tokens were seen', () => seen.refreshed > 20)
  seen.isOver = true
  await visitors
  t.match(seen, { unknown: [], refused: 0 })
})

t.test('L30 ten thousand refreshes of a hundred sessions, two thousand at once on three replicas, rotate each session once a generation', async t => {
  const { url, state } = await scene(t)
  const sessions = await Promise.all(Array.from({ length: 100 }, (_, number) => state.sessions.start({ ...ada, subject: String(number) }, 0)))
  let unavailable = 0
  const persistently = async (token: string): Promise<string> => {
    for (;;) {
      const answer = await refresh(url, token)
      if (answer.status === 200) return answer.token ?? ''
      if (answer.status !== 503 || answer.retryAfter === undefined) throw new Error(`answered ${answer.status}`)
      unavailable++
    }
  }
  // Twenty callers for each session and generation: all of them come within the grace, also on a slow machine.
  let tokens = sessions.map(({ refreshToken }) => refreshToken)
  for (let generation = 1; generation <= 5; generation++) {
    const got = await Promise.all(Array.from({ length: 2_000 }, (_, call) => persistently(tokens[call % 100] ?? '')))
    for (let number = 0; number < 100; number++) t.equal(new Set(got.filter((_, call) => call % 100 === number)).size, 1)
    t.equal(new Set(got).size, 100)
    for await (const [, text] of state.store.walk('sessions/')) t.equal(recordOf(text)?.generation, generation + 1)
    tokens = got.slice(0, 100)
  }
  t.comment(`${unavailable} times the store did not answer in time`)
})

t.test('L34 replicas keep what a later version wrote into a session', async t => {
  const { url, state } = await scene(t)
  const { id, refreshToken } = await state.sessions.start(ada, 0)
  const key = `sessions/${subjectIdOf('dev|7')}/${id}`
  const lines = async () => (await state.store.get(key) ?? '').split('\n')
  const [line, json = ''] = await lines()
  const row = JSON.parse(json) as unknown[]
  const later = JSON.stringify([...row, ...Array<string>(13 - row.length).fill(''), 'later', { version: 2 }])
  await state.store.put(key, `${line}\n${later}`)
  let token = refreshToken
  for (let replica = 0; replica < 3; replica++) token = (await refresh(url, token)).token ?? ''
  t.same(await lines(), [(await lines())[0], later])
  t.equal((await state.sessions.refresh(token)).id, id)
})

async function underLoad (t: Test, appendfsync: string, end: 'stop' | 'kill'): Promise<void> {
  const { url, redis, state, addresses, replicas } = await scene(t, '--appendfsync', appendfsync)
  const browser = new Browser(undefined, url)
  await devSignIn(browser)
  const bearer = { authorization: `Bearer ${browser.cookies.get('handstamp') ?? ''}` }
  const wrong: string[] = []
  const counts = { refreshed: 0, unavailable: 0, stateless: 0 }
  const load = { isOver: false, slowestMs: 0 }

  /** One browser that refreshes over and over, and waits a little where it is told to. */
  async function client (number: number): Promise<void> {
    let { refreshToken: token } = await state.sessions.start({ ...ada, subject: String(number) }, 0)
    for (let last = false; ; last = load.isOver) {
      const answer = await refresh(url, token)
      load.slowestMs = Math.max(load.slowestMs, answer.ms)
      if (answer.status === 200 && answer.token) {
        token = answer.token
        counts.refreshed++
        if (last) return
      } else if (answer.status === 503 && answer.retryAfter !== undefined && answer.token === undefined) counts.unavailable++
      else wrong.push(`${number}: ${JSON.stringify(answer)}`)
      if (wrong.length > 0) return
      await setTimeout(20 + Math.random() * 60)
    }
  }
  /** What needs no store. */
  async function stateless (): Promise<void> {
    while (!load.isOver) {
      for (const path of ['/auth/me', '/.well-known/jwks.json', '/livez', '/auth/providers']) {
        const { status } = await fetch(url + path, { headers: bearer })
        if (status === 200) counts.stateless++
        else wrong.push(`${path}: ${status}`)
      }
      await setTimeout(20)
    }
  }
  const ready = () => Promise.all(addresses.map(async address => (await fetch(`${address}/readyz`)).status))
  const isReady = (status: number) => async () => (await ready()).every(found => found === status)

  const loading = Promise.all([...Array.from({ length: 40 }, (_, number) => client(number)), stateless()])
  await setTimeout(1_000)
  for (let round = 0; round < 2; round++) {
    redis.pause()
    await eventually('no replica is ready', isReady(503))
    await setTimeout(2_000)
    redis.resume()
    await eventually('all are ready again', isReady(200))
    await setTimeout(1_000)
    await redis[end]()
    await eventually('no replica is ready', isReady(503))
    await setTimeout(2_000)
    await redis.start()
    await eventually('all are ready again', isReady(200))
    await setTimeout(1_000)
  }
  // A login that comes in an outage says so, and works afterwards.
  redis.pause()
  const late = new Browser(undefined, url)
  const login = await devSignIn(late, 'grace@example.com', { headers: { accept: 'application/json' } })
  t.match(login.json(), { status: 503, code: 'store_unavailable' })
  redis.resume()
  await eventually('all are ready again', isReady(200))
  t.equal((await devSignIn(late, 'grace@example.com')).status, 303)

  load.isOver = true
  await loading
  t.same(wrong, [])
  t.ok(counts.refreshed > 100 && counts.unavailable > 10 && counts.stateless > 100, JSON.stringify(counts))
  t.ok(load.slowestMs < 1_500, `the slowest answer took ${Math.round(load.slowestMs)} ms`)
  for (const { stdout } of replicas) t.notMatch(stdout(), 'refresh_token_reused')
  t.comment(`${counts.refreshed} refreshes, ${counts.unavailable} refused as unavailable, ${counts.stateless} other answers`)
}

t.test('L16 L17 Redis is paused, stopped and started again under load: no session is lost, and no answer is wrong', t => underLoad(t, 'everysec', 'stop'))

// With appendfsync everysec, the default, a kill -9 may take what was acknowledged in the last second or two.
t.test('L16 L17 the same when it is killed, where it syncs always', t => underLoad(t, 'always', 'kill'))
