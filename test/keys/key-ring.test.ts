import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import { KeyRing } from '../../src/keys/key-ring.ts'
import type { RingKey, RingRecord } from '../../src/keys/key-record.ts'
import { secretBox } from '../../src/keys/secret-box.ts'
import { makePrivatePem } from '../../src/keys/signing-key.ts'
import { StoreError, type Store } from '../../src/stores/store.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { openTestState, type TestState } from '../helpers/state.ts'
import { faulty } from '../helpers/faulty.ts'

const day = 86_400
const tokenTtl = 600
const place = 'keys/ring'
/** Where verifiers may have kept our keys: a changed algorithm waits there. */
const publicly = { PUBLIC_URL: 'https://auth.example.com', GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret' }

const standing = ({ keys }: Pick<TestState, 'keys'>) => keys.all.map(({ state, kid, alg }) => `${state} ${alg} ${kid}`)
const states = ({ keys }: Pick<TestState, 'keys'>) => keys.all.map(({ state }) => state)
const algs = ({ keys }: Pick<TestState, 'keys'>) => keys.all.map(({ alg }) => alg)
const stored = async ({ store }: Pick<TestState, 'store'>) => JSON.parse(await store.get(place) ?? '') as RingRecord

t.test('R38 the first start makes a key that signs and one that is next', async t => {
  for (const [alg, kty] of [['RS256', 'RSA'], ['ES256', 'EC'], ['EdDSA', 'OKP']] as const) {
    const { keys, events } = await openTestState(t, { SIGNING_ALG: alg })
    t.same(states({ keys }), ['current', 'next'])
    t.equal(keys.current, keys.all[0])
    t.same(events.map(([event]) => event), ['key_made', 'key_made'])
    const published = keys.jwks.keys
    t.same(published.map(jwk => [jwk.kty, jwk.use, jwk.alg]), [[kty, 'sig', alg], [kty, 'sig', alg]])
    for (const [index, jwk] of published.entries()) {
      t.equal(jwk.kid, await calculateJwkThumbprint(jwk, 'sha256'))
      t.equal(jwk.kid, keys.all[index]?.kid)
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) t.notOk(member in jwk)
    }
  }
})

t.test('a restart finds the same keys, and makes none', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await openTestState(t, { DATA_DIR })
  await before.close()
  const after = await openTestState(t, { DATA_DIR })
  t.same(standing(after), standing(before))
  t.same(after.events, [])
})

t.test('R39 over a year every key is known for a day before it signs, and for a day after its last token', async t => {
  const { keys, travel, now, store } = await openTestState(t, { KEY_ROTATION: '30d' })
  const seen = new Map<string, { from: number, to: number, signedFrom?: number, signedTo?: number }>()
  const first = keys.current.kid
  for (let hours = 0; hours <= 366 * 24; hours += 6) {
    await keys.upkeep()
    t.ok(keys.jwks.keys.length <= 4)
    t.equal(states({ keys }).filter(state => state === 'current').length, 1)
    t.equal(states({ keys }).filter(state => state === 'next').length, 1)
    for (const { kid } of keys.jwks.keys) {
      const known = seen.get(kid) ?? { from: now(), to: 0 }
      seen.set(kid, { ...known, to: now(), ...(kid === keys.current.kid && { signedFrom: known.signedFrom ?? now(), signedTo: now() }) })
    }
    travel(6 * 3_600)
  }
  t.equal(seen.size, 14, 'the first, one for each month, and the next')
  for (const [kid, { from, to, signedFrom, signedTo }] of seen) {
    if (signedFrom === undefined || signedTo === undefined || kid === keys.current.kid) continue
    if (kid !== first) t.ok(signedFrom - from >= day, 'published before')
    t.ok(signedTo - signedFrom <= 30 * day + 6 * 3_600, 'rotated in time')
    t.ok(to - signedTo >= day + tokenTtl - 6 * 3_600 && to - signedTo <= 2 * day, 'published after')
  }
  t.equal((await stored({ store })).keys.length, keys.all.length)
})

