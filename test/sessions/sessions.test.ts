import t from 'tap'
import type { RingRecord } from '../../src/keys/key-record.ts'
import { secretBox } from '../../src/keys/secret-box.ts'
import { recordOf } from '../../src/sessions/record.ts'
import { RefreshTokens, subjectIdOf } from '../../src/sessions/refresh-tokens.ts'
import type { Environment } from '../../src/env/environment.ts'
import type { AdmittedIdentity } from '../../src/identity.ts'
import { AuthError } from '../../src/errors.ts'
import { StoreError } from '../../src/stores/store.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { ada, openTestState, type TestState } from '../helpers/state.ts'
import { faulty } from '../helpers/faulty.ts'

const day = 86_400
const refused = { code: 'invalid_refresh_token', reused: undefined }
/** Its session has ended for it, and it is audited. */
const reused = { code: 'invalid_refresh_token', reused: true }
const grace: AdmittedIdentity = { ...ada, subject: '8', email: 'grace@example.com', name: 'Grace' }

/** Ada's session, just begun. */
async function scene (t: Teardown, env: Environment = {}, admits?: (identity: AdmittedIdentity) => boolean) {
  const state = await openTestState(t, env, { still: true, ...(admits && { admits }) })
  const session = await state.sessions.start(ada, 0)
  const place = placeOf(session.id)
  return { ...state, session, first: session.refreshToken, place, record: async () => recordOf(await state.store.get(place) ?? 'x') }
}

const placeOf = (id: string, subject = 'dev|7') => `sessions/${subjectIdOf(subject)}/${id}`

const refresh = async ({ sessions }: Pick<TestState, 'sessions'>, token: string) => (await sessions.refresh(token)).refreshToken

const live = async ({ sessions }: Pick<TestState, 'sessions'>, subject = 'dev|7') => (await sessions.list(subject)).map(({ id }) => id)

// rotation

t.test('R47 every refresh gives another token of the same session', async t => {
  const { sessions, session, first } = await scene(t)
  const tokens = [first]
  for (let round = 0; round < 50; round++) {
    const { refreshToken, id, identity, startedAt } = await sessions.refresh(tokens.at(-1) ?? '')
    t.same([id, identity, startedAt], [session.id, ada, session.startedAt])
    tokens.push(refreshToken)
  }
  t.equal(new Set(tokens).size, 51)
  for (const token of tokens) t.match(token, /^[\w-]{90,110}$/)
})

t.test('R47 a token that was used before ends its session', async t => {
  const { sessions, session, first, travel, revocations, ...state } = await scene(t)
  const second = await refresh({ sessions }, first)
  const third = await refresh({ sessions }, second)
  travel(11)
  await t.rejects(sessions.refresh(first), { ...reused, session: { id: session.id, identity: ada } })
  await t.rejects(sessions.refresh(third), refused, 'whoever held the good one must sign in again')
  t.same(await live({ sessions }), [])
  t.ok(revocations.has({ sid: session.id, auth_time: session.startedAt }), 'its access tokens are refused')
  t.equal(await state.store.get(placeOf(session.id)), undefined)
})

t.test('a membership that cannot be checked now fails the refresh, and the session stays', async t => {
  let fault: Error | undefined = new Error('no room in the house')
  const { sessions } = await openTestState(t, {}, { recheck: async () => { if (fault) throw fault; return undefined } })
  const { refreshToken, id } = await sessions.start(ada, 0, 'grant')
  await t.rejects(sessions.refresh(refreshToken), fault)
  fault = undefined
  t.equal((await sessions.refresh(refreshToken)).id, id)
})

t.test('R48 for ten seconds the predecessor gets the same successor, as often as it comes', async t => {
  const { sessions, first, travel, record } = await scene(t)
  const second = await refresh({ sessions }, first)
  for (const seconds of [0, 3, 3, 4]) {
    travel(seconds)
    t.match(await sessions.refresh(first), { refreshToken: second, repeated: undefined })
    t.match(await record(), { generation: 2, repeats: undefined }, 'nothing rotated, and nothing is counted')
  }
  t.ok(await refresh({ sessions }, second), 'the successor is still good')
})

t.test('R48 the ten seconds are counted from the rotation, not from the last time it came', async t => {
  const { sessions, first, travel } = await scene(t)
  await refresh({ sessions }, first)
  travel(9)
  t.notOk((await sessions.refresh(first)).repeated)
  travel(2)
  t.ok((await sessions.refresh(first)).repeated)
})

