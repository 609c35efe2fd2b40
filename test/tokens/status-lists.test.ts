import { createLocalJWKSet, jwtVerify } from 'jose'
import { inflateSync } from 'node:zlib'
import t from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import { StatusLists, statusPlace } from '../../src/tokens/status-lists.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'
import { ada, openTestState } from '../helpers/state.ts'
import { faulty } from '../helpers/faulty.ts'

const size = 131_072

async function scene (t: Teardown, env: Environment = {}) {
  const state = await openTestState(t, { TOKEN_STATUS: 'true', ...env })
  const { config: { publicUrl }, store, keys, revocations } = state
  let time = state.now() // moves by our travels alone: a second may end in the middle of any test
  const now = () => time
  const travel = (seconds: number) => {
    time += seconds
    state.travel(seconds)
  }
  const lists = new StatusLists({ publicUrl, store, keys, revocations, clock: () => now() * 1000 })
  /** The places that are set in a list, and its claims, as a verifier sees them. */
  const read = async (number: number) => {
    const token = await lists.list(number) ?? ''
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys.jwks), { currentDate: new Date(now() * 1000), typ: 'statuslist+jwt' })
    const { bits, lst } = payload['status_list'] as { bits: number, lst: string }
    const bytes = inflateSync(Buffer.from(lst, 'base64url'))
    const set = Array.from({ length: bytes.length * 8 }, (_, place) => place).filter(place => (bytes[place >> 3] ?? 0) >> (place & 7) & 1)
    return { token, payload, protectedHeader, bits, size: bytes.length * 8, set }
  }
  const start = async () => state.sessions.start(ada, 0)
  return { ...state, now, travel, lists, read, start, publicUrl }
}

t.test('a list is a signed token with a bit for each session, 1 for those that have ended', async t => {
  const { read, start, sessions, keys, publicUrl, now } = await scene(t)
  const started = [await start(), await start(), await start()]
  t.same(started.map(({ statusIndex }) => statusIndex), [1, 2, 3])
  await sessions.end('dev|7', started[1]?.id ?? '')
  const before = now()
  const { payload, protectedHeader, bits, set, ...list } = await read(0)
  const { iat = 0 } = payload
  t.ok(iat >= before && iat <= now())
  t.same(protectedHeader, { alg: 'ES256', kid: keys.current.kid, typ: 'statuslist+jwt' })
  t.match(payload, { iss: publicUrl, sub: `${publicUrl}/.well-known/token-status/0`, exp: iat + 600, ttl: 10 })
  t.equal(bits, 1)
  t.equal(list.size, size)
  t.same(set, [2])
})

t.test('every session has a place of its own, also past the end of a list', async t => {
  t.same(statusPlace('https://a.test', size - 1), { idx: size - 1, uri: 'https://a.test/.well-known/token-status/0' })
  t.same(statusPlace('https://a.test', size), { idx: 0, uri: 'https://a.test/.well-known/token-status/1' })
  const { read, start, sessions, store, lists, travel } = await scene(t)
  await store.put('counters/status', String(size - 2))
  t.equal(await lists.list(1), undefined)
  travel(1)
  const [last, first] = [await start(), await start()]
  t.same([last.statusIndex, first.statusIndex], [size - 1, size])
  await sessions.endAll('dev|7')
  t.same((await read(0)).set, [size - 1])
  t.same((await read(1)).set, [0])
  t.equal(await lists.list(2), undefined)
})

t.test('a list is made at most once a second, and only when something has changed', async t => {
  const { read, start, sessions, keys, travel } = await scene(t)
  const { id } = await start()
  const before = await read(0)
  await sessions.end('dev|7', id)
  t.equal((await read(0)).token, before.token, 'within the second it is the same')
  travel(1)
  const after = await read(0)
  t.same(after.set, [1])
  travel(50)
  t.equal((await read(0)).token, after.token, 'nothing has changed')
  travel(10)
  t.not((await read(0)).token, after.token, 'it is made anew before it is old')
  const { payload } = await read(0)
  await keys.rotate(true)
  travel(1)
  const rotated = await read(0)
  t.equal(rotated.protectedHeader.kid, keys.current.kid, 'with the key that signs')
  t.ok((rotated.payload.iat ?? 0) > (payload.iat ?? 0))
})

t.test('a session that ended is forgotten within the minute an hour after its last access token is over', async t => {
  const { read, start, sessions, travel } = await scene(t)
  await sessions.end('dev|7', (await start()).id)
  t.same((await read(0)).set, [1])
  travel(4_199)
  await sessions.end('dev|7', (await start()).id)
  t.same((await read(0)).set, [1, 2])
  travel(60)
  const other = await start()
  await sessions.end('dev|7', other.id)
  travel(1)
  t.same((await read(0)).set, [2, 3])
})