t.test('R39 a previous key goes when its last token has been over for a day, and not before', async t => {
  const { keys, travel } = await openTestState(t)
  const [old] = keys.all
  await keys.rotate(true)
  travel(day + tokenTtl - 2)
  await keys.upkeep()
  t.ok(keys.find(old?.kid ?? ''))
  travel(2)
  await keys.upkeep()
  t.notOk(keys.find(old?.kid ?? ''))
})

t.test('R39 an operator may rotate when the next key has been known for a day', async t => {
  const { keys, travel, events } = await openTestState(t)
  const [old, next] = keys.all
  travel(day - 2)
  await t.rejects(keys.rotate(), { message: /has not been published for 24 hours.*wait until \d{4}-\d\d-\d\dT.*, or use --force/ })
  t.equal(keys.current.kid, old?.kid)
  travel(2)
  await keys.rotate()
  t.equal(keys.current.kid, next?.kid)
  t.same(states({ keys }), ['current', 'next', 'previous'])
  t.equal(keys.all[2]?.kid, old?.kid)
  t.same(events.slice(2).map(([event, { kid }]) => [event, kid]), [['key_made', keys.all[1]?.kid], ['key_rotated', next?.kid]])
  await t.rejects(keys.rotate(), { message: /24 hours/ }, 'the new next one has only just been published')
  await keys.rotate(true)
})

t.test('R38 the ring never has more than ten keys, whoever rotates', async t => {
  const { keys, travel } = await openTestState(t, { KEY_ROTATION: '2d' })
  travel(2 * day - 100)
  await keys.upkeep()
  for (let rotation = 0; rotation < 8; rotation++) await keys.rotate(true)
  t.equal(keys.all.length, 10)
  await t.rejects(keys.rotate(true), { message: /has 10 keys.*wait a day, or revoke a previous one/ })
  const [current, , previous] = keys.all
  await keys.revoke(previous?.kid ?? '', true)
  await keys.rotate(true)
  t.equal(keys.all.length, 10)
  t.not(keys.current.kid, current?.kid)
  travel(day)
  await keys.upkeep()
  t.equal(keys.all.length, 10)
  travel(tokenTtl)
  await keys.upkeep()
  t.ok(keys.all.length < 10)
})

t.test('R38 a rotation that time asks for waits where there is no room', async t => {
  const { keys, travel, now, store } = await openTestState(t, { KEY_ROTATION: '2d' })
  for (let rotation = 0; rotation < 8; rotation++) await keys.rotate(true)
  const { kid } = keys.current
  // As if the ten had come together over two days.
  travel(2 * day)
  const { keys: records, ...ring } = await stored({ store })
  await store.put(place, JSON.stringify({ ...ring, keys: records.map(record => record.signedUntil ? { ...record, signedUntil: now() } : record) }))
  await keys.upkeep()
  t.equal(keys.current.kid, kid)
  t.equal(keys.all.length, 10)
  travel(day + tokenTtl)
  await keys.upkeep()
  t.not(keys.current.kid, kid)
  t.same(states({ keys }), ['current', 'next', 'previous'])
})

t.test('R39 whichever key is revoked, one that nobody has seen signs at once and the published next key is replaced', async t => {
  for (const which of [0, 1, 2]) {
    const { keys, events, travel } = await openTestState(t)
    travel(day)
    await keys.rotate()
    const before = keys.all.map(({ kid }) => kid)
    const { kid: revoked = '' } = keys.all[which] ?? {}
    const known = events.length
    await keys.revoke(revoked)
    const [current, next, ...previous] = keys.all
    t.same(states({ keys }), which === 1 ? ['current', 'next', 'previous', 'previous'] : ['current', 'next', 'previous'])
    for (const key of [current, next]) t.notOk(before.includes(key?.kid ?? ''))
    const verifying = before.filter((kid, place) => place !== 1 && kid !== revoked)
    t.same(previous.map(({ kid }) => kid).sort(), verifying.sort(), 'tokens of the others verify on')
    t.same(events.slice(known).map(([event, { kid, reason }]) => [event, kid, reason]), [
      ['key_made', current?.kid, undefined],
      ['key_made', next?.kid, undefined],
      ['key_rotated', current?.kid, undefined],
      ...before.filter(kid => !keys.find(kid)).map(kid => ['key_removed', kid, kid === revoked ? 'revoked' : 'replaced'])
    ])
    await t.rejects(keys.revoke(revoked), { message: `no key ${revoked} is in the ring` })
  }
})