t.test('R48 the ten seconds are exact, whenever in a second they begin', async t => {
  for (const part of [0, 0.001, 0.5, 0.999]) {
    const { sessions, first, travel } = await scene(t)
    travel(part)
    const second = await refresh({ sessions }, first)
    travel(10)
    t.match(await sessions.refresh(first), { refreshToken: second, repeated: undefined })
    travel(0.002)
    t.match(await sessions.refresh(first), { refreshToken: second, repeated: true })
  }
})

t.test('L18 the ten seconds do not run while the store is away', async t => {
  const { sessions, store, first, travel } = await scene(t)
  const second = await refresh({ sessions }, first)
  store.secondsAway = () => 20
  travel(30)
  t.match(await sessions.refresh(first), { refreshToken: second, repeated: undefined })
  travel(1)
  t.match(await sessions.refresh(first), { refreshToken: second, repeated: true })
})

t.test('L25 the clock of another replica may be a minute behind', async t => {
  const { sessions, first, travel } = await scene(t)
  const second = await refresh({ sessions }, first)
  travel(-60)
  t.equal(await refresh({ sessions }, first), second)
  t.ok(await refresh({ sessions }, second))
})

t.test('R48 L25 they do not last longer because the clock was set back', async t => {
  const { sessions, first, travel } = await scene(t)
  await refresh({ sessions }, first)
  travel(-3_600)
  travel(3_000)
  t.ok((await sessions.refresh(first)).repeated)
})

t.test('R48 an answer that was lost is given once more for a day, twice in it, and the third time the session ends', async t => {
  const { sessions, first, travel, record, now } = await scene(t)
  const second = await refresh({ sessions }, first)
  for (const seconds of [3_600, 60]) {
    travel(seconds)
    t.match(await sessions.refresh(first), { refreshToken: second, repeated: true, lastUsedAt: now() - (seconds === 60 ? 3_660 : 3_600) })
    t.equal((await record())?.generation, 2, 'nothing rotated')
  }
  travel(60)
  await t.rejects(sessions.refresh(first), reused)
  await t.rejects(sessions.refresh(second), refused)
})

t.test('R48 an answer that was lost is not given more than a day later', async t => {
  for (const [seconds, isGood] of [[day, true], [day + 1, false]] as const) {
    const { sessions, first, travel } = await scene(t)
    const second = await refresh({ sessions }, first)
    travel(seconds)
    if (isGood) t.equal(await refresh({ sessions }, first), second)
    else await t.rejects(sessions.refresh(first), reused)
  }
})

t.test('R48 answers are given once more four times in a session\'s life, over all its refreshes', async t => {
  const { sessions, first, travel, record } = await scene(t)
  let token = first
  for (let times = 1; times <= 4; times++) {
    const next = await refresh({ sessions }, token)
    travel(day / 2)
    t.match(await sessions.refresh(token), { refreshToken: next, repeated: true })
    token = next
    travel(day / 2)
    t.equal((await record())?.repeats?.length, times)
  }
  const last = await refresh({ sessions }, token)
  t.equal(await refresh({ sessions }, token), last, 'the ten seconds are for everybody')
  travel(11)
  await t.rejects(sessions.refresh(token), reused)
})

t.test('R48 whoever comes again after an answer is counted again, and whoever comes while it is on its way is not', async t => {
  const state = await openTestState(t)
  const { sessions, travel, store } = state
  const { refreshToken: first, id } = await sessions.start(ada, 0)
  const second = await refresh(state, first)
  travel(11)
  const counted = async () => recordOf(await store.get(placeOf(id)) ?? '')?.repeats?.length
  t.same(await Promise.all(Array.from({ length: 20 }, () => refresh(state, first))), Array<string>(20).fill(second))
  t.equal(await counted(), 1, 'tabs that wake up together')
  t.equal(await refresh(state, first), second)
  t.equal(await counted(), 2)
  await t.rejects(sessions.refresh(first), reused)
})

t.test('R48 a successor that is used while its predecessor comes late ends the session', async t => {
  const { sessions, store, first, travel } = await scene(t)
  const second = await refresh({ sessions }, first)
  travel(11)
  faulty(store).beforeNext('replace', () => sessions.refresh(second))
  await t.rejects(sessions.refresh(first), reused)
})

t.test('R48 a session that ends while its predecessor comes late stays ended', async t => {
  const { sessions, store, first, travel } = await scene(t)
  await refresh({ sessions }, first)
  travel(11)
  faulty(store).beforeNext('replace', () => sessions.endAll('dev|7'))
  await t.rejects(sessions.refresh(first), refused)
})

