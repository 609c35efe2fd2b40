import t from 'tap'
import { subjectIdOf } from '../../src/sessions/refresh-tokens.ts'
import { recordOf, sessionText } from '../../src/sessions/record.ts'
import { randomId } from '../../src/keys/randomness.ts'
import type { Teardown } from '../helpers/app.ts'
import { ada, openTestState, type TestState } from '../helpers/state.ts'
import { faulty } from '../helpers/faulty.ts'

const folder = `sessions/${subjectIdOf('dev|7')}/`
const refused = { code: 'invalid_refresh_token' }
const grace = { ...ada, subject: '8', email: 'grace@example.com' }

const limited = (t: Teardown, perPerson: number) => openTestState(t, { SESSIONS_PER_PERSON: String(perPerson) }, { still: true })

const idsOf = async ({ sessions }: Pick<TestState, 'sessions'>, subject = 'dev|7') => (await sessions.list(subject)).map(({ id }) => id).sort()

/** Sessions from before there was a limit, each begun a second after the one before, the last of them just now. */
async function fromBefore ({ sessions, store, now, config }: TestState, count: number): Promise<string[]> {
  const { id } = await sessions.start(ada, 0)
  const pattern = recordOf(await store.get(folder + id) ?? '')
  await store.remove(folder + id)
  if (!pattern) throw new Error('there is no record')
  const ids = Array.from({ length: count }, () => randomId(16))
  await Promise.all(ids.map((id, age) => {
    const at = now() - age
    return store.put(folder + id, sessionText({ ...pattern, startedAt: at, rotatedAt: at }), at + config.sessionIdleSeconds)
  }))
  return ids
}

t.test('the oldest session ends when one more begins than SESSIONS_PER_PERSON, and that is audited', async t => {
  const state = await limited(t, 3)
  const { sessions, travel, revocations, events } = state
  const other = await sessions.start(grace, 0)
  const begun = []
  for (let number = 0; number < 5; number++) {
    begun.push(await sessions.start(ada, 0))
    travel(1)
    if (number === 0) await sessions.refresh(begun[0]?.refreshToken ?? '') // which makes it no younger
  }
  const [first, second, ...others] = begun
  t.same(await idsOf(state), others.map(({ id }) => id).sort())
  for (const ended of [first, second]) {
    t.ok(revocations.has({ sid: ended?.id ?? '', auth_time: ended?.startedAt ?? 0 }), 'its access tokens are refused')
    await t.rejects(sessions.refresh(ended?.refreshToken ?? ''), refused)
  }
  t.same(events.filter(([event]) => event === 'session_ended'), [
    ['session_ended', { sid: first?.id, provider: 'dev', by: others[1]?.id, limit: 3 }],
    ['session_ended', { sid: second?.id, provider: 'dev', by: others[2]?.id, limit: 3 }]
  ])
  for (const { refreshToken } of [...others, other]) t.ok(await sessions.refresh(refreshToken))
})

t.test('a hundred sessions are what a person may have without a setting', async t => {
  const state = await openTestState(t)
  const begun = await Promise.all(Array.from({ length: 100 }, () => state.sessions.start(ada, 0)))
  t.equal((await idsOf(state)).length, 100)
  await state.sessions.start(ada, 0)
  t.equal((await idsOf(state)).length, 100)
  t.equal((await idsOf(state)).filter(id => begun.some(session => session.id === id)).length, 99)
})

t.test('of one session a person may have, the newest is it, though the clock was set back', async t => {
  const state = await limited(t, 1)
  for (const seconds of [0.001, 5, -3_600, 0.001, 1, -10]) {
    const { id } = await state.sessions.start(ada, 0)
    t.same(await idsOf(state), [id])
    state.travel(seconds)
  }
})

t.test('of sessions that begin in the same moment the same ones stay on every replica: the last by their ids', async t => {
  const state = await limited(t, 3)
  const begun = []
  for (let number = 0; number < 8; number++) begun.push((await state.sessions.start(ada, 0)).id)
  t.same(await idsOf(state), begun.sort().slice(-3))
})

t.test('what has expired or ended takes no session\'s place', async t => {
  const state = await limited(t, 3)
  const { sessions, travel } = state
  await sessions.start(ada, 0)
  const second = await sessions.start(ada, 0)
  await sessions.end('dev|7', second.id)
  travel(14 * 86_400)
  const live = [await sessions.start(ada, 0), await sessions.start(ada, 0), await sessions.start(ada, 0)]
  t.same(await idsOf(state), live.map(({ id }) => id).sort())
})