t.test('R39 a revocation that keeps the next key takes one key away, and there is always one that signs and one that is next', async t => {
  const { keys, travel, events } = await openTestState(t)
  travel(day)
  await keys.rotate()
  const [current, next, previous] = keys.all as [RingKey, RingKey, RingKey]
  await keys.revoke(previous.kid, true)
  t.same(keys.all.map(({ kid }) => kid), [current.kid, next.kid])
  await keys.revoke(current.kid, true)
  t.equal(keys.current.kid, next.kid)
  t.same(states({ keys }), ['current', 'next'])
  const [, replacement] = keys.all
  await keys.revoke(replacement?.kid ?? '', true)
  t.equal(keys.current.kid, next.kid)
  t.same(states({ keys }), ['current', 'next'])
  t.not(keys.all[1]?.kid, replacement?.kid)
  t.same(events.filter(([event]) => event === 'key_removed').map(([, { reason }]) => reason), ['revoked', 'revoked', 'revoked'])
})

t.test('R39 a revocation is never refused for want of room: the previous key that finished signing first makes it', async t => {
  const { keys } = await openTestState(t)
  for (let rotation = 0; rotation < 8; rotation++) await keys.rotate(true)
  const [, next, ...previous] = keys.all
  t.equal(keys.all.length, 10)
  await keys.revoke(next?.kid ?? '')
  t.equal(keys.all.length, 10)
  t.equal(previous.filter(({ kid }) => keys.find(kid)).length, previous.length - 1)
})

t.test('R39 operators who revoke one key at the same time change the ring once, and who comes later hears it', async t => {
  const one = await openTestState(t)
  const others = await Promise.all([openTestState(t, one.env), openTestState(t, one.env)])
  const { kid } = one.keys.current
  const outcomes = await Promise.allSettled([one, ...others].map(({ keys }) => keys.revoke(kid)))
  t.same(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected'])
  await Promise.all([one, ...others].map(({ keys }) => keys.reload()))
  for (const other of others) t.same(standing(other), standing(one))
  t.same(states(one), ['current', 'next'])
})

t.test('R39 a revocation and a rotation at the same time both come true', async t => {
  const one = await openTestState(t)
  const other = await openTestState(t, one.env)
  const [current, next] = one.keys.all
  await Promise.all([one.keys.revoke(current?.kid ?? ''), other.keys.rotate(true)])
  await Promise.all([one.keys.reload(), other.keys.reload()])
  t.same(standing(one), standing(other))
  t.equal(one.keys.find(current?.kid ?? ''), undefined)
  t.not(one.keys.current.kid, next?.kid)
})

t.test('R39 a key that nobody has seen signs nothing before every replica has heard of it', async t => {
  const one = await openTestState(t)
  const other = await openTestState(t, one.env)
  const before = performance.now()
  await one.keys.revoke(one.keys.current.kid)
  const signing = [one.keys.current.signature('a.b').then(() => 'signed')]
  await eventually('the other knows', () => other.keys.current.kid === one.keys.current.kid)
  signing.push(other.keys.current.signature('a.b').then(() => 'signed'))
  t.equal(await Promise.race([...signing, Promise.resolve('not yet')]), 'not yet')
  await Promise.all(signing)
  t.ok(performance.now() - before >= 1_000)
  await one.keys.reload()
  await one.keys.current.signature('a.b')
})

t.test('R39 where another algorithm is next, a revocation goes on with the one that signs: verifiers may not take the other yet', async t => {
  const DATA_DIR = temporaryFolder(t)
  await (await openTestState(t, { DATA_DIR, ...publicly })).close()
  const { keys } = await openTestState(t, { DATA_DIR, ...publicly, SIGNING_ALG: 'EdDSA' })
  t.same(algs({ keys }), ['ES256', 'EdDSA'])
  await keys.revoke(keys.current.kid)
  t.same(algs({ keys }), ['ES256', 'EdDSA'])
})

// the algorithm

t.test('R39 another SIGNING_ALG is a rotation like any other: published for a day, then it signs', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await openTestState(t, { DATA_DIR, ...publicly })
  await before.close()
  const after = await openTestState(t, { DATA_DIR, ...publicly, SIGNING_ALG: 'EdDSA' })
  t.same(algs(after), ['ES256', 'EdDSA'])
  t.equal(after.keys.current.kid, before.keys.current.kid)
  after.travel(day - 2)
  await after.keys.upkeep()
  t.same(algs(after), ['ES256', 'EdDSA'])
  after.travel(2)
  await after.keys.upkeep()
  t.same(algs(after), ['EdDSA', 'EdDSA', 'ES256'])
  after.travel(day + tokenTtl)
  await after.keys.upkeep()
  t.same(algs(after), ['EdDSA', 'EdDSA'])
})