t.test('R48 R56 whoever comes late gets past no membership either', async t => {
  let belongs = true
  const refusal = new AuthError('email_not_allowed')
  const { sessions, travel } = await openTestState(t, {}, { still: true, recheck: async () => { if (!belongs) throw refusal; return undefined } })
  const { refreshToken } = await sessions.start(ada, 0, 'grant')
  await sessions.refresh(refreshToken)
  belongs = false
  travel(11)
  await t.rejects(sessions.refresh(refreshToken), { code: 'email_not_allowed' })
  t.same(await live({ sessions }), [])
})

t.test('R48 the one before the predecessor ends the session even within the ten seconds', async t => {
  const { sessions, first } = await scene(t)
  const second = await refresh({ sessions }, first)
  const third = await refresh({ sessions }, second)
  await t.rejects(sessions.refresh(first), reused)
  await t.rejects(sessions.refresh(third), refused)
  await t.rejects(sessions.refresh(second), refused)
})

t.test('R48 a token that was never issued ends nothing', async t => {
  const { sessions, first, travel } = await scene(t)
  const second = await refresh({ sessions }, first)
  const other = (await sessions.start(grace, 0)).refreshToken
  travel(60)
  const never = ['', ' ', 'x', 'x'.repeat(103), second + second, first.slice(0, -1), first.slice(1), ` ${first}`]
  for (const end of ['A', '=', '\n', ' ']) never.push(first + end)
  const bytes = Buffer.from(first, 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [1, 128]) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8((changed[at] ?? 0) ^ bit, at)
      never.push(changed.toString('base64url'))
    }
  }
  const others = Buffer.from(other, 'base64url')
  for (const at of [9, 25, 29, 61]) never.push(Buffer.concat([bytes.subarray(0, at), others.subarray(at)]).toString('base64url'))
  never.push(`${first.slice(0, -1)}${first.endsWith('A') ? 'B' : String.fromCharCode(first.charCodeAt(first.length - 1) + 1)}`)
  if (/[-_]/.test(first)) never.push(first.replaceAll('-', '+').replaceAll('_', '/'))
  for (const token of never) {
    await t.rejects(sessions.refresh(token), refused)
    t.equal(await sessions.endByToken(token), undefined)
  }
  t.ok(await refresh({ sessions }, second))
  t.ok(await refresh({ sessions }, other))
})

t.test('R48 a token sealed with another secret was never issued', async t => {
  const { sessions, first } = await scene(t, { SECRET: 'one secret of thirty-two characters' })
  const stranger = await scene(t, { SECRET: 'two secret of thirty-two characters' })
  await t.rejects(sessions.refresh(stranger.first), refused)
  t.ok(await refresh({ sessions }, first))
})

t.test('R49 of many refreshes at once one rotates, and all get the same token', async t => {
  const { sessions, first, record } = await scene(t)
  let token = first
  for (let generation = 2; generation <= 5; generation++) {
    const got = await Promise.all(Array.from({ length: 64 }, () => refresh({ sessions }, token)))
    t.equal(new Set(got).size, 1)
    t.equal((await record())?.generation, generation)
    token = got[0] ?? ''
  }
})

t.test('R49 L30 ten thousand refreshes of a hundred sessions at once rotate each session once', async t => {
  const { sessions, store } = await openTestState(t)
  const started = await Promise.all(Array.from({ length: 100 }, (_, number) => sessions.start({ ...ada, subject: String(number) }, 0)))
  let tokens = started.map(({ refreshToken }) => refreshToken)
  for (let generation = 2; generation <= 3; generation++) {
    const got = await Promise.all(tokens.map(token => Promise.all(Array.from({ length: 100 }, () => refresh({ sessions }, token)))))
    for (const same of got) t.equal(new Set(same).size, 1)
    tokens = got.map(([token = '']) => token)
    for (const [number, { id }] of started.entries()) {
      t.equal(recordOf(await store.get(placeOf(id, `dev|${number}`)) ?? 'x')?.generation, generation)
    }
  }
  t.equal(new Set(tokens).size, 100)
})

t.test('R49 where nothing can be stored, nothing is issued, and the token is still good afterwards', async t => {
  const DATA_DIR = temporaryFolder(t)
  const { sessions, first, close } = await scene(t, { DATA_DIR })
  await close()
  await t.rejects(sessions.start(ada, 0), { name: 'StoreError' })
  await t.rejects(sessions.refresh(first), { name: 'StoreError' })
  await t.rejects(sessions.list('dev|7'), { name: 'StoreError' })
  await t.rejects(sessions.endByToken(first), { name: 'StoreError' })
  const again = await openTestState(t, { DATA_DIR })
  t.ok(await refresh(again, first))
})

