import type { RingKey } from './key-record.ts'

export type KeyEvent = 'key_made' | 'key_rotated' | 'key_removed'

/** Why a key left the ring: an operator revoked it, a revocation or a start replaced it unused, or its last token has expired. */
export type RemovalReason = 'revoked' | 'replaced' | 'retired'

/** What the audit log says of a change. */
export interface KeyFacts {
  kid: string
  /** Of `key_removed` alone. */
  reason?: RemovalReason
}

/**
 * What happened between two states of the ring, each with the current key first.
 * @param revoked the key that an operator revoked
 */
export function * changesBetween (before: RingKey[], after: RingKey[], revoked?: string): Iterable<[event: KeyEvent, facts: KeyFacts]> {
  const isIn = (keys: RingKey[], kid: string) => keys.some(key => key.kid === kid)
  for (const { kid } of after) if (!isIn(before, kid)) yield ['key_made', { kid }]
  const [current] = after
  if (current && before[0]?.kid !== current.kid) yield ['key_rotated', { kid: current.kid }]
  for (const { kid, state } of before) {
    if (isIn(after, kid)) continue
    yield ['key_removed', { kid, reason: kid === revoked ? 'revoked' : state === 'next' ? 'replaced' : 'retired' }]
  }
}
