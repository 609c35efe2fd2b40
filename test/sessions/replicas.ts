import type { Test } from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import { subjectIdOf } from '../../src/sessions/refresh-tokens.ts'
import { recordOf } from '../../src/sessions/record.ts'
import type { Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { ada, openTestState } from '../helpers/state.ts'

/** Where replicas find one another: a folder, or a Redis. */
export type Shared = (t: Teardown) => Promise<Environment> | Environment

const withinMs = 1_000

/**
 * What several processes on one store promise together.
 * @param travels whether the store goes by the clock of its processes, which a test can move
 */
export function replicas (t: Test, shared: Shared, { travels }: { travels: boolean }): void {
  const three = async (t: Teardown, env: Environment = {}) => {
    const place = { ...await shared(t), ...env }
    return [await openTestState(t, place), await openTestState(t, place), await openTestState(t, place)] as const
  }

  t.test('a login on one replica is refreshed on another and ended on a third', async t => {
    const [one, two, other] = await three(t)
    const session = await one.sessions.start(ada, 0)
    const second = await two.sessions.refresh(session.refreshToken)
    t.equal((await other.sessions.refresh(session.refreshToken)).refreshToken, second.refreshToken, 'the predecessor gets the same successor anywhere')
    t.match(await other.sessions.endByToken(second.refreshToken), { id: session.id })
    for (const { sessions } of [one, two, other]) {
      await t.rejects(sessions.refresh(second.refreshToken), { code: 'invalid_refresh_token' })
      t.same(await sessions.list('dev|7'), [])
    }
  })

  t.test('R49 of many refreshes at once on three replicas one rotates, and all get the same token', async t => {
    const states = await three(t)
    let token = (await states[0].sessions.start(ada, 0)).refreshToken
    for (let generation = 2; generation <= 6; generation++) {
      const got = await Promise.all(Array.from({ length: 63 }, async (_, caller) => (await states[caller % 3]?.sessions.refresh(token))?.refreshToken ?? ''))
      t.equal(new Set(got).size, 1)
      for await (const [, text] of states[1].store.walk('sessions/')) t.equal(recordOf(text)?.generation, generation)
      token = got[0] ?? ''
    }
  })

  t.test('R48 lost answers are given once more on any replica, and counted on all together', async t => {
    const states = await three(t)
    const [{ sessions, store }] = states
    const { id, refreshToken: first } = await sessions.start(ada, 0)
    const second = (await sessions.refresh(first)).refreshToken
    const key = `sessions/${subjectIdOf('dev|7')}/${id}`
    const text = await store.get(key) ?? ''
    const { rotatedAt = 0 } = recordOf(text) ?? {}
    await store.put(key, text.replace(String(rotatedAt), String(rotatedAt - 3_600)), Math.floor(rotatedAt) + 86_400) // an hour ago
    for (const count of [1, 2]) {
      const got = await Promise.all(Array.from({ length: 30 }, (_, caller) => states[caller % 3]?.sessions.refresh(first)))
      for (const answer of got) t.match(answer, { refreshToken: second, repeated: true })
      t.equal(recordOf(await store.get(key) ?? '')?.repeats?.length, count)
    }
    const refused = await Promise.allSettled(states.map(({ sessions }) => sessions.refresh(first)))
    for (const outcome of refused) t.match(outcome, { status: 'rejected', reason: { code: 'invalid_refresh_token' } })
    t.equal(await store.get(key), undefined)
  })

  t.test('of a person\'s many sign-ins on three replicas at once, no session too many stays and none too many ends', async t => {
    const states = await three(t, { SESSIONS_PER_PERSON: '10' })
    const begun = await Promise.all(Array.from({ length: 45 }, (_, number) => states[number % 3]?.sessions.start(ada, 0)))
    const live = await states[0].sessions.list('dev|7')
    t.equal(live.length, 10)
    const last = await states[1].sessions.start(ada, 0)
    const left = await states[2].sessions.list('dev|7')
    t.equal(left.length, 10)
    t.ok(left.some(({ id }) => id === last.id))
    const ended = states.flatMap(({ events }) => events).flatMap(([event, { sid }]) => event === 'session_ended' ? [sid] : [])
    t.same(ended.sort(), begun.map(session => session?.id).filter(id => !left.some(session => session.id === id)).sort(), 'each end is audited once')
  })

  t.test('R52 access tokens of a session that ended are refused on every replica within a second', async t => {
    const states = await three(t)
    for (const [ender, { sessions }] of states.entries()) {
      const { id, startedAt } = await sessions.start(ada, 0)
      await sessions.end('dev|7', id)
      const ended = Date.now()
      const has = ({ revocations }: typeof states[number]) => revocations.has({ sid: id, auth_time: startedAt })
      t.ok(has(states[ender] ?? states[0]), 'here at once')
      await eventually('all know', () => states.every(has))
      t.ok(Date.now() - ended < withinMs, `${Date.now() - ended} ms`)
    }
  })

  t.test('R47 a stolen token ends the session on every replica within a second', async t => {
    const [one, two, other] = await three(t)
    const { id, startedAt, refreshToken: first } = await one.sessions.start(ada, 0)
    const second = await two.sessions.refresh(first)
    await one.sessions.refresh(second.refreshToken)
    await t.rejects(other.sessions.refresh(first), { code: 'invalid_refresh_token' })
    const reused = Date.now()
    await eventually('all know', () => [one, two, other].every(({ revocations }) => revocations.has({ sid: id, auth_time: startedAt })))
    t.ok(Date.now() - reused < withinMs)
  })

  t.test('what was revoked stays so over a restart, until an hour after its last access token is over', { skip: !travels }, async t => {
    const place = { ...await shared(t), TOKEN_TTL: '10m' }
    const before = await openTestState(t, place)
    const { id, startedAt } = await before.sessions.start(ada, 0)
    await before.sessions.end('dev|7', id)
    await before.close()
    for (const startAt of [0, 4_190]) {
      const after = await openTestState(t, place, { startAt })
      t.ok(after.revocations.has({ sid: id, auth_time: startedAt }), `after ${startAt} seconds`)
      await after.close()
    }
    const late = await openTestState(t, place, { startAt: 4_201 })
    t.notOk(late.revocations.has({ sid: id, auth_time: startedAt }))
  })

  t.test('R56 everybody\'s sessions end on every replica, also in the status lists, and whoever signs in afterwards stays', async t => {
    const states = await three(t, { TOKEN_STATUS: 'true' })
    const [one, two, other] = states
    const before = [await one.sessions.start(ada, 0), await two.sessions.start({ ...ada, subject: '8' }, 0)]
    const from = Date.now()
    const ending = other.sessions.endEveryone()
    const knows = ({ revocations }: typeof one) => before.every(({ id, startedAt }) => revocations.has({ sid: id, auth_time: startedAt }))
    await eventually('all know', () => states.every(knows))
    t.ok(Date.now() - from < withinMs)
    await ending
    for (const { refreshToken } of before) await t.rejects(two.sessions.refresh(refreshToken), { code: 'invalid_refresh_token' })
    t.same(await one.sessions.list('dev|7'), [])
    const after = await one.sessions.start(ada, 0)
    t.ok(await two.sessions.refresh(after.refreshToken))
    for (const { revocations } of states) {
      t.notOk(revocations.has({ sid: after.id, auth_time: after.startedAt }))
      const { upTo } = revocations.statusIndices
      for (const { statusIndex = 0 } of before) t.ok(statusIndex <= upTo)
      t.ok((after.statusIndex ?? 0) > upTo)
    }
    for (const startAt of [0, 86_400]) t.ok(knows(await openTestState(t, one.env, { startAt })), 'also after a restart')
  })

  t.test('R56 L25 where one replica is ahead, all its sessions end as well, and whoever signs in afterwards stays', async t => {
    const place = { ...await shared(t), TOKEN_STATUS: 'true' }
    const [one, ahead] = [await openTestState(t, place), await openTestState(t, place, { startAt: 50 })]
    const before = [await one.sessions.start(ada, 0), await ahead.sessions.start({ ...ada, subject: '8' }, 0)]
    await one.sessions.endEveryone()
    for (const replica of [one, ahead]) {
      const { id, startedAt, refreshToken } = await replica.sessions.start(ada, 0)
      for (const { refreshToken } of before) await t.rejects(replica.sessions.refresh(refreshToken), { code: 'invalid_refresh_token' })
      await eventually('both know', () => before.every(({ id, startedAt }) => replica.revocations.has({ sid: id, auth_time: startedAt })))
      t.notOk(replica.revocations.has({ sid: id, auth_time: startedAt }))
      t.ok(await replica.sessions.refresh(refreshToken))
    }
  })

  t.test('no two sessions have one place in the status lists', async t => {
    const states = await three(t, { TOKEN_STATUS: 'true' })
    const started = await Promise.all(Array.from({ length: 60 }, (_, number) => states[number % 3]?.sessions.start(ada, 0)))
    t.equal(new Set(started.map(session => session?.statusIndex)).size, 60)
  })

  t.test('R39 replicas that start at once on an empty store have one ring', async t => {
    const place = await shared(t)
    const states = await Promise.all([openTestState(t, place), openTestState(t, place), openTestState(t, place)])
    for (const { keys } of states) t.same(keys.jwks, states[0].keys.jwks)
    t.equal(states.flatMap(({ events }) => events).filter(([event]) => event === 'key_made').length, 2)
    t.equal(states[0].keys.all.length, 2)
  })

  t.test('R39 replicas rotate once, together, when it is time', async t => {
    const states = await three(t, { KEY_ROTATION: '30d' })
    const next = states[0].keys.all[1]?.kid
    for (const state of states) state.travel(30 * 86_400)
    await Promise.all(states.map(({ keys }) => keys.upkeep()))
    await eventually('all follow', () => states.every(({ keys }) => keys.current.kid === next))
    t.equal(states.flatMap(({ events }) => events).filter(([event]) => event === 'key_rotated').length, 1)
    for (const { keys } of states) {
      t.same(keys.all.map(({ state }) => state), ['current', 'next', 'previous'])
      t.same(keys.jwks, states[0].keys.jwks)
    }
  })

  t.test('R39 a key that is revoked on one replica is gone on every one within a second', async t => {
    const states = await three(t)
    const [current] = states[0].keys.all.map(({ kid }) => kid)
    await states[1].keys.revoke(current ?? '')
    const revoked = Date.now()
    await eventually('all know', () => states.every(({ keys }) => keys.find(current ?? '') === undefined))
    t.ok(Date.now() - revoked < withinMs)
    for (const { keys } of states) t.equal(keys.current.kid, states[1].keys.current.kid)
  })

  t.test('R39 replicas that restart with another SIGNING_ALG change to it once', async t => {
    const place = await shared(t)
    const before = await openTestState(t, { ...place, SIGNING_ALG: 'ES256' })
    await before.close()
    const states = await Promise.all([1, 2, 3].map(() => openTestState(t, { ...place, SIGNING_ALG: 'EdDSA' })))
    await eventually('all follow', () => new Set(states.map(({ keys }) => JSON.stringify(keys.jwks))).size === 1)
    for (const { keys } of states) {
      t.same(keys.all.map(({ state, alg }) => [state, alg]), [['current', 'EdDSA'], ['next', 'EdDSA'], ['previous', 'ES256']])
    }
  })
}