t.test('R48 the successor is the same after a restart', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR })
  const second = await refresh(before, before.first)
  await before.close()
  const after = await openTestState(t, { DATA_DIR })
  t.equal(await refresh(after, before.first), second)
})

t.test('L18 a store that lost its last write makes nobody two tokens, and nobody a thief', async t => {
  const { sessions, store, first, place, travel } = await scene(t)
  const second = await refresh({ sessions }, first)
  const kept = await store.get(place) ?? ''
  const third = await refresh({ sessions }, second)
  await store.put(place, kept)
  await t.rejects(sessions.refresh(third), refused, 'what the store does not know is of no use')
  travel(60)
  t.equal(await refresh({ sessions }, second), third, 'and comes again when it is its turn')
})

// ends

t.test('R50 a session that nobody refreshes ends', async t => {
  const { sessions, first, session, now, travel } = await scene(t, { SESSION_IDLE_TTL: '3d', SESSION_MAX_TTL: '10d' })
  t.equal(session.idleEndsAt, session.startedAt + 3 * day)
  travel(3 * day - 2)
  const refreshed = await sessions.refresh(first)
  t.equal(refreshed.idleEndsAt, now() + 3 * day, 'a refresh moves the idle end')
  t.equal(refreshed.lastUsedAt, now())
  travel(3 * day)
  await t.rejects(sessions.refresh(refreshed.refreshToken), refused)
  t.same(await live({ sessions }), [])
})

t.test('R50 no refresh moves the absolute end', async t => {
  const { sessions, first, session, travel } = await scene(t, { SESSION_IDLE_TTL: '3d', SESSION_MAX_TTL: '10d' })
  t.equal(session.endsAt, session.startedAt + 10 * day)
  let token = first
  for (let days = 2; days < 10; days += 2) {
    travel(2 * day)
    const refreshed = await sessions.refresh(token)
    t.equal(refreshed.endsAt, session.endsAt)
    t.ok(refreshed.idleEndsAt <= session.endsAt)
    token = refreshed.refreshToken
  }
  travel(2 * day)
  await t.rejects(sessions.refresh(token), refused)
  t.same(await live({ sessions }), [])
})

t.test('R50 ends that an operator makes earlier hold for sessions that began before', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR })
  await before.close()
  const after = await openTestState(t, { DATA_DIR, SESSION_IDLE_TTL: '1d' })
  after.travel(day)
  t.same(await live(after), [])
  await t.rejects(after.sessions.refresh(before.first), refused)
})

t.test('what is over leaves nothing behind', async t => {
  const { sessions, store, first, travel } = await scene(t, { TOKEN_STATUS: 'true' })
  await refresh({ sessions }, first)
  for (let number = 0; number < 20; number++) await sessions.end('dev|7', (await sessions.start(ada, 0)).id)
  travel(31 * day)
  const left: string[] = []
  for await (const [key] of store.walk('')) left.push(key)
  t.same(left.sort(), ['counters/news', 'counters/status', 'format', 'keys/ring'])
})

t.test('R56 whoever may no longer sign in loses the session at the next refresh', async t => {
  let admitted = true
  const { sessions, first, revocations, session } = await scene(t, {}, () => admitted)
  const second = await refresh({ sessions }, first)
  admitted = false
  await t.rejects(sessions.refresh(second), { code: 'email_not_allowed' })
  t.same(await live({ sessions }), [])
  t.ok(revocations.has({ sid: session.id, auth_time: session.startedAt }))
  admitted = true
  await t.rejects(sessions.refresh(second), refused, 'for good')
})

t.test('R56 the predecessor gets past no rule either', async t => {
  let admitted = true
  const { sessions, first } = await scene(t, {}, () => admitted)
  await refresh({ sessions }, first)
  admitted = false
  await t.rejects(sessions.refresh(first), { code: 'email_not_allowed' })
})

