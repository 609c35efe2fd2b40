import t from 'tap'
import type { KeyRecord, RingRecord } from '../../src/keys/key-record.ts'
import {
  keyIn, maxKeys, nextIsKnown, promoted, publishedBeforeSeconds, rotationIsDue, stateOf, withFreshKeys, withNext, withoutKey, withoutPrevious, withoutRetired
} from '../../src/keys/key-schedule.ts'

const day = 86_400
const schedule = { alg: 'ES256', rotationSeconds: 90 * day, tokenSeconds: 600 } as const
const key = (kid: string, times: Partial<KeyRecord> = {}): KeyRecord => ({ kid, alg: 'ES256', sealedPem: '', publishedAt: 0, ...times })
const ring = (...keys: KeyRecord[]): RingRecord => ({ v: 1, keys })
const kids = ({ keys }: RingRecord) => keys.map(key => `${stateOf(key)} ${key.kid}`)

const current = key('current', { signsFrom: 0 })
const next = key('next')
const previous = key('previous', { signsFrom: 0, signedUntil: 1_000 })

t.test('a key is next until it signs, current while it does, and previous afterwards', async t => {
  t.same(kids(ring(current, next, previous)), ['current current', 'next next', 'previous previous'])
  t.equal(keyIn(ring(current, next, previous), 'previous'), previous)
  t.equal(keyIn(ring(current), 'next'), undefined)
})

t.test('R39 the next key is known a day after it was published', async t => {
  t.equal(publishedBeforeSeconds, day)
  t.notOk(nextIsKnown(ring(current, next), day - 1))
  t.ok(nextIsKnown(ring(current, next), day))
  t.notOk(nextIsKnown(ring(current), 10 * day), 'if there is one')
})

t.test('R39 a rotation is due when the current key is old enough, and the next one known', async t => {
  t.notOk(rotationIsDue(ring(current, next), 90 * day - 1, schedule))
  t.ok(rotationIsDue(ring(current, next), 90 * day, schedule))
  t.notOk(rotationIsDue(ring(current, key('next', { publishedAt: 89.5 * day })), 90 * day, schedule))
  t.notOk(rotationIsDue(ring(next), 90 * day, schedule))
  t.notOk(rotationIsDue(ring(current), 90 * day, schedule))
})

t.test('a rotation is due as soon as a next key of another algorithm is known', async t => {
  const other = key('next', { alg: 'EdDSA' })
  t.notOk(rotationIsDue(ring(current, other), day - 1, schedule))
  t.ok(rotationIsDue(ring(current, other), day, schedule))
})

t.test('R38 a rotation waits while the ring is full', async t => {
  const full = ring(current, next, ...Array.from({ length: maxKeys - 2 }, (_, number) => key(`previous ${number}`, { signsFrom: 0, signedUntil: 1 })))
  t.notOk(rotationIsDue(full, 90 * day, schedule))
  t.ok(rotationIsDue(ring(...full.keys.slice(0, -1)), 90 * day, schedule))
})

t.test('R39 a previous key stays for its last token and a day', async t => {
  const all = ring(current, next, previous)
  t.same(kids(withoutRetired(all, 1_000 + day + 599, schedule)).length, 3)
  t.same(kids(withoutRetired(all, 1_000 + day + 600, schedule)), ['current current', 'next next'])
  t.same(kids(withoutRetired(ring(current, next), 1e9, schedule)).length, 2, 'no other ever goes by time')
})

t.test('what becomes of the ring', async t => {
  const all = ring(current, next, previous)
  t.same(kids(promoted(all, 50)), ['previous current', 'current next', 'previous previous'])
  t.match(promoted(all, 50).keys, [{ signedUntil: 50 }, { signsFrom: 50 }, { signedUntil: 1_000 }])
  t.same(kids(withNext(all, key('newer'))), ['current current', 'previous previous', 'next newer'])
  t.same(kids(withoutPrevious(all)), ['current current', 'next next'])
  t.same(kids(withoutKey(all, 'next', 50)), ['current current', 'previous previous'])
  t.same(kids(withoutKey(all, 'current', 50)), ['current next', 'previous previous'], 'there is always one that signs')
})

t.test('R39 a revoked key makes way for fresh ones, and the published next key goes too', async t => {
  const all = ring(current, next, previous)
  const fresh = { current: key('fresh'), next: key('newer') }
  t.same(kids(withFreshKeys(all, 'current', fresh, 50)), ['previous previous', 'current fresh', 'next newer'])
  t.same(kids(withFreshKeys(all, 'next', fresh, 50)), ['previous current', 'previous previous', 'current fresh', 'next newer'])
  t.same(kids(withFreshKeys(all, 'previous', fresh, 50)), ['previous current', 'current fresh', 'next newer'])
  t.match(withFreshKeys(all, 'previous', fresh, 50).keys, [{ signedUntil: 50 }, { signsFrom: 50 }, {}])
  const old = Array.from({ length: maxKeys - 2 }, (_, number) => key(`old ${number}`, { signsFrom: 0, signedUntil: 1_000 - number }))
  const full = withFreshKeys(ring(current, next, ...old), 'next', fresh, 2_000)
  t.equal(full.keys.length, maxKeys)
  t.notOk(full.keys.some(({ kid }) => kid === `old ${maxKeys - 3}`), 'the one that finished signing first')
  t.ok(full.keys.some(({ kid }) => kid === 'current'))
})
