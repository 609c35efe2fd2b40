import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { commands } from '../../../src/stores/redis/commands.ts'
import { tryStore } from '../../../src/stores/trial.ts'
import { temporaryFolder, type Teardown } from '../../helpers/app.ts'
import { run, serve } from '../../helpers/child.ts'
import { eventually } from '../../helpers/eventually.ts'
import { redisServer, redisServerOf, type RedisServer } from '../../helpers/redis-server.ts'
import { ada, openTestState } from '../../helpers/state.ts'

const program = 'dist/server.js'
const SECRET = 'a secret of thirty-two characters!'
/** Redis 7, and Redis 6.2 where the script could get it. */
const programs = ['redis-server', ...(process.env['REDIS_SERVER_62'] ? [process.env['REDIS_SERVER_62']] : [])]

/** A user who may do these commands on our keys. */
async function limitedTo (redis: RedisServer, names: string[], keys = '~handstamp:*'): Promise<string> {
  await redis.client.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>pass', keys, ...names.map(name => `+${name}`))
  return redis.url.replace('//', '//limited:pass@')
}

async function connected (t: Teardown, url: string): Promise<RedisStore> {
  const store = await RedisStore.connect(url, Date.now, () => {})
  t.teardown(() => store.close())
  return store
}

for (const server of programs) {
  t.test(`${server}: a user with the commands that the message lists can do all that a service does`, async t => {
    const redis = await redisServerOf(server, t)
    const REDIS_URL = await limitedTo(redis, commands)
    await tryStore(await connected(t, REDIS_URL))
    const { sessions, keys } = await openTestState(t, { REDIS_URL, SECRET })
    const { id, refreshToken } = await sessions.start(ada, 0)
    await sessions.refresh(refreshToken)
    await sessions.end('dev|7', id)
    for await (const session of sessions.all()) t.fail(session.id)
    await keys.rotate(true)
    const log = await redis.client.call('ACL', 'LOG') as unknown[]
    t.same(log, [], 'nothing was refused')
  })

  t.test(`${server}: a command that the user may not do, or that was renamed, is named`, async t => {
    const redis = await redisServerOf(server, t)
    for (const name of ['set', 'evalsha', 'zadd', 'zscore', 'persist', 'mget']) {
      const store = await connected(t, await limitedTo(redis, commands.filter(other => other !== name)))
      const message = new RegExp(`ACL SETUSER limited ~handstamp:\\* .*\\+${name}\\b.*refused: ${name.toUpperCase()}\\)$`)
      await t.rejects(tryStore(store), { lasting: true, message })
    }
    const elsewhere = await connected(t, await limitedTo(redis, commands, '~other:*'))
    await t.rejects(tryStore(elsewhere), { lasting: true, message: /~handstamp:\*/ })
    const renamed = await redisServerOf(server, t, '--rename-command', 'ZADD', '', '--rename-command', 'EVAL', 'EVAL_OF_OURS')
    await t.rejects(tryStore(await connected(t, renamed.url)), { lasting: true, message: /renamed.*refused: EVAL, ZADD\)$/ })
  })

  t.test(`L18 ${server}: a service whose primary became a replica finds the new one by itself`, async t => {
    const [before, after] = [await redisServerOf(server, t), await redisServerOf(server, t)]
    const address = await forwarder(t, () => primary)
    let primary = before
    const store = await connected(t, address)
    await store.put('things/a', 'one')
    await before.client.call('REPLICAOF', '127.0.0.1', '1')
    primary = after
    const message = /a replica, which takes no writes: REDIS_URL must name the primary/
    await t.rejects(store.replace('things/a', 'one', 'two'), { name: 'StoreError', message })
    await eventually('it writes to the new one', () => store.put('things/b', 'one').then(() => true, () => false))
    t.equal(await after.client.get('handstamp:things/b'), 'one')
  })
}