t.test('R52 a session ends by its id, by any token it ever had, and by what an access token says', async t => {
  const { sessions, revocations, now } = await openTestState(t)
  const fresh = async () => {
    const session = await sessions.start(ada, 0)
    const second = await refresh({ sessions }, session.refreshToken)
    return { id: session.id, tokens: [session.refreshToken, second, await refresh({ sessions }, second)] }
  }
  const byId = await fresh()
  t.equal(await sessions.end('dev|7', byId.id), true)
  t.equal(await sessions.end('dev|7', byId.id), false)
  const byClaims = await fresh()
  t.equal(await sessions.endOf({ sub: 'dev|7', sid: byClaims.id, auth_time: now(), iat: now() }), true)
  t.equal(await sessions.endOf({ sub: 'dev|7', sid: byClaims.id, auth_time: now(), iat: now() }), false, 'it had ended')
  const byTokens = [await fresh(), await fresh(), await fresh()]
  for (const [age, { id, tokens }] of byTokens.entries()) t.match(await sessions.endByToken(tokens[age] ?? ''), { id, identity: ada })
  for (const { id, tokens } of [byId, byClaims, ...byTokens]) {
    await t.rejects(sessions.refresh(tokens[2] ?? ''), refused)
    t.equal(await sessions.endByToken(tokens[2] ?? ''), undefined)
    t.ok(revocations.has({ sid: id, auth_time: 0 }))
  }
  t.same(await live({ sessions }), [])
})

t.test('R52 what was ended half way can be ended again', async t => {
  for (const step of ['announce', 'remove'] as const) {
    const { sessions, store, first, session, place } = await scene(t)
    const faults = faulty(store)
    faults.fail(step)
    await t.rejects(sessions.endAll('dev|7'), { message: 'away' })
    t.ok(await store.get(place), 'it is still there to be found')
    faults.heal(step)
    await sessions.endAll('dev|7')
    t.equal(await store.get(place), undefined)
    t.ok((await store.newsAfter(0)).news.some(line => line.startsWith(`session ${session.id} `)))
    await t.rejects(sessions.refresh(first), refused)
  }
})

t.test('R52 what was ended half way stays ended for as long as its record may live, also where news of it came first', async t => {
  for (const step of ['announce', 'remove'] as const) {
    const { sessions, store, first, session, revocations, travel, env } = await scene(t)
    const other = await openTestState(t, env)
    const faults = faulty(store)
    faults.fail(step)
    await t.rejects(sessions.endAll('dev|7'), { message: 'away' })
    faults.heal(step)
    const ended = { sid: session.id, auth_time: session.startedAt }
    await eventually('the other process knows', () => other.revocations.has(ended))
    const { refreshToken } = await sessions.start(grace, 0)
    travel(13 * 86_400)
    await sessions.endByToken(refreshToken) // what is over is forgotten now
    t.ok(revocations.has(ended))
    t.same(await live({ sessions }), [])
    await t.rejects(sessions.refresh(first), refused)
    t.ok((await openTestState(t, env, { startAt: 13 * 86_400 })).revocations.has(ended), 'also after a restart')
  }
})

t.test('L18 R52 ends that a store lost with its last writes are told again, for as long as the lost records may live', async t => {
  const { sessions, store, first, session, revocations, env, travel } = await scene(t)
  const other = await sessions.start(grace, 0)
  await sessions.end('dev|7', session.id)
  await sessions.endEveryone()
  const ended = [session, other].map(({ id, startedAt }) => ({ sid: id, auth_time: startedAt }))
  await eventually('it is heard', () => ended.every(claims => revocations.has(claims)))

  for await (const [key] of store.walk('news/')) await store.remove(key)
  const { newsAfter, announce } = store
  let fails = 1
  store.announce = async (news, expiresAt) => {
    if (fails-- > 0) throw new StoreError('away')
    return announce.call(store, news, expiresAt)
  }
  store.newsAfter = async () => {
    store.newsAfter = newsAfter
    return { ...await newsAfter.call(store, 0), mayHaveLost: true }
  }
  const lines = async () => (await newsAfter.call(store, 0)).news.map(line => line.slice(0, line.lastIndexOf(' '))).sort()
  await eventually('they are told', async () => (await lines()).length === 2)
  t.match((await lines())[1], new RegExp(`^session ${session.id} `))

  const later = await openTestState(t, env, { startAt: 29 * 86_400 })
  for (const claims of ended) t.ok(later.revocations.has(claims), 'and whoever starts later knows')
  await t.rejects(later.sessions.refresh(first), refused)
  travel(1)
  const after = await sessions.start(ada, 0)
  t.notOk(revocations.has({ sid: after.id, auth_time: after.startedAt }))
})

t.test('R52 L25 a clock that jumped forward and back forgets no end', async t => {
  const { sessions, revocations, session, travel } = await scene(t)
  const other = await sessions.start(grace, 0)
  await sessions.end('dev|7', session.id)
  travel(3_600)
  await sessions.end('dev|8', other.id)
  travel(-3_600)
  t.ok(revocations.has({ sid: session.id, auth_time: session.startedAt }))
})