t.test('a SIGNING_ALG that is taken back before it signed leaves no trace', async t => {
  const DATA_DIR = temporaryFolder(t)
  for (const SIGNING_ALG of ['ES256', 'EdDSA', 'ES256']) {
    const state = await openTestState(t, { DATA_DIR, ...publicly, SIGNING_ALG })
    t.same(algs(state), ['ES256', SIGNING_ALG])
    await state.close()
  }
})

t.test('where nobody can have kept our keys, another SIGNING_ALG signs from the start', async t => {
  const DATA_DIR = temporaryFolder(t)
  const starts = [['ES256', ['ES256', 'ES256']], ['EdDSA', ['EdDSA', 'EdDSA', 'ES256']], ['ES256', ['ES256', 'ES256', 'EdDSA']]] as const
  for (const [SIGNING_ALG, expected] of starts) {
    const state = await openTestState(t, { DATA_DIR, SIGNING_ALG })
    t.same(algs(state), expected)
    await state.close()
  }
})

// at rest

const [oldSecret, newSecret] = ['the old secret of thirty-two or more', 'the new secret of thirty-two or more']

t.test('R41 keys are sealed at rest: another secret opens none, and does not start', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await openTestState(t, { DATA_DIR, SECRET: oldSecret })
  const text = await before.store.get(place) ?? ''
  t.notMatch(text, 'PRIVATE')
  await before.close()
  await t.rejects(openTestState(t, { DATA_DIR, SECRET: newSecret }), {
    message: /^signing key [\w-]{43} was sealed with another SECRET: add that secret to the list$/
  })
  const after = await openTestState(t, { DATA_DIR, SECRET: oldSecret })
  t.equal(await after.store.get(place), text, 'nothing was changed')
  t.same(standing(after), standing(before))
})

t.test('R41 a start with a new SECRET before the old one seals everything anew', async t => {
  const DATA_DIR = temporaryFolder(t)
  const start = async (SECRET: string) => {
    const state = await openTestState(t, { DATA_DIR, SECRET })
    await state.close()
    return standing(state)
  }
  const keys = await start(oldSecret)
  t.same(await start(`${newSecret},${oldSecret}`), keys)
  t.same(await start(newSecret), keys)
  t.same(await start(`${oldSecret},${newSecret}`), keys, 'and back')
  t.same(await start(oldSecret), keys)
  await t.rejects(start(newSecret))
})

t.test('R41 a sealed key that was moved to another kid, or changed, does not open', async t => {
  for (const change of [
    ([one, two]: RingRecord['keys']) => [{ ...one, sealedPem: two?.sealedPem }, two],
    ([one, two]: RingRecord['keys']) => [{ ...one, sealedPem: one?.sealedPem.replace(/.$/, last => last === 'A' ? 'Q' : 'A') }, two],
    ([one, two]: RingRecord['keys']) => [{ ...one, sealedPem: '' }, two],
    ([one, two]: RingRecord['keys']) => [{ ...one, alg: 'RS256' }, two]
  ]) {
    const DATA_DIR = temporaryFolder(t)
    const { store, close } = await openTestState(t, { DATA_DIR })
    const { keys, ...ring } = await stored({ store })
    await store.put(place, JSON.stringify({ ...ring, keys: change(keys) }))
    await close()
    await t.rejects(openTestState(t, { DATA_DIR }))
  }
})

