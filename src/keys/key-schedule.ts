import type { SigningAlg } from './signing-key.ts'
import type { KeyRecord, RingRecord } from './key-record.ts'

export type KeyState = 'current' | 'next' | 'previous'

export const stateOf = ({ signsFrom, signedUntil }: KeyRecord): KeyState =>
  signsFrom === undefined ? 'next' : signedUntil === undefined ? 'current' : 'previous'

const daySeconds = 86_400
/** Verifiers keep a key set for up to 12 hours, and some never look for an unknown key in between. */
export const publishedBeforeSeconds = daySeconds
/** Some gateways take no set with more. */
export const maxKeys = 10

/** Durations are seconds. */
export interface Schedule {
  /** Of the next key. */
  alg: SigningAlg
  rotationSeconds: number
  tokenSeconds: number
}

export const keyIn = ({ keys }: RingRecord, state: KeyState): KeyRecord | undefined => keys.find(key => stateOf(key) === state)

/** Whether verifiers have had the time to see the next key. */
export const nextIsKnown = (ring: RingRecord, now: number): boolean => {
  const next = keyIn(ring, 'next')
  return next !== undefined && next.publishedAt + publishedBeforeSeconds <= now
}

/** Whether it is time for the next key, and there is room: the current one is old enough, or the next one has another algorithm. */
export function rotationIsDue (ring: RingRecord, now: number, { rotationSeconds }: Pick<Schedule, 'rotationSeconds'>): boolean {
  const current = keyIn(ring, 'current')
  if (!current || !nextIsKnown(ring, now) || ring.keys.length >= maxKeys) return false
  return Number(current.signsFrom) + rotationSeconds <= now || keyIn(ring, 'next')?.alg !== current.alg
}

/** The next key signs from now on; the current one only verifies. */
export function promoted (ring: RingRecord, now: number): RingRecord {
  return {
    ...ring,
    keys: ring.keys.map(key => {
      const state = stateOf(key)
      return state === 'next' ? { ...key, signsFrom: now } : state === 'current' ? { ...key, signedUntil: now } : key
    })
  }
}

/** With another next key in place of the one that is there, if any. */
export const withNext = (ring: RingRecord, next: KeyRecord): RingRecord =>
  ({ ...ring, keys: [...ring.keys.filter(key => stateOf(key) !== 'next'), next] })

/** Without the previous keys whose last token has been over for a day. */
export function withoutRetired (ring: RingRecord, now: number, { tokenSeconds }: Pick<Schedule, 'tokenSeconds'>): RingRecord {
  const retired = ({ signedUntil }: KeyRecord) => signedUntil !== undefined && signedUntil + daySeconds + tokenSeconds <= now
  return { ...ring, keys: ring.keys.filter(key => !retired(key)) }
}

export const withoutPrevious = (ring: RingRecord): RingRecord => ({ ...ring, keys: ring.keys.filter(key => stateOf(key) !== 'previous') })

/** Without one key, at once. If it was the current one, the next key signs from now on. */
export function withoutKey (ring: RingRecord, kid: string, now: number): RingRecord {
  const left = { ...ring, keys: ring.keys.filter(key => key.kid !== kid) }
  return keyIn(left, 'current') ? left : promoted(left, now)
}

/** How the ring of a revoked key goes on: with a key that no verifier has seen. */
export interface FreshKeys {
  /** Signs from now on. */
  current: KeyRecord
  next: KeyRecord
}

/**
 * Without one key, and with a new one that signs at once in place of the published next key. A verifier that fetches the
 * key set only for a kid it does not know would never fetch for the published one, and so would keep the revoked key.
 * The current key, unless it is the revoked one, verifies on.
 */
export function withFreshKeys (ring: RingRecord, kid: string, fresh: FreshKeys, now: number): RingRecord {
  const left = { ...ring, keys: ring.keys.filter(key => key.kid !== kid) }
  return withinLimit(withNext(promoted(withNext(left, fresh.current), now), fresh.next))
}

/** A revocation is never refused for want of room: the previous keys that finished signing first make room. */
function withinLimit (ring: RingRecord): RingRecord {
  const previous = ring.keys.filter(key => stateOf(key) === 'previous').sort((one, other) => Number(one.signedUntil) - Number(other.signedUntil))
  const dropped = previous.slice(0, Math.max(0, ring.keys.length - maxKeys))
  return { ...ring, keys: ring.keys.filter(key => !dropped.includes(key)) }
}
