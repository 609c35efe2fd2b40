import { createServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { EmbeddedStore } from '../../../src/stores/embedded/embedded-store.ts'
import { openStore } from '../../../src/stores/index.ts'
import { RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { StoreError } from '../../../src/stores/store.ts'
import type { Environment } from '../../../src/env/environment.ts'
import { buildTestApp, freePort, temporaryFolder, type Teardown } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'
import { certificate } from '../../helpers/certificates.ts'
import { eventually } from '../../helpers/eventually.ts'
import { redisServer } from '../../helpers/redis-server.ts'
import { ada, openTestState } from '../../helpers/state.ts'
import { listOf } from '../../helpers/stores.ts'
import { replicas } from '../../sessions/replicas.ts'
import { conformance } from '../conformance.ts'

const seconds = () => Math.floor(Date.now() / 1000)
const shared = await redisServer(t)

/** A store on an empty Redis of its own, and what it told its watcher. */
async function scene (t: Teardown, ...settings: string[]) {
  const redis = await redisServer(t, ...settings)
  const told: Array<Error | undefined> = []
  const store = await RedisStore.connect(redis.url, Date.now, error => { told.push(error) })
  t.teardown(() => store.close())
  return { redis, store, told }
}

/** How long something took to be refused by a store that does not answer. */
async function msToRefuse (asked: Promise<unknown>): Promise<number> {
  const from = performance.now()
  const error = await asked.then(() => undefined, (error: unknown) => error)
  if (!(error instanceof StoreError)) throw new Error('the store should have refused', { cause: error })
  return performance.now() - from
}

// They wait as long as a start waits for Redis: they do so beside the other tests.
const silentServer = createServer(socket => { socket.on('error', () => {}) })
await new Promise<void>(resolve => silentServer.listen(0, '127.0.0.1', resolve))
const silent = RedisStore.connect(`redis://127.0.0.1:${(silentServer.address() as AddressInfo).port}`).catch((error: unknown) => error)
const unreachable = RedisStore.connect(`redis://127.0.0.1:${await freePort()}`).catch((error: unknown) => error)

for (const form of ['compact', 'indexed']) {
  t.test(`in the form ${form}`, async t => {
    conformance(t, async t => {
      await shared.client.flushall()
      if (form === 'indexed') await shared.client.set('handstamp:format', form)
      return {
        settings: { dataDir: '', redisUrl: shared.url },
        async open () {
          const store = await openStore({ dataDir: '', redisUrl: shared.url }, Date.now)
          t.teardown(() => store.close())
          return store
        }
      }
    })
  })
}

replicas(t, async () => {
  await shared.client.flushall()
  return { REDIS_URL: shared.url, SECRET: 'a secret of thirty-two characters!' }
}, { travels: false })

for (const policy of ['allkeys-lru', 'allkeys-lfu', 'allkeys-random']) {
  t.test(`L19 a Redis that would evict what we keep (${policy}) is refused`, async t => {
    const redis = await redisServer(t, '--maxmemory-policy', policy)
    await t.rejects(RedisStore.connect(redis.url), { name: 'StoreError', message: new RegExp(`${policy}.*noeviction`) })
    t.equal(await redis.client.dbsize(), 0)
  })
}

t.test('L18 a replica is refused', async t => {
  const redis = await redisServer(t, '--replicaof', '127.0.0.1', shared.url.split(':').at(-1) ?? '')
  await eventually('it follows its primary', async () => (await redis.client.info('replication')).includes('master_link_status:up'))
  await t.rejects(RedisStore.connect(redis.url), { name: 'StoreError', message: /replica/ })
})

t.test('L19 noeviction is what it takes to be silent', async t => {
  const { store, told } = await scene(t, '--maxmemory-policy', 'noeviction')
  await store.ping()
  t.same(told, [])
})

t.test('L19 any other policy is warned about', async t => {
  const { store, told } = await scene(t, '--maxmemory-policy', 'volatile-lru')
  await store.ping()
  t.match(told[0], { name: 'StoreError', message: /volatile-lru.*noeviction/ })
})

t.test('L19 a policy that cannot be read is warned about', async t => {
  t.capture(console, 'warn') // the client says so, too
  const redis = await redisServer(t)
  await redis.client.call('ACL', 'SETUSER', 'limited', 'on', '>pass', '~*', '+@all', '-info')
  const told: Array<Error | undefined> = []
  const store = await RedisStore.connect(redis.url.replace('//', '//limited:pass@'), Date.now, error => { told.push(error) })
  t.teardown(() => store.close())
  t.ok(told.some(error => /noeviction/.test(error?.message ?? '')))
  await store.put('things/a', 'one')
  t.equal(await store.get('things/a'), 'one')
})

t.test('L16 L17 a Redis that hangs is given up within a second, and comes back by itself', async t => {
  const { redis, store, told } = await scene(t)
  await store.put('things/a', 'one')
  redis.pause()
  const asked = {
    get: store.get('things/a'),
    put: store.put('things/b', 'x'),
    claim: store.claim('things/c', 'x'),
    replace: store.replace('things/a', 'one', 'two'),
    replaceLine: store.replaceLine('things/a', 'one', 'two'),
    remove: store.remove('things/d'),
    add: store.add('things/e', 'x', 1),
    page: store.page('things/', 100),
    announce: store.announce('news', seconds() + 60),
    newsAfter: store.newsAfter(0),
    count: store.count('numbers'),
    ping: store.ping()
  }
  for (const [name, answer] of Object.entries(asked)) t.ok(await msToRefuse(answer) < 1_000, name)
  for (let attempt = 0; attempt < 5; attempt++) t.ok(await msToRefuse(store.get('things/a')) < 1_000)
  redis.resume()
  await eventually('it is back', () => store.ping().then(() => true, () => false))
  t.equal(await store.get('things/a'), 'one')
  t.match(told, [Error, undefined], 'one problem, one recovery')
})

t.test('L17 a Redis that has answered while this process was busy is not taken for one that hangs', async t => {
  const { store, told } = await scene(t)
  await store.put('things/a', 'one')
  const swap = store.replaceLine('things/a', 'one', 'two')
  for (const until = performance.now() + 1_500; performance.now() < until;);
  t.same(await swap, { replaced: true, found: 'one' })
  t.same(told, [])
})

t.test('L16 a Redis that is gone is refused at once, and what it kept is there when it is back', async t => {
  // With appendfsync everysec, the default, a kill -9 may take what was acknowledged in the last second or two.
  const { redis, store, told } = await scene(t, '--appendfsync', 'always')
  await store.put('things/a', 'one', seconds() + 600)
  await store.count('numbers')
  await redis.kill()
  await eventually('it is noticed', () => store.ping().then(() => false, () => true))
  for (let attempt = 0; attempt < 20; attempt++) t.ok(await msToRefuse(store.put('things/b', 'x')) < 200)
  await redis.start()
  await eventually('it is back', () => store.ping().then(() => true, () => false))
  t.equal(await store.get('things/a'), 'one')
  t.ok(await store.replace('things/a', 'one', 'two'), 'scripts work in a Redis that has forgotten them')
  t.equal(await store.count('numbers'), 2)
  t.match(told.filter((problem, index) => !problem || index === 0), [Error, undefined], 'it is told, perhaps with more of the reason, and when it is over')
})

t.test('L16 what was asked of a Redis that went away is refused, and not done when it is back', async t => {
  const { redis, store } = await scene(t, '--appendfsync', 'always')
  await store.put('things/a', 'one')
  redis.pause()
  const asked = [store.put('things/a', 'two'), store.claim('things/b', 'x'), store.replaceLine('things/a', 'one', 'three'), store.count('numbers')]
  const refused = Promise.all(asked.map(msToRefuse))
  await redis.kill()
  await refused
  await redis.start()
  await eventually('it is back', () => store.ping().then(() => true, () => false))
  t.equal(await store.get('things/a'), 'one')
  t.equal(await store.get('things/b'), undefined)
  t.equal(await store.count('numbers'), 1)
})

t.test('L20 a Redis that is full refuses what is new, is not taken for one that is away, and goes on when there is room', async t => {
  const { redis, store, told } = await scene(t)
  await store.put('things/a', 'one\n')
  await redis.client.config('SET', 'maxmemory', '1mb')
  const writes: Array<() => Promise<unknown>> = [
    () => store.put('things/b', 'x'),
    () => store.claim('things/c', 'x'),
    () => store.replace('things/a', 'one\n', 'two\n'),
    () => store.replaceLine('things/a', 'one', 'two'),
    () => store.count('numbers'),
    () => store.announce('news', seconds() + 60)
  ]
  for (const write of writes) await t.rejects(async () => { await write() }, { name: 'StoreError', message: /^Redis refused .*full.*OOM/ })
  t.equal(await store.get('things/a'), 'one\n')
  await store.ping()
  await store.remove('things/a')
  await redis.client.config('SET', 'maxmemory', '0')
  await store.put('things/a', 'two')
  t.equal(await store.get('things/a'), 'two')
  t.same(told, [])
})

t.test('scripts that Redis was told to forget are sent again', async t => {
  const { redis, store } = await scene(t)
  await store.put('things/a', 'one')
  await redis.client.script('FLUSH')
  await Promise.all([store.put('things/b', 'x'), store.replace('things/a', 'one', 'two'), store.announce('news', seconds() + 60)])
  await redis.client.script('FLUSH')
  t.ok((await store.replaceLine('things/a', 'tw', 'three')).replaced)
  t.equal(await store.get('things/a'), 'three')
  t.equal(await store.get('things/b'), 'x')
})

t.test('L18 a swap that Redis gets to too late is not made: we have said that it was not', async t => {
  const { redis, store } = await scene(t)
  await store.put('things/a', 'one')
  await store.put('things/b', 'one\nrest')
  t.ok(await store.replace('things/a', 'one', 'two'))
  t.ok((await store.replaceLine('things/b', 'one', 'two')).replaced)
  await redis.client.config('RESETSTAT')
  redis.pause()
  const swaps = [store.replace('things/a', 'two', 'three'), store.replaceLine('things/b', 'two', 'three')]
  for (const swap of swaps) await msToRefuse(swap)
  redis.resume()
  await eventually('Redis got to both', async () => (await redis.client.info('commandstats')).includes('cmdstat_get:calls=2'))
  t.equal(await redis.client.get('handstamp:things/a'), 'two')
  t.equal(await redis.client.get('handstamp:things/b'), 'two\nrest')
})

t.test('L18 whoever swaps too late for Redis hears it, and the next swap is in time', async t => {
  const { redis, store } = await scene(t)
  await store.put('things/a', 'one')
  await eventually('one is late and yet answered', async () => {
    redis.pause()
    const swap = store.replace('things/a', 'one', 'two').then(() => 'made', (error: Error) => error.message)
    await new Promise(resolve => setTimeout(resolve, 440))
    redis.resume()
    return await swap === 'Redis came to a swap too late'
  })
  t.equal(await store.get('things/a'), 'one')
  t.ok(await store.replace('things/a', 'one', 'two'))
})

t.test('what was given up is not sent again when Redis is back', async t => {
  const { redis, store } = await scene(t)
  redis.pause()
  await Promise.all(Array.from({ length: 5 }, () => msToRefuse(store.count('numbers'))))
  redis.resume()
  await eventually('it is back', () => store.ping().then(() => true, () => false))
  t.ok(await store.count('numbers') <= 6)
})

t.test('L25 a jump of our clock does not keep swaps from being in time', async t => {
  const { store } = await scene(t)
  await store.put('things/a', '0')
  const now = Date.now
  for (const [round, jumpMs] of [-3_600_000, 3_600_000, -1_000, 1_000].entries()) {
    const restore = t.intercept(Date, 'now', { value: () => now() + jumpMs })
    t.ok(await store.replace('things/a', String(round), String(round + 1)), `${jumpMs} ms`)
    restore.restore()
  }
})

t.test('L25 what we take the clock of Redis for follows it when it jumps, and no swap is refused for it', async t => {
  const { store, told } = await scene(t)
  await store.put('things/a', '0')
  await store.put('things/b', '0;')
  const { now } = performance
  for (const [round, jumpMs] of [3_600_000, -3_600_000, 1_000, -1_000].entries()) {
    // To a Redis whose clock stays the same, ours jumps: between the two that is one and the same.
    const { restore } = t.intercept(performance, 'now', { value: () => now.call(performance) + jumpMs })
    t.ok(Math.abs(store.now() - Date.now() - jumpMs) < 300)
    t.ok(await store.replace('things/a', String(round), String(round + 1)), `${jumpMs} ms`)
    t.ok(Math.abs(store.now() - Date.now()) < 300)
    restore()
    t.ok((await store.replaceLine('things/b', `${round};`, `${round + 1};`)).replaced, `${-jumpMs} ms`)
    t.ok(Math.abs(store.now() - Date.now()) < 300)
  }
  t.same(told, [])
})

t.test('L25 a Redis whose clock shows another time than ours is warned about', async t => {
  for (const [off, message] of [[3_600, /^the clock of Redis is 3600 seconds behind that of this machine: keep both by NTP$/],
    [-30, /^the clock of Redis is 30 seconds ahead of/]] as const) {
    const told: unknown[] = []
    const store = await RedisStore.connect(shared.url, () => Date.now() + off * 1000, error => { told.push(error) })
    t.teardown(() => store.close())
    t.match(told, [{ name: 'StoreError', message }])
    t.ok(Math.abs(store.now() - Date.now()) < 300)
  }
})

const redisEnv = (): Environment => ({ REDIS_URL: shared.url, SECRET: 'a secret of thirty-two characters!' })
const apart = [-7_200, -700, -30, 30, 700, 7_200]

t.test('L25 R48 replicas whose clocks are far apart share sessions, and take no refresh for theft', async t => {
  for (const off of apart) {
    await shared.client.flushall()
    const right = await openTestState(t, redisEnv())
    const wrong = await openTestState(t, redisEnv(), { startAt: off })
    for (const [here, there] of [[right, wrong], [wrong, right]] as const) {
      const { id, refreshToken: first, startedAt, idleEndsAt } = await here.sessions.start(ada, 0)
      t.ok(Math.abs(startedAt - seconds()) < 2, `${off}`)
      const second = (await there.sessions.refresh(first)).refreshToken
      t.match(await here.sessions.refresh(first), { refreshToken: second, repeated: undefined })
      t.match(await there.sessions.list('dev|7'), [{ id, startedAt }])
      const [key = ''] = await shared.client.keys('handstamp:{sessions/*')
      t.ok(Math.abs(await shared.client.expiretime(key) - idleEndsAt) < 3)
      await here.sessions.endAll('dev|7')
      const claims = { sid: id, auth_time: startedAt }
      await eventually('it is known', () => there.revocations.has(claims))
      const [, end] = await shared.client.zrange('handstamp:news/ends/', '-1', '-1', 'WITHSCORES')
      t.ok(Math.abs(Number(end) - seconds() - 600 - 3_600) < 3, 'and for as long as it matters')
      for (const startAt of [0, off]) {
        const later = await openTestState(t, redisEnv(), { startAt })
        t.ok(later.revocations.has(claims), 'also after a restart')
        await later.close()
      }
    }
    await Promise.all([right.close(), wrong.close()])
  }
})

t.test('L25 a login goes through, and only once, however far our clock and that of Redis are apart', async t => {
  for (const off of apart) {
    await shared.client.flushall()
    const { now } = Date
    const { restore } = t.intercept(Date, 'now', { value: () => now() + off * 1000 })
    const { app, url } = await buildTestApp(t, redisEnv())
    const browser = new Browser(app, url)
    const start = await browser.visit('/auth/dev')
    const flow = [...browser.cookies].map(pair => pair.join('=')).join('; ')
    const page = await browser.visit(String(start.headers['location']))
    const callback = String((await browser.submit(page, { email: 'ada@example.com' })).headers['location'])
    const done = await browser.visit(callback)
    t.equal(done.status, 303, `${off}`)
    t.match(String(done.headers['set-cookie']), /handstamp-refresh=[^;]+; Max-Age=(1209600|1209599|1209598);/)
    await app.inject({ url: callback.slice(url.length), headers: { cookie: flow } })
    t.equal((await shared.client.keys('handstamp:{sessions/*')).length, 1, 'one session')
    t.equal((await browser.visit('/auth/me')).status, 200)
    t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).status, 200)
    t.equal((await browser.visit('/auth/sessions')).json().sessions.length, 1)
    t.equal((await browser.visit('/auth/logout', { method: 'POST', json: {} })).status, 204)
    await app.close()
    restore()
  }
})