t.test('L34 a ring of a version that this one cannot read stays as it is, and the known keys stay in use', async t => {
  const DATA_DIR = temporaryFolder(t)
  const { keys, store, close } = await openTestState(t, { DATA_DIR })
  const { kid } = keys.current
  const later = JSON.stringify({ ...await stored({ store }), v: 2 })
  await store.put(place, later)
  const message = 'the key ring was written by a newer version'
  for (const change of [() => keys.reload(), () => keys.upkeep(), () => keys.rotate(true), () => keys.revoke(kid)]) await t.rejects(change(), { message })
  t.equal(await store.get(place), later)
  t.equal(keys.current.kid, kid)
  await close()
  await t.rejects(openTestState(t, { DATA_DIR }), { message })
})

t.test('a ring that somebody took the next key from has one again after a revocation', async t => {
  const { keys, store, config } = await openTestState(t)
  await keys.rotate(true)
  const { keys: records, ...ring } = await stored({ store })
  await store.put(place, JSON.stringify({ ...ring, keys: records.filter(({ signsFrom }) => signsFrom !== undefined) }))
  await keys.revoke(keys.all[2]?.kid ?? '', true)
  t.same(states({ keys }), ['current', 'next'])
  t.same(algs({ keys }), [config.signingAlg, config.signingAlg])
})

t.test('R39 a revocation that could not be told is told when it is tried again', async t => {
  const DATA_DIR = temporaryFolder(t)
  const service = await openTestState(t, { DATA_DIR })
  const { keys, store } = await openTestState(t, { DATA_DIR })
  const { kid } = keys.current
  const faults = faulty(store)
  faults.fail('announce')
  await t.rejects(keys.revoke(kid), { message: 'away' })
  faults.heal('announce')
  await t.rejects(keys.revoke(kid), { message: `no key ${kid} is in the ring` })
  await eventually('the service has heard', () => service.keys.current.kid !== kid)
})

t.test('R39 a change that could not be read when it was told is read soon', async t => {
  const DATA_DIR = temporaryFolder(t)
  const service = await openTestState(t, { DATA_DIR })
  const { keys } = await openTestState(t, { DATA_DIR })
  const { kid } = keys.current
  let fails = 1
  faulty(service.store).before('get', key => {
    if (key === place && fails-- > 0) throw new StoreError('away')
  })
  await keys.revoke(kid)
  await eventually('the service has heard', () => service.keys.current.kid !== kid)
  t.ok(fails < 0, 'at the second try')
})

t.test('L34 what a later version adds to the ring and its keys survives every change', async t => {
  const DATA_DIR = temporaryFolder(t)
  const state = await openTestState(t, { DATA_DIR, SECRET: oldSecret })
  const { keys, ...ring } = await stored(state)
  const later = { ...ring, later: { of: 'the ring' }, keys: keys.map(key => ({ ...key, later: `of ${key.kid}` })) }
  await state.store.put(place, JSON.stringify(later))
  const kept = async ({ store }: Pick<TestState, 'store'>, kid = '') => {
    const record = await stored({ store }) as typeof later
    t.same(record.later, { of: 'the ring' })
    t.equal(record.keys.find(key => key.kid === kid)?.later, `of ${kid}`)
  }
  const [current, next] = keys
  await state.keys.reload()
  await state.keys.rotate(true)
  await kept(state, current?.kid)
  await kept(state, next?.kid)
  await state.keys.revoke(current?.kid ?? '', true)
  await kept(state, next?.kid)
  state.travel(90 * day)
  await state.keys.upkeep()
  await kept(state, next?.kid)
  await state.close()
  const after = await openTestState(t, { DATA_DIR, SECRET: `${newSecret},${oldSecret}`, SIGNING_ALG: 'EdDSA', ...publicly }, { startAt: 90 * day })
  await kept(after, next?.kid)
})

// neighbours