/** An address behind which is one Redis after another, as behind a name or a virtual address. Open connections stay. */
async function forwarder (t: Teardown, target: () => RedisServer): Promise<string> {
  const server = createServer(incoming => {
    const outgoing = connect(Number(new URL(target().url).port), '127.0.0.1')
    for (const [one, other] of [[incoming, outgoing], [outgoing, incoming]] as const) {
      one.pipe(other)
      one.on('error', () => { other.destroy() }).on('close', () => { other.destroy() })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Ends without having been ready, and says why. */
async function refusedStart (t: Teardown, redisUrl: string): Promise<string> {
  const child = run(t, { REDIS_URL: redisUrl, SECRET, PORT: '0', SIGNING_ALG: 'ES256', DATA_DIR: temporaryFolder(t) }, { program })
  const code = await child.ended
  if (code !== 1 || child.stdout().includes('"msg":"ready"')) throw new Error(`it ended with ${code}: ${child.stdout()}`)
  return child.stderr()
}

t.test('R78 a start says what of Redis has to be set, and ends', async t => {
  const redis = await redisServer(t)
  t.match(await refusedStart(t, await limitedTo(redis, commands.filter(name => name !== 'zadd'))), /^handstamp cannot start: .*ACL SETUSER.*refused: ZADD/)
  const renamed = await redisServer(t, '--rename-command', 'EVALSHA', '')
  t.match(await refusedStart(t, renamed.url), /the command evalsha: .*renamed/)
  const withoutInfo = await redisServer(t, '--rename-command', 'INFO', '')
  const from = performance.now()
  t.match(await refusedStart(t, withoutInfo.url), /the command info: .*renamed/)
  t.ok(performance.now() - from < 10_000, 'at once')
  const cluster = await redisServer(t, '--appendonly', 'no', '--cluster-enabled', 'yes', '--cluster-config-file', `${temporaryFolder(t)}/nodes.conf`)
  t.match(await refusedStart(t, cluster.url), /cluster/)
})

t.test('a Redis that is older than 6.2 is refused by its version', async t => {
  const info = 'redis_version:6.0.16\r\nrole:master\r\n'
  const old = createServer(socket => {
    const answer = `$${info.length}\r\n${info}\r\n`
    socket.on('data', asked => { socket.write(answer.repeat(String(asked).match(/^\*\d+\r$/gm)?.length ?? 0)) }).on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(old, 'listening')
  t.teardown(() => old.close())
  const url = `redis://127.0.0.1:${(old.address() as AddressInfo).port}`
  await t.rejects(RedisStore.connect(url), { lasting: true, message: /Redis 6\.0\.16 is too old.*6\.2/ })
})

t.test('readiness is red while Redis is full, or lost its primary, says what to set, and heals', async t => {
  const redis = await redisServer(t)
  const child = await serve(t, { REDIS_URL: redis.url, SECRET }, { program })
  const status = async () => (await fetch(`${child.url}/readyz`)).status
  t.equal(await status(), 200)
  const cases: Array<[() => Promise<unknown>, () => Promise<unknown>, RegExp]> = [
    [() => redis.client.config('SET', 'maxmemory', '1'), () => redis.client.config('SET', 'maxmemory', '0'), /raise its maxmemory/],
    [() => redis.client.call('REPLICAOF', '127.0.0.1', '1'), () => redis.client.call('REPLICAOF', 'NO', 'ONE'), /REDIS_URL must name the primary/]
  ]
  for (const [breakIt, mend, words] of cases) {
    await breakIt()
    await eventually('it is red', async () => await status() === 503)
    await eventually('it says so', () => words.test(child.stdout()))
    t.equal((await fetch(`${child.url}/livez`)).status, 200)
    t.equal((await fetch(`${child.url}/.well-known/jwks.json`)).status, 200)
    await mend()
    await eventually('it is green', async () => await status() === 200)
  }
  await eventually('both ends are told', () => child.stdout().match(/"msg":"ready again"/g)?.length === 2)
})

t.test('a service that starts on a full Redis serves keys, is not ready, and heals', async t => {
  const redis = await redisServer(t)
  const env = { REDIS_URL: redis.url, SECRET }
  const first = await serve(t, env, { program })
  first.process.kill('SIGINT')
  await first.ended
  await redis.client.config('SET', 'maxmemory', '1')
  const child = await serve(t, env, { program })
  t.equal((await fetch(`${child.url}/readyz`)).status, 503)
  await eventually('it says so', () => /raise its maxmemory.*not ready: a login would fail/.test(child.stdout()))
  t.equal((await fetch(`${child.url}/.well-known/jwks.json`)).status, 200)
  await redis.client.config('SET', 'maxmemory', '0')
  await eventually('it is ready', async () => (await fetch(`${child.url}/readyz`)).status === 200)
})