t.test('how long Redis was away is known afterwards', async t => {
  const redis = await redisServer(t)
  const store = await RedisStore.connect(redis.url)
  t.teardown(() => store.close())
  const start = seconds()
  t.equal(store.secondsAway(start), 0)
  redis.pause()
  await msToRefuse(store.ping())
  await eventually('it is away for three seconds', () => store.secondsAway(start) >= 3)
  redis.resume()
  await eventually('it is back', () => store.ping().then(() => true, () => false))
  const away = store.secondsAway(start)
  t.ok(away >= 3 && away <= 6, `${away}`)
  t.equal(store.secondsAway(seconds() + 10), 0)
})

/** Where a folder's index and an entry lie, by the form of a Redis. */
const layouts = {
  compact: (folder: string, name: string) => ({ index: `handstamp:{${folder}}`, member: name, entry: `handstamp:{${folder}}/${name}` }),
  indexed: (folder: string, name: string) => ({ index: `handstamp:${folder}/`, member: `${folder}/${name}`, entry: `handstamp:${folder}/${name}` })
}

for (const [form, layout] of Object.entries(layouts)) {
  async function sceneOf (t: Teardown) {
    const redis = await redisServer(t)
    await redis.client.set('handstamp:format', form)
    const store = await RedisStore.connect(redis.url)
    t.teardown(() => store.close())
    return { client: redis.client, store }
  }

  t.test(`${form}: nothing grows: an index ends with what it indexes`, async t => {
    const { client, store } = await sceneOf(t)
    const end = seconds() + 1
    await Promise.all(Array.from({ length: 500 }, (_, number) => store.put(`folder/1/${number}`, 'x', end)))
    await store.put('folder/2/a', 'x', end)
    await store.put('folder/2/a', 'x', end + 600)
    await store.remove('folder/2/a')
    await store.put('folder/3/a', 'x', end)
    await store.put('folder/3/b', 'x')
    const first = layout('folder/1', 'new').index
    await eventually('the end has come', async () => Date.now() > end * 1000 && await store.get('folder/3/a') === undefined)
    await store.put('folder/1/new', 'x', end + 600)
    await store.put('folder/1/newer', 'x', end + 600)
    t.equal(await client.zcard(first), 2)
    t.ok(await client.ttl(first) > 500)
    await store.remove('folder/1/new')
    await store.remove('folder/1/newer')
    t.equal(await client.ttl(layout('folder/3', 'b').index), -1, 'what lasts is indexed as long')
    await store.remove('folder/3/b')
    await eventually('all is gone', async () => await client.dbsize() === 1)
    t.equal(await client.get('handstamp:format'), form)
  })

  t.test(`${form}: an end that moves a little leaves the index alone, and the index still lasts as long`, async t => {
    const { client, store } = await sceneOf(t)
    const from = seconds() + 1_600
    const { index, member, entry } = layout('folder/1', 'a')
    await store.put('folder/1/b', 'another', from - 1_000)
    await store.put('folder/1/a', 'one', from)
    const score = async () => Number(await client.zscore(index, member))
    const before = await score()
    t.ok(before >= from && before <= from + 100, 'a sixteenth longer')
    const lasts = async (end: number) => {
      t.ok(await score() >= end)
      t.ok(await client.ttl(index) >= end - seconds() - 1)
      t.ok(Math.abs(await client.ttl(entry) - (end - seconds())) <= 1, 'the entry itself has no second more')
    }
    await store.replaceLine('folder/1/a', 'one', 'two', from + 50)
    t.equal(await score(), before)
    await lasts(from + 50)
    await store.replace('folder/1/a', 'two', 'three', from + 900)
    await lasts(from + 900)
    await store.put('folder/1/a', 'four', from)
    await lasts(from)
    t.ok(await score() < from + 900, 'an earlier end is indexed, too')
    await store.put('folder/1/a', 'five')
    t.equal(await client.ttl(index), -1)
    await store.put('folder/1/a', 'six', from)
    await lasts(from)
    t.same((await listOf(store, 'folder/1/')).sort(), [['folder/1/a', 'six'], ['folder/1/b', 'another']])
  })
}