/** A store in which another process changes the ring just before every swap of ours, so many times. */
function contested (store: Store, times: number): Store {
  let left = times
  const replace: Store['replace'] = async (key, expected, value, expiresAt) => {
    if (left-- > 0) await store.put(key, JSON.stringify({ ...JSON.parse(expected) as RingRecord, touched: left }))
    return store.replace(key, expected, value, expiresAt)
  }
  return new Proxy(store, { get: (target, name) => name === 'replace' ? replace : Reflect.get(target, name).bind(target) as unknown })
}

/** A ring on a store of its own. */
async function ringOn (store: Store, secrets = [oldSecret], env: Partial<Parameters<typeof KeyRing.open>[0]> = {}) {
  let announced = 0
  const ring = await KeyRing.open({
    store,
    box: secretBox(secrets, 'signing-keys'),
    clock: Date.now,
    alg: 'ES256',
    rotationSeconds: 90 * day,
    tokenSeconds: tokenTtl,
    changesAtOnce: false,
    announce: async () => { announced++ },
    onEvent: () => {},
    ...env
  })
  return { ring, announced: () => announced }
}

t.test('a change is made again on what another process has just put there', async t => {
  const { store } = await openTestState(t, { SECRET: oldSecret })
  const { ring, announced } = await ringOn(contested(store, 5))
  const next = ring.all[1]?.kid
  await ring.rotate(true)
  t.equal(ring.current.kid, next)
  t.equal(announced(), 1)
  t.ok('touched' in await stored({ store }), 'what the other did is there as well')
})

t.test('a change gives up where other processes never stop', async t => {
  const { store } = await openTestState(t, { SECRET: oldSecret })
  const { ring } = await ringOn(contested(store, 1_000))
  const { kid } = ring.current
  await t.rejects(ring.rotate(true), { message: 'other processes keep changing the key ring' })
  t.equal(ring.current.kid, kid)
})

t.test('L18 a ring that is gone from the store is put back by whoever has it: a start would make another', async t => {
  const { store, keys, env } = await openTestState(t)
  const other = await openTestState(t, env)
  const known = standing({ keys })
  for (const step of ['upkeep', 'reload'] as const) {
    await store.remove(place)
    await Promise.all([keys[step](), other.keys[step]()])
    t.same(standing({ keys }), known)
    t.same(standing(other), known)
    t.same(standing(await openTestState(t, env)), known)
  }
})

t.test('a ring that goes while it is opened is missed', async t => {
  const { store } = await openTestState(t, { SECRET: oldSecret })
  const forgetful = new Proxy(store, { get: (target, name) => name === 'get' ? async () => undefined : Reflect.get(target, name).bind(target) as unknown })
  await t.rejects(ringOn(forgetful), { message: 'the key ring is gone from the store' })
})

t.test('L18 L27 a key that was revoked stays so though the store brings it back', async t => {
  const { store, keys, env } = await openTestState(t)
  const other = await openTestState(t, env)
  const before = await store.get(place) ?? ''
  const both = keys.all.map(({ kid }) => kid)
  for (const kid of both) await keys.revoke(kid, true)
  await eventually('the other knows', () => both.every(kid => other.keys.find(kid) === undefined))
  for (const ring of [keys, other.keys]) {
    await store.put(place, before)
    await ring.reload()
    for (const kid of both) t.equal(ring.find(kid), undefined)
    t.same(ring.all.map(({ state }) => state), ['current', 'next'])
    t.notMatch(await store.get(place), new RegExp(both.join('|')))
  }
})

t.test('a ring that somebody emptied signs nothing, and one without a next key gets one at the start', async t => {
  const DATA_DIR = temporaryFolder(t)
  const { store, keys, close } = await openTestState(t, { DATA_DIR })
  const { keys: [current], ...ring } = await stored({ store })
  await store.put(place, JSON.stringify({ ...ring, keys: [current] }))
  await t.rejects(keys.rotate(), { message: /has not been published for 24 hours/ })
  await close()
  const again = await openTestState(t, { DATA_DIR })
  t.same(states(again), ['current', 'next'])
  await again.store.put(place, JSON.stringify({ ...ring, keys: [] }))
  await again.keys.reload()
  t.throws(() => again.keys.current, { message: 'the key ring is empty' })
})