t.test('R56 everybody\'s sessions end however many there are, and nothing of them stays', async t => {
  const { sessions, store } = await openTestState(t)
  await Promise.all(Array.from({ length: 2_100 }, (_, number) => sessions.start({ ...ada, subject: String(number) }, 0)))
  await sessions.endEveryone()
  for await (const [key] of store.walk('sessions/')) t.fail(key)
})

t.test('R56 what ended with everybody\'s does not come back when sessions may last longer', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR, SESSION_MAX_TTL: '1m' })
  const second = await refresh(before, before.first)
  await before.sessions.endEveryone()
  await before.close()
  const after = await openTestState(t, { DATA_DIR }, { startAt: 120 })
  await t.rejects(after.sessions.refresh(second), refused)
})

t.test('R56 access tokens whose session is in the store no more end with everybody\'s', async t => {
  const { sessions, store, revocations, session, place } = await scene(t)
  await store.remove(place)
  await sessions.endEveryone()
  await eventually('it is known', () => revocations.has({ sid: session.id, auth_time: session.startedAt }))
})

t.test('a session of which nothing is left can still be ended, for its access tokens', async t => {
  const { sessions, revocations, store, session, place, now } = await scene(t)
  await store.remove(place)
  await sessions.endOf({ sub: 'dev|7', sid: session.id, auth_time: session.startedAt, iat: now() })
  t.ok(revocations.has({ sid: session.id, auth_time: session.startedAt }))
})

t.test('nobody ends or sees the sessions of somebody else', async t => {
  const { sessions, session, first } = await scene(t)
  await sessions.start(grace, 0)
  t.equal(await sessions.end('dev|8', session.id), false)
  for (const id of ['', '../', `../${subjectIdOf('dev|7')}/${session.id}`, 'x'.repeat(65)]) t.equal(await sessions.end('dev|8', id), false, id)
  t.same(await sessions.endAll('dev|9'), [])
  t.equal((await sessions.list('dev|8')).length, 1)
  t.same(await sessions.list('dev|'), [])
  t.same(await sessions.list(''), [])
  t.ok(await refresh({ sessions }, first))
})

t.test('two people who share a folder share nothing else', async t => {
  // Folders are named by 72 bits of a digest: here the record of one is put where the other's are.
  const { sessions, store, session } = await scene(t)
  const other = await sessions.start(grace, 0)
  await store.put(placeOf(other.id), await store.get(placeOf(other.id, 'dev|8')) ?? '')
  t.same(await live({ sessions }), [session.id])
  t.equal(await sessions.end('dev|7', other.id), false)
  t.same(await sessions.endAll('dev|7'), [session.id])
})

t.test('R56 all sessions of a subject end, and nobody else\'s', async t => {
  const { sessions, first } = await scene(t)
  const more = [await sessions.start(ada, 0), await sessions.start(ada, 0)]
  const other = await sessions.start(grace, 0)
  t.equal((await sessions.endAll('dev|7')).length, 3)
  for (const token of [first, ...more.map(({ refreshToken }) => refreshToken)]) await t.rejects(sessions.refresh(token), refused)
  t.same(await live({ sessions }), [])
  t.ok(await refresh({ sessions }, other.refreshToken))
})

t.test('R65 every login has another id, and another token', async t => {
  const { sessions } = await openTestState(t)
  const started = await Promise.all(Array.from({ length: 200 }, () => sessions.start(ada, 0)))
  t.equal(new Set(started.map(({ id }) => id)).size, 200)
  t.equal(new Set(started.map(({ refreshToken }) => refreshToken)).size, 200)
  for (const { id } of started) t.match(id, /^[\w-]{22}$/)
})

t.test('sessions are listed with what is known of them, last used first', async t => {
  const { sessions, session, first, travel, now } = await scene(t)
  travel(60)
  const other = await sessions.start(ada, 3)
  travel(60)
  await refresh({ sessions }, first)
  t.match(await sessions.list('dev|7'), [
    { id: session.id, startedAt: session.startedAt, lastUsedAt: now(), endsAt: session.startedAt + 30 * day, device: 0, identity: ada },
    { id: other.id, lastUsedAt: now() - 60, device: 3 }
  ])
  const all: string[] = []
  for await (const { id } of sessions.all()) all.push(id)
  t.same(all.sort(), [session.id, other.id].sort())
})