t.test('of a person\'s many sign-ins at once, no session too many stays and none too many ends', async t => {
  const state = await limited(t, 20)
  const { sessions, travel, events } = state
  await Promise.all(Array.from({ length: 20 }, () => sessions.start(ada, 0)))
  travel(1)
  const begun = await Promise.all(Array.from({ length: 15 }, () => sessions.start(ada, 0)))
  const live = await idsOf(state)
  t.equal(live.length, 20)
  for (const { id } of begun) t.ok(live.includes(id), 'the newest stay')
  const ended = events.filter(([event]) => event === 'session_ended').map(([, { sid }]) => sid)
  t.equal(ended.length, 15)
  t.equal(new Set(ended).size, 15, 'and each end is audited once')
  travel(1)
  await Promise.all(Array.from({ length: 60 }, () => sessions.start(ada, 0)))
  t.equal((await idsOf(state)).length, 20)
})

t.test('a person with very many sessions from before the limit signs in as fast, and loses the oldest by and by', async t => {
  const state = await limited(t, 100)
  const { sessions, events, travel } = state
  const ids = await fromBefore(state, 700)
  for (let left = 700; left > 100;) {
    travel(1)
    const { id } = await sessions.start(ada, 0)
    ids.unshift(id)
    const live = await idsOf(state)
    t.equal(live.length, Math.max(100, left - 49), 'fifty at a time')
    t.ok(live.includes(id))
    left = live.length
  }
  t.same(await idsOf(state), ids.slice(0, 100).sort())
  t.equal(events.filter(([event]) => event === 'session_ended').length, ids.length - 100)
})

t.test('a sign-in succeeds though the store fails to end the oldest, which nobody gets on with all the same', async t => {
  const state = await limited(t, 2)
  const { sessions, store, travel, events } = state
  const begun = []
  const faults = faulty(store)
  for (let number = 0; number < 4; number++) {
    if (number === 2) faults.fail('remove')
    if (number === 3) faults.heal('remove')
    begun.push(await sessions.start(ada, 0))
    travel(1)
  }
  t.same(await idsOf(state), begun.slice(2).map(({ id }) => id).sort())
  t.same(events.map(([event, { sid }]) => [event, sid]).slice(-2), begun.slice(0, 2).map(({ id }) => ['session_ended', id]))
  await t.rejects(sessions.refresh(begun[0]?.refreshToken ?? ''), refused)
})

t.test('a sign-in succeeds though the store cannot tell which sessions there are, and the next one ends what is too much', async t => {
  const state = await limited(t, 2)
  const { sessions, store, travel } = state
  const faults = faulty(store)
  faults.fail('page')
  const begun = []
  for (let number = 0; number < 5; number++) {
    if (number === 4) faults.heal('page')
    begun.push(await sessions.start(ada, 0))
    travel(1)
  }
  t.same(await idsOf(state), begun.slice(3).map(({ id }) => id).sort())
})

t.test('a bug while the oldest ends is no secret', async t => {
  const { sessions, store } = await limited(t, 1)
  await sessions.start(ada, 0)
  faulty(store).fail('remove', new TypeError('a bug'))
  await t.rejects(sessions.start(ada, 0), TypeError)
})

t.test('two people who share a folder do not count against one another', async t => {
  const state = await limited(t, 2)
  const { sessions, store } = state
  const other = await sessions.start(grace, 0)
  const text = await store.get(`sessions/${subjectIdOf('dev|8')}/${other.id}`) ?? ''
  await store.put(folder + other.id, text)
  await sessions.start(ada, 0)
  await sessions.start(ada, 0)
  t.equal((await idsOf(state)).length, 2)
  t.equal(await store.get(folder + other.id), text)
})

t.test('sessions come by the page: about a hundred, the current one on the first, each other one once', async t => {
  const state = await limited(t, 1_000)
  const { sessions, travel } = state
  const ids = await fromBefore(state, 450)
  travel(1)
  const { id: current } = await sessions.start(ada, 0)
  const seen: string[] = []
  let from: string | undefined
  do {
    const page = await sessions.page('dev|7', current, from)
    t.ok(page.sessions.length <= 101)
    if (from === undefined) t.equal(page.sessions[0]?.id, current)
    const used = page.sessions.map(({ lastUsedAt }) => lastUsedAt)
    t.same(used, [...used].sort((one, other) => other - one), 'last used first on each')
    seen.push(...page.sessions.map(({ id }) => id))
    from = page.next
  } while (from !== undefined)
  t.same(seen.sort(), [...ids, current].sort())
  t.equal((await sessions.page('dev|9', 'none')).sessions.length, 0)
  const without = await sessions.page('dev|7', 'none')
  t.equal(without.sessions.length, 100)
})

t.test('R56 all of very many sessions end', async t => {
  const state = await limited(t, 10)
  const ids = await fromBefore(state, 2_500)
  t.same((await state.sessions.endAll('dev|7', ids.slice(0, 1))).sort(), ids.slice(1).sort())
  t.same(await idsOf(state), ids.slice(0, 1))
})