t.test('a session takes at most 400 bytes of Redis', async t => {
  const redis = await redisServer(t)
  const { sessions } = await openTestState(t, { REDIS_URL: redis.url, SECRET: 'a secret of thirty-two characters!' })
  const used = async () => Number(/^used_memory:(\d+)/m.exec(await redis.client.info('memory'))?.[1])
  const signIn = async (from: number, until: number) => {
    for (let person = from; person < until; person += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => sessions.start({
        provider: 'google',
        subject: `${person + index}`.padStart(21, '1'),
        email: `person-${person + index}@example.com`,
        emailVerified: true,
        domainVouched: false,
        name: 'Ada Lovelace'
      }, 506)))
    }
  }
  await signIn(0, 500) // with them come buffers and scripts
  const before = await used()
  await signIn(500, 10_500)
  const bytes = (await used() - before) / 10_000
  t.ok(bytes <= 400, `${bytes} bytes`)
})

t.test('a Redis that was used before has the form of then, and one that is new the compact one', async t => {
  const { redis, store } = await scene(t)
  t.equal(await redis.client.get('handstamp:format'), 'compact')
  await store.put('folder/1/a', 'x')
  t.equal(await redis.client.get('handstamp:{folder/1}'), 'a\nx')

  await redis.client.flushall()
  await redis.client.set('handstamp:keys/ring', '{}')
  await redis.client.multi().set('handstamp:folder/1/a', 'x').zadd('handstamp:folder/1/', '+inf', 'folder/1/a').exec()
  const before = await RedisStore.connect(redis.url)
  t.teardown(() => before.close())
  t.same(await listOf(before, 'folder/1/'), [['folder/1/a', 'x']])
  t.equal(await redis.client.get('handstamp:format'), 'indexed')

  await redis.client.set('handstamp:format', 'of tomorrow')
  await t.rejects(RedisStore.connect(redis.url), { name: 'StoreError', lasting: true, message: /written by a newer version.*of tomorrow/ })
})