t.test('a session keeps all that is known of a person', async t => {
  const { sessions } = await openTestState(t)
  for (const identity of [
    { ...ada, picture: 'https://example.com/ada.png', hd: 'example.com' },
    { ...grace, name: 'Gräce "한국어" \n \u2028', domainVouched: false }
  ]) {
    const { refreshToken } = await sessions.start(identity, 7)
    t.match(await sessions.refresh(refreshToken), { identity, device: 7 })
  }
  const { name: _, ...nameless } = ada
  t.same((await sessions.refresh((await sessions.start(nameless, 0)).refreshToken)).identity, nameless)
})

t.test('refresh tokens need a secret', async t => {
  t.throws(() => new RefreshTokens([]), TypeError)
})

// what is stored

t.test('R41 R48 nothing in the store opens a session or signs a token', async t => {
  const { sessions, store, first, secrets, session } = await scene(t, { SECRET: 'a secret of thirty-two characters!' })
  const tokens = [first, await refresh({ sessions }, first)]
  await sessions.end('dev|7', (await sessions.start(ada, 0)).id)
  let stored = ''
  for await (const [key, value] of store.walk('')) stored += `${key}\n${value}\n`
  t.ok(stored.includes(session.id), 'the walk saw the session')
  t.notMatch(stored, 'PRIVATE KEY')
  t.notMatch(stored, 'a secret of')
  const { keys } = JSON.parse(await store.get('keys/ring') ?? '') as RingRecord
  for (const { kid, sealedPem } of keys) t.notOk(stored.includes(secretBox(secrets, 'signing-keys').open(sealedPem, kid)?.split('\n')[1] ?? ''))
  for (const token of tokens) {
    const proof = Buffer.from(token, 'base64url').subarray(29, 61)
    const spellings = [token, ...(['base64url', 'base64', 'hex', 'latin1'] as const).map(encoding => proof.toString(encoding))]
    for (const spelling of spellings) t.notOk(stored.includes(spelling))
  }
})

t.test('L34 what a later version adds to a record survives a refresh by this one', async t => {
  const { sessions, store, first, place } = await scene(t)
  const [line = '', row = ''] = (await store.get(place) ?? '').split('\n')
  const padded = [...JSON.parse(row) as unknown[]]
  while (padded.length < 12) padded.push(padded.length === 9 ? 0 : '')
  const later = JSON.stringify([...padded, 'member', { of: ['a', 'later'] }, 7])
  await store.put(place, `${line}\n${later}`)
  const second = await refresh({ sessions }, first)
  t.equal((await store.get(place))?.split('\n')[1], later)
  t.match(await sessions.list('dev|7'), [{ identity: ada }])
  await refresh({ sessions }, second)
  t.equal((await store.get(place))?.split('\n')[1], later)
  t.ok(await sessions.endByToken(second))
})

t.test('L34 it survives a place in the status lists as well', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR })
  const [line = '', row = ''] = (await before.store.get(before.place) ?? '').split('\n')
  const padded = [...JSON.parse(row) as unknown[]]
  while (padded.length < 12) padded.push(padded.length === 9 ? 0 : '')
  await before.store.put(before.place, `${line}\n${JSON.stringify([...padded, 'later'])}`)
  await before.close()
  const after = await openTestState(t, { DATA_DIR, TOKEN_STATUS: 'true' })
  const refreshed = await after.sessions.refresh(before.first)
  t.equal(refreshed.statusIndex, 1)
  t.match(recordOf(await after.store.get(before.place) ?? 'x'), { statusIndex: 1, rest: ['later'], identity: ada })
  t.equal((await after.sessions.refresh(refreshed.refreshToken)).statusIndex, 1, 'and keeps it')
})

t.test('L34 a record whose later members this version writes in another way changes like any other', async t => {
  const { sessions, store, first, place, travel } = await scene(t)
  const [line = '', row = ''] = (await store.get(place) ?? '').split('\n')
  const [known, vouched] = [(JSON.parse(row) as unknown[]).slice(0, 7), 1]
  await store.put(place, `${line}\n${JSON.stringify([...known, null, null, null, null, null, vouched, 'later'], null, 1)}`)
  const second = await refresh({ sessions }, first)
  travel(11)
  t.match(await sessions.refresh(first), { refreshToken: second, repeated: true, identity: ada })
  t.match(recordOf(await store.get(place) ?? ''), { repeats: [Number], rest: ['later'] })
})

/** A record as a version to come may write it. */
async function ofLater ({ store, place }: { store: TestState['store'], place: string }): Promise<string> {
  const later = `2 ${(await store.get(place) ?? '').slice(2)}`
  await store.put(place, later)
  return later
}

/** A session from before TOKEN_STATUS was turned on. */
async function sinceStatus (t: Teardown) {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR })
  await before.close()
  return { before, ...await openTestState(t, { DATA_DIR, TOKEN_STATUS: 'true' }) }
}