t.test('a session without a place is in no list', async t => {
  const { read, start, revocations, now } = await scene(t)
  await start()
  await revocations.revoke({ id: 'from before', until: now() + 60 })
  t.same((await read(0)).set, [])
})

t.test('where everybody\'s sessions ended, every place until then is set', async t => {
  const { read, start, sessions, travel } = await scene(t)
  for (let number = 0; number < 10; number++) await start()
  await sessions.endEveryone()
  const after = await start()
  travel(2)
  const { set } = await read(0)
  t.same(set.slice(1, 11), Array.from({ length: 10 }, (_, number) => number + 1))
  t.notOk(set.includes(after.statusIndex ?? 0))
  t.equal(Math.max(...set), (after.statusIndex ?? 0) - 1)
})

t.test('a list that no session has a place in is none, and asking costs the store little', async t => {
  const { lists, start, store, travel } = await scene(t)
  let asked = 0
  faulty(store).before('get', () => { asked++ })
  for (let time = 0; time < 50; time++) t.equal(await lists.list(7), undefined)
  t.equal(asked, 1)
  t.equal(await lists.list(0), undefined, 'nobody has signed in yet')
  await start()
  travel(1)
  t.type(await lists.list(0), 'string')
  t.equal(await lists.list(7), undefined)
  t.ok(asked <= 3)
})

t.test('R56 a sign-in while everybody\'s sessions are ended is refused here and in its list, or neither', async t => {
  const { sessions, revocations, start, read, travel } = await scene(t)
  await start()
  const during: Array<Awaited<ReturnType<typeof start>>> = []
  const signIns = setInterval(() => { start().then(session => during.push(session), t.error) }, 20)
  await sessions.endEveryone()
  clearInterval(signIns)
  travel(2)
  const { set } = await read(0)
  for (const { id, startedAt, statusIndex = 0, refreshToken } of during) {
    const isRefused = revocations.has({ sid: id, auth_time: startedAt })
    t.equal(set.includes(statusIndex), isRefused)
    t.equal(await sessions.refresh(refreshToken).then(() => false, () => true), isRefused)
  }
  t.ok(during.length > 10)
})

t.test('L25 after a clock was set back, a session that ends is in its list all the same', async t => {
  const { read, start, sessions, travel } = await scene(t)
  const { id } = await start()
  t.same((await read(0)).set, [])
  travel(-3_600)
  await sessions.end('dev|7', id)
  t.same((await read(0)).set, [1])
})

t.test('R52 a session that was over when it ended is in its list by what its access token says', async t => {
  const { read, start, sessions, travel, now } = await scene(t, { SESSION_IDLE_TTL: '1m', TOKEN_TTL: '10m' })
  const { id, startedAt, statusIndex = 0 } = await start()
  travel(61)
  const status = { status_list: statusPlace('https://a.test', statusIndex) }
  await sessions.endOf({ sub: 'dev|7', sid: id, status, auth_time: startedAt, iat: now() - 66 })
  travel(1)
  t.same((await read(0)).set, [statusIndex])
})

t.test('L18 a session whose record went with the store\'s last writes takes nobody else\'s place', async t => {
  const { read, start, sessions, revocations, store, now } = await scene(t)
  const { id, startedAt, statusIndex = 0 } = await start()
  for await (const [key] of store.walk('sessions/')) await store.remove(key)
  await store.put('counters/status', String(statusIndex - 1))
  const other = await start()
  t.equal(other.statusIndex, statusIndex)
  await sessions.endOf({ sub: 'dev|7', sid: id, status: { status_list: statusPlace('https://a.test', statusIndex) }, auth_time: startedAt, iat: now() - 5 })
  t.ok(revocations.has({ sid: id, auth_time: startedAt }))
  t.same((await read(0)).set, [])
})

t.test('a list that could not be made is made when it is asked for again', async t => {
  const { read, start, lists, keys } = await scene(t)
  await start()
  const { current } = keys
  let fails = 1
  Object.defineProperty(keys, 'current', {
    get: () => ({
      ...current,
      signature: async (input: string) => {
        if (fails-- > 0) throw new Error('no thread')
        return current.signature(input)
      }
    })
  })
  await t.rejects(lists.list(0), { message: 'no thread' })
  t.same((await read(0)).set, [])
})

t.test('many who ask at once for a list get one that is made once', async t => {
  const { start, lists } = await scene(t)
  await start()
  const got = await Promise.all(Array.from({ length: 50 }, () => lists.list(0)))
  t.equal(new Set(got).size, 1) // ECDSA signs nothing twice the same
})

t.test('a process that starts later has the same list', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR })
  const { id } = await before.start()
  await before.start()
  await before.sessions.end('dev|7', id)
  const { set } = await before.read(0)
  await before.close()
  t.same((await (await scene(t, { DATA_DIR })).read(0)).set, set)
  t.same(set, [1])
})