t.test('a Redis that lost the mark of its form gets it back from those that know it', async t => {
  for (const form of ['indexed', 'compact']) {
    const redis = await redisServer(t)
    await redis.client.set('handstamp:format', form)
    const store = await RedisStore.connect(redis.url)
    t.teardown(() => store.close())
    await store.announce('one', seconds() + 60)
    const { last } = await store.newsAfter(0)
    await redis.client.flushall()
    t.equal((await store.newsAfter(last)).mayHaveLost, true)
    t.equal(await redis.client.get('handstamp:format'), form)
  }
})

t.test('what is asked in one turn goes to Redis in one piece', async t => {
  const { redis, store } = await scene(t)
  const reads = async () => Number(/total_reads_processed:(\d+)/.exec(await redis.client.info('stats'))?.[1])
  const before = await reads()
  await Promise.all(Array.from({ length: 100 }, (_, number) => store.get(`things/${number}`)))
  t.ok(await reads() - before < 10)
})

t.test('nothing grows: news goes when other news comes', async t => {
  const { redis, store } = await scene(t)
  const end = seconds() + 1
  await Promise.all(Array.from({ length: 500 }, (_, number) => store.announce(`old ${number}`, end)))
  await eventually('the end has come', () => Date.now() > end * 1000)
  for (let number = 0; number < 10; number++) await store.announce(`new ${number}`, end + 600)
  t.equal(await redis.client.zcard('handstamp:news/'), 10)
  t.equal(await redis.client.zcard('handstamp:news/ends/'), 10)
  t.equal((await store.newsAfter(0)).news.length, 10)
})

