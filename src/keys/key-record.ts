import type { KeyState } from './key-schedule.ts'
import type { SecretBox } from './secret-box.ts'
import { makePrivatePem, signingKey, type SigningKey, type SigningAlg } from './signing-key.ts'

/** A key at rest, as the store keeps it. Times are epoch seconds. */
export interface KeyRecord {
  kid: string
  alg: SigningAlg
  /** The private half, sealed with the secret. */
  sealedPem: string
  /** When verifiers could see it first. */
  publishedAt: number
  /** Absent for the next key. */
  signsFrom?: number
  /** Present for a previous key: it signed until then. */
  signedUntil?: number
}

/** A key and where it stands. Times are epoch seconds. */
export interface RingKey extends SigningKey {
  state: KeyState
  publishedAt: number
  signsFrom?: number
  signedUntil?: number
}

/** The ring at rest. `v` tells later versions how to read it; members they add are kept. */
export interface RingRecord {
  v: 1
  keys: KeyRecord[]
}

/** What was asked for cannot be done; the message says why, for an operator. */
export class KeyRingError extends Error {}

/** @throws KeyRingError for a ring of a version that this one cannot read: the known keys stay in use, and it is left alone */
export function ringOf (text: string): RingRecord {
  const ring = JSON.parse(text) as RingRecord
  if (ring.v !== 1) throw new KeyRingError('the key ring was written by a newer version')
  return ring
}

/** A new key, not published yet. @param now epoch seconds */
export async function newKey (alg: SigningAlg, box: SecretBox, now: number): Promise<KeyRecord> {
  const pem = await makePrivatePem(alg)
  const { kid } = signingKey(pem, alg)
  return { kid, alg, sealedPem: box.seal(pem, kid), publishedAt: now }
}

/** @throws KeyRingError for a key of another secret */
export function openedKey ({ kid, alg, sealedPem }: KeyRecord, box: SecretBox): SigningKey {
  const pem = box.open(sealedPem, kid)
  if (!pem) throw new KeyRingError(`signing key ${kid} was sealed with another SECRET: add that secret to the list`)
  return signingKey(pem, alg)
}

/** By the newest secret. What no secret opens belongs to another process. */
export function resealed (key: KeyRecord, box: SecretBox): KeyRecord {
  const pem = box.isNewest(key.sealedPem, key.kid) ? undefined : box.open(key.sealedPem, key.kid)
  return pem === undefined ? key : { ...key, sealedPem: box.seal(pem, key.kid) }
}