t.test('refreshes that race for a place in the status lists agree on one', async t => {
  const { before, sessions, store } = await sinceStatus(t)
  let token = before.first
  const places: unknown[] = []
  for (let generation = 0; generation < 3; generation++) {
    const got = await Promise.all(Array.from({ length: 8 }, () => sessions.refresh(token)))
    places.push(...got.map(({ statusIndex }) => statusIndex))
    token = got[0]?.refreshToken ?? ''
  }
  t.same(new Set(places), new Set([recordOf(await store.get(before.place) ?? '')?.statusIndex]))
})

t.test('a refresh that is overtaken takes the place that the other one stored', async t => {
  const { before, sessions, store } = await sinceStatus(t)
  let other: number | undefined
  faulty(store).beforeNext('count', async () => {
    const { refreshToken } = await sessions.refresh(before.first)
    other = (await sessions.refresh(refreshToken)).statusIndex
  })
  t.equal((await sessions.refresh(before.first)).statusIndex, other)
  t.equal(other, 1)
})

t.test('a place is not given to a session that ended meanwhile', async t => {
  const { before, sessions, store } = await sinceStatus(t)
  faulty(store).before('count', () => sessions.endAll('dev|7'))
  await t.rejects(sessions.refresh(before.first), refused)
  t.equal(await store.get(before.place), undefined)
})

t.test('L34 a record of a version that this one cannot read is left to that version, and the browser tries again', async t => {
  const state = await scene(t)
  const later = await ofLater(state)
  await t.rejects(state.sessions.refresh(state.first), { name: 'StoreError' })
  t.same(await live(state), [])
  t.equal(await state.store.get(state.place), later)
})

t.test('L34 R52 a session of a version that this one cannot read ends like any other', async t => {
  for (const end of [
    ({ sessions, first }) => sessions.endByToken(first),
    ({ sessions, session }) => sessions.end('dev|7', session.id),
    ({ sessions }) => sessions.endAll('dev|7'),
    ({ sessions }) => sessions.endEveryone()
  ] as Array<(state: Awaited<ReturnType<typeof scene>>) => Promise<unknown>>) {
    const state = await scene(t)
    await ofLater(state)
    await end(state)
    t.equal(await state.store.get(state.place), undefined)
    t.ok(state.revocations.has({ sid: state.session.id, auth_time: state.session.startedAt }))
    await t.rejects(state.sessions.refresh(state.first), refused)
  }
})

// the secret

const [oldSecret, newSecret] = ['the old secret of thirty-two or more', 'the new secret of thirty-two or more']

t.test('SECRET can change: what the old one made is good while it is listed, and what is used moves to the new one', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await scene(t, { DATA_DIR, SECRET: oldSecret })
  const idle = await before.sessions.start(ada, 0)
  const second = await refresh(before, before.first)
  await before.close()

  const both = await openTestState(t, { DATA_DIR, SECRET: `${newSecret},${oldSecret}` })
  const again = await both.sessions.refresh(before.first)
  const third = await refresh(both, again.refreshToken)
  t.equal(await refresh(both, second), third, 'either spelling of the second is the second')
  await both.close()

  const after = await openTestState(t, { DATA_DIR, SECRET: newSecret })
  t.ok(await refresh(after, third))
  await t.rejects(after.sessions.refresh(idle.refreshToken), refused)
  t.equal((await live(after)).length, 2, 'a token of a secret that is gone ends nothing')
})

t.test('SECRET can change: whoever knows the old one cannot tell what follows a token any more', async t => {
  const old = new RefreshTokens([oldSecret])
  const text = old.text(old.first(subjectIdOf('dev|7'), 'A'.repeat(22)))
  const byOld = old.parse(text)?.successor
  const byBoth = new RefreshTokens([newSecret, oldSecret]).parse(text)?.successor
  t.ok(byOld && byBoth)
  t.notSame(byBoth?.proof, byOld?.proof)
})

t.test('SECRET can change back', async t => {
  const DATA_DIR = temporaryFolder(t)
  const both = await scene(t, { DATA_DIR, SECRET: `${newSecret},${oldSecret}` })
  const second = await refresh(both, both.first)
  await both.close()
  const back = await openTestState(t, { DATA_DIR, SECRET: `${oldSecret},${newSecret}` })
  const third = await refresh(back, second)
  await back.close()
  t.ok(await refresh(await openTestState(t, { DATA_DIR, SECRET: oldSecret }), third))
})