t.test('without REDIS_URL the store is a folder', async t => {
  const store = await openStore({ dataDir: temporaryFolder(t) }, Date.now)
  t.type(store, EmbeddedStore)
  await store.close()
})

t.test('L16 a start waits for Redis, and then says that it cannot be reached', async t => {
  t.match(await unreachable, { name: 'StoreError', message: /^Redis cannot be reached .*nothing listens there/, cause: { code: 'ECONNREFUSED' } })
})

t.test('L16 a start gives up what accepts connections and says nothing', async t => {
  t.match(await silent, { name: 'StoreError', message: /^Redis cannot be used \(127\.0\.0\.1:/ })
  silentServer.close()
})

t.test('L16 a start goes on as soon as Redis is there, and says so', async t => {
  const redis = await redisServer(t)
  await redis.stop()
  const told: Array<string | undefined> = []
  const store = RedisStore.connect(redis.url, Date.now, error => { told.push(error?.message) })
  await eventually('it is told', () => told.length > 0)
  await redis.start()
  const opened = await store
  t.teardown(() => opened.close())
  t.match(told, [/nothing listens there/])
  t.equal(told.at(-1), undefined)
})

/** What a start says, and how long it took to. */
async function refused (url: string): Promise<{ message: string, told: string[], ms: number }> {
  const from = performance.now()
  const told: string[] = []
  const error = await RedisStore.connect(url, Date.now, problem => { told.push(problem?.message ?? 'back') }).catch((error: unknown) => error)
  return { message: error instanceof StoreError ? error.message : 'no StoreError', told, ms: performance.now() - from }
}

t.test('a start that cannot get better by waiting says why at once', async t => {
  t.capture(console, 'warn') // the client says some of it, too
  const redis = await redisServer(t)
  await redis.client.call('CONFIG', 'SET', 'requirepass', 'right')
  await redis.client.call('ACL', 'SETUSER', 'limited', 'on', '>pass', '~other:*', '+@all')
  await redis.client.call('ACL', 'SETUSER', 'weak', 'on', '>pass', '~*', '+@all', '-time')
  const at = (user: string, path = '') => redis.url.replace('//', `//${user}@`) + path
  const cases: Record<string, RegExp> = {
    [redis.url]: /asks for a password.*NOAUTH/,
    [at(':wrong-password')]: /password in REDIS_URL is wrong.*WRONGPASS/,
    [at('nobody:right')]: /password in REDIS_URL is wrong.*WRONGPASS/,
    [at('weak:pass')]: /user weak may not time.*NOPERM/,
    [at(':right', '/99')]: /no database 99/
  }
  for (const [url, text] of Object.entries(cases)) {
    const { message, ms } = await refused(url)
    t.match(message, text)
    t.match(message, redis.url.slice('redis://'.length))
    t.ok(ms < 5_000, `${ms} ms`)
    t.notMatch(message, /wrong-password|right/)
  }
  const store = await RedisStore.connect(at('limited:pass'))
  t.teardown(() => store.close())
  await t.rejects(store.put('things/a', 'x'), { message: /user limited may not.*NOPERM/ })
  t.equal(await redis.client.auth('right'), 'OK')
  await redis.client.call('ACL', 'SETUSER', 'limited', '~handstamp:*')
  await store.put('things/a', 'x')
  t.equal(await store.get('things/a'), 'x', 'once it may, it serves')
})

t.test('a node of a cluster is refused by name', async t => {
  const redis = await redisServer(t, '--cluster-enabled', 'yes')
  t.match(await refused(redis.url), { message: /^REDIS_URL names a node of a cluster: a Redis without cluster mode is needed$/ })
})

t.test('a user who may not ask what Redis is can use it all the same', async t => {
  const redis = await redisServer(t)
  await redis.client.call('ACL', 'SETUSER', 'blind', 'on', '>pass', '~*', '&*', '+@all', '-info')
  const store = await RedisStore.connect(redis.url.replace('//', '//blind:pass@'))
  t.teardown(() => store.close())
  await store.put('things/a', 'one')
  t.equal(await store.get('things/a'), 'one')
})

t.test('a password with any characters is the one that Redis gets, and the database the one that is named', async t => {
  const password = 'p@s:s/w?o#r%d %41"\'\\ä'
  const redis = await redisServer(t)
  await redis.client.call('CONFIG', 'SET', 'requirepass', password)
  const store = await RedisStore.connect(redis.url.replace('//', `//:${encodeURIComponent(password)}@`) + '/3')
  t.teardown(() => store.close())
  await store.put('things/a', 'one')
  await redis.client.call('SELECT', '3')
  t.equal(await redis.client.get('handstamp:things/a'), 'one')
})

t.test('a start that waits for Redis says at once what for', async t => {
  const port = await freePort()
  const told: Array<string | undefined> = []
  const connect = (url: string, told: Array<string | undefined>) => {
    RedisStore.connect(url, Date.now, error => { told.push(error?.message) }).catch(() => {}) // it gives up after this test
  }
  connect(`redis://localhost:${port}`, told)
  await eventually('it is told', () => told.length > 0)
  t.match(told, [/nothing listens there \(connection refused\)/])
  const server = createServer(socket => { socket.destroy() })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  await eventually('the other reason is told', () => told.length > 1)
  t.match(told[1], /closed the connection/)
  const unknown: Array<string | undefined> = []
  connect('redis://redis.invalid', unknown)
  await eventually('it is told', () => unknown.length > 0)
  t.match(unknown[0], /redis\.invalid/)
})

t.test('what becomes of Redis while the service runs is told with its cause', async t => {
  const { redis, store, told } = await scene(t)
  const causes = () => told.map(error => error?.message ?? 'back').join('\n')
  await store.put('things/a', 'one')
  await redis.kill()
  await eventually('it is told', () => /nothing listens there/.test(causes()))
  await t.rejects(store.get('things/a'), { message: /nothing listens there/ })
  await redis.start()
  await eventually('it is back', () => store.get('things/a').then(() => true, () => false))
  t.match(causes(), /back$/)
  await redis.client.call('CONFIG', 'SET', 'requirepass', 'another')
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await eventually('it is told', () => /asks for a password/.test(causes()))
  await t.rejects(store.get('things/a'), { message: /asks for a password/ })
})

for (const [fault, host, text] of [
  ['nobody vouches for', 'localhost', /authority that this machine does not trust/],
  ['is for another name', 'other.example', /authority that this machine does not trust|another name/]
] as const) {
  t.test(`a certificate that ${fault} is refused at once`, async t => {
    const { key, cert } = certificate({ hosts: [host], by: certificate() })
    const server = createTlsServer({ key, cert }, socket => { socket.on('error', () => {}) })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const { message, ms } = await refused(`rediss://:pw@localhost:${(server.address() as AddressInfo).port}`)
    t.match(message, text)
    t.ok(ms < 5_000)
  })
}

t.test('L18 news that comes under the number of lost news is heard all the same', async t => {
  const { redis, store } = await scene(t)
  const other = await RedisStore.connect(redis.url)
  t.teardown(() => other.close())
  await other.announce('lost', seconds() + 60)
  const { last, news } = await store.newsAfter(0)
  t.same(news, ['lost'])
  // As after a failover to a replica that has not got the last write.
  await redis.client.multi().set('handstamp:counters/news', last - 1).zremrangebyscore('handstamp:news/', last, last).exec()
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await eventually('it is announced', () => other.announce('new', seconds() + 60).then(() => true, () => false))
  await eventually('it is heard', async () => (await store.newsAfter(last).catch(() => undefined))?.news.includes('new') ?? false)
  t.same(await store.newsAfter(last), { last, news: [], mayHaveLost: false }, 'and once is enough')
})

t.test('L18 L27 R52 what a failover lost and a service still knows is told again: ends, places in the lists, keys', async t => {
  for (const everybody of [false, true]) {
    const { redis } = await scene(t)
    const env = { REDIS_URL: redis.url, SECRET: 'a secret of thirty-two characters!', TOKEN_STATUS: 'true' }
    const [one, other] = [await openTestState(t, env), await openTestState(t, env)]
    const lasting = await one.sessions.start({ ...ada, subject: '8' }, 0)
    const { id, startedAt, refreshToken } = await one.sessions.start(ada, 0)
    const entries = await Promise.all((await redis.client.keys('*')).map(async key => [key, await redis.client.dumpBuffer(key)] as const))
    const lost = await one.sessions.start(ada, 0)
    const revoked = one.keys.current.kid
    await one.keys.revoke(revoked)
    await (everybody ? one.sessions.endEveryone() : one.sessions.endAll('dev|7'))
    await eventually('all know', () => other.revocations.has({ sid: id, auth_time: startedAt }) && other.keys.find(revoked) === undefined)

    await redis.client.flushall()
    for (const [key, entry] of entries) await redis.client.restore(key, 0, entry, 'REPLACE')
    // Also without a new connection: news that is fewer than before says it all.
    if (everybody) await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    const ring = async () => await redis.client.get('handstamp:keys/ring') ?? ''
    await eventually('the key is gone again', async () => !(await ring()).includes(revoked))
    await eventually('the ends are told again', async () => (await redis.client.zcard('handstamp:news/')) > 0)
    t.equal(one.keys.find(revoked) ?? other.keys.find(revoked), undefined)

    const later = await openTestState(t, env, { startAt: 86_400 })
    await eventually('a replica that starts later knows it', () => later.revocations.has({ sid: id, auth_time: startedAt }))
    await t.rejects(later.sessions.refresh(refreshToken), { code: 'invalid_refresh_token' })
    t.equal(later.keys.find(revoked), undefined)
    const { statusIndex = 0 } = await other.sessions.start(ada, 0)
    t.ok(statusIndex > Number(lost.statusIndex), 'no place of a session that ended')
    t.equal(later.revocations.has({ sid: lasting.id, auth_time: lasting.startedAt }), everybody)
  }
})

t.test('a walk gives no entry twice, though SCAN may while the table shrinks', async t => {
  const { redis, store } = await scene(t)
  const keys = Array.from({ length: 4_000 }, (_, number) => `things/of-some/${number}`)
  for (let round = 0; round < 3; round++) {
    await redis.client.flushall()
    await Promise.all(keys.map(key => store.put(key, 'x')))
    const seen: string[] = []
    for await (const [key] of store.walk('things/')) {
      if (seen.push(key) === 900) await Promise.all(keys.slice(200).map(gone => store.remove(gone)))
    }
    t.equal(new Set(seen).size, seen.length)
  }
})

t.test('R56 the clock of whoever ends everybody\'s sessions does not matter', async t => {
  for (const off of [-3_600, -30, 30, 3_600]) {
    await shared.client.flushall()
    const env = { REDIS_URL: shared.url, SECRET: 'a secret of thirty-two characters!' }
    const service = await openTestState(t, env)
    const { id, startedAt, refreshToken } = await service.sessions.start(ada, 0)
    await (await openTestState(t, env, { startAt: off })).sessions.endEveryone()
    await eventually('it is known', () => service.revocations.has({ sid: id, auth_time: startedAt }))
    const later = await service.sessions.start(ada, 0)
    t.notOk(service.revocations.has({ sid: later.id, auth_time: later.startedAt }), `${off}`)
    t.ok(await service.sessions.refresh(later.refreshToken))
    await t.rejects(service.sessions.refresh(refreshToken), { code: 'invalid_refresh_token' })
  }
})