t.test('a start leaves alone what another process has sealed with a secret that is not ours', async t => {
  const { store } = await openTestState(t, { SECRET: oldSecret })
  const pem = await makePrivatePem('ES256')
  let foreign = ''
  // Between our look and our swap another process, with a newer secret, has added a key.
  const replace: Store['replace'] = async (key, expected, value, expiresAt) => {
    if (!foreign) {
      foreign = secretBox(['a third secret of thirty-two or more'], 'signing-keys').seal(pem, 'foreign')
      const ring = JSON.parse(expected) as RingRecord
      const added = { kid: 'foreign', alg: 'ES256', sealedPem: foreign, publishedAt: 1, signsFrom: 1, signedUntil: Math.floor(Date.now() / 1000) }
      await store.put(key, JSON.stringify({ ...ring, keys: [...ring.keys, added] }))
    }
    return store.replace(key, expected, value, expiresAt)
  }
  const interrupted = new Proxy(store, { get: (target, name) => name === 'replace' ? replace : Reflect.get(target, name).bind(target) as unknown })
  await t.rejects(ringOn(interrupted, [newSecret, oldSecret]), { message: /signing key foreign was sealed with another SECRET/ })
  t.equal((await stored({ store })).keys.find(({ kid }) => kid === 'foreign')?.sealedPem, foreign)
})

t.test('whoever watches the ring hears of keys before they come into use', async t => {
  const { keys } = await openTestState(t)
  const heard: string[][] = []
  await keys.watch(async all => {
    heard.push(all.map(({ kid }) => kid))
    if (heard.length > 1) t.not(keys.current.kid, all[0]?.kid, 'not yet')
  })
  const revision = keys.revision
  await keys.rotate(true)
  t.equal(heard.length, 2)
  t.same(heard[1], keys.all.map(({ kid }) => kid))
  t.ok(keys.revision > revision)
  await keys.reload()
  t.equal(heard.length, 2, 'and of nothing when nothing changed')
})

// in the background

/** A process that keeps the ring up once a minute: `minute` is when. */
async function follower (t: Teardown, env: Environment) {
  const problems: string[] = []
  const { setInterval } = globalThis
  const minutes: Array<() => void> = []
  const state = await openTestState(t, env, { onProblem: message => { problems.push(message) } })
  globalThis.setInterval = ((act: () => void, ms: number) => {
    minutes.push(act)
    return setInterval(() => {}, ms)
  }) as typeof setInterval
  state.follow()
  globalThis.setInterval = setInterval
  return { ...state, problems, minute: () => minutes.forEach(act => act()) }
}

t.test('the ring is kept up by itself, and what fails is tried again', async t => {
  const { minute, travel, keys, problems, store } = await follower(t, { KEY_ROTATION: '30d' })
  const [, next] = keys.all
  travel(30 * day)
  const record = await store.get(place) ?? ''
  await store.put(place, '{"v":2}')
  minute()
  await eventually('it is reported', () => problems.includes('the key ring could not be kept up'))
  await store.put(place, record)
  minute()
  await eventually('it rotates', () => keys.current.kid === next?.kid)
})

t.test('a ring that another replica changed while the store was away is read when it is back', async t => {
  const DATA_DIR = temporaryFolder(t)
  const { keys, store } = await openTestState(t, { DATA_DIR })
  let refused = 0
  faulty(store).before('get', key => {
    if (key === place && ++refused < 3) throw new StoreError('away')
  })
  const other = await openTestState(t, { DATA_DIR })
  await other.keys.rotate(true)
  await eventually('it follows', () => keys.current.kid === other.keys.current.kid && keys.all.length === other.keys.all.length)
  t.ok(refused >= 3)
})

t.test('a ring that another replica changed with another SECRET is a problem, and the known keys stay in use', async t => {
  const DATA_DIR = temporaryFolder(t)
  const { keys, problems } = await follower(t, { DATA_DIR, SECRET: oldSecret })
  const known = standing({ keys })
  const newer = await openTestState(t, { DATA_DIR, SECRET: `${newSecret},${oldSecret}` })
  await newer.keys.rotate(true)
  await eventually('it is told', () => problems.includes('the changed key ring cannot be used'))
  t.same(standing({ keys }), known)
})
