import { hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { HmacSha512 } from '../keys/hmac.ts'
import { randomBytesFromPool } from '../keys/randomness.ts'

/** What a refresh token says of itself: whose session it is for and which of its line it is. */
export interface RefreshToken {
  /** A digest of the subject: the folder of the person's sessions. */
  subjectId: string
  sessionId: string
  /** 1 for the first of a family, one more at each rotation. */
  generation: number
  /** The 256 bits that only the browser knows. */
  proof: Buffer
}

/** One that was presented to us, with the token that comes after it: by the newest secret, whichever sealed this one. */
export interface KnownToken extends RefreshToken {
  successor: RefreshToken
}

const sizes = { subjectId: 9, sessionId: 16, generation: 4, proof: 32, seal: 16 }
const sessionAt = sizes.subjectId
const generationAt = sessionAt + sizes.sessionId
const proofAt = generationAt + sizes.generation
const sealAt = proofAt + sizes.proof
const length = sealAt + sizes.seal

/** The folder of a person's sessions. Two people may share one: who a session is for stands in its record. */
export const subjectIdOf = (subject: string): string => hash('sha256', subject, 'buffer').toString('base64url', 0, sizes.subjectId)

/** What is stored of a token: enough to recognise it, of no use to a reader of the store. By way of text as in HmacSha512. */
export const hashOf = ({ proof }: RefreshToken): string => Buffer.from(hash('sha256', proof, 'binary'), 'binary').toString('base64url', 0, 16)

/**
 * Makes and recognises the tokens of a family. The first is random. Over each, one HMAC-SHA-512 gives a seal, which
 * tells a token of long ago from one that never was, and the secret part of its successor: a token that is
 * presented twice gets the very same successor, though that is stored nowhere.
 */
export class RefreshTokens {
  readonly #newest: HmacSha512
  readonly #older: HmacSha512[]

  /** @param secrets newest first: the first one makes, each one recognises */
  constructor (secrets: string[]) {
    const [newest, ...older] = secrets.map(secret => new HmacSha512(new Uint8Array(hkdfSync('sha256', secret, 'handstamp', 'refresh-tokens', 64)), sealAt))
    if (!newest) throw new TypeError('refresh tokens need a secret')
    this.#newest = newest
    this.#older = older
  }

  first (subjectId: string, sessionId: string): RefreshToken {
    return { subjectId, sessionId, generation: 1, proof: randomBytesFromPool(sizes.proof) }
  }

  /** The token after this one as it was made before, by whichever secret: the one with this hash. */
  knownSuccessor (token: RefreshToken, hash: string): RefreshToken | undefined {
    const body = bodyOf(token)
    return [this.#newest, ...this.#older].map(hmac => successorBy(digest(body, hmac), token)).find(successor => hashOf(successor) === hash)
  }

  text (token: RefreshToken): string {
    const bytes = bodyOf(token)
    digest(bytes, this.#newest).copy(bytes, sealAt, 0, sizes.seal)
    return bytes.toString('base64url')
  }

  /** undefined for what we never issued, and for any other spelling of what we did */
  parse (text: string): KnownToken | undefined {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length !== length || bytes.toString('base64url') !== text) return undefined
    const seal = bytes.subarray(sealAt)
    const newest = digest(bytes, this.#newest)
    const digests = [newest, ...this.#older.map(hmac => digest(bytes, hmac))]
    if (!digests.some(own => timingSafeEqual(own.subarray(0, sizes.seal), seal))) return undefined
    const token: RefreshToken = {
      subjectId: bytes.toString('base64url', 0, sessionAt),
      sessionId: bytes.toString('base64url', sessionAt, generationAt),
      generation: bytes.readUInt32BE(generationAt),
      proof: bytes.subarray(proofAt, sealAt)
    }
    return Object.assign(token, { successor: successorBy(newest, token) })
  }
}

/** @param digest over the token before it */
function successorBy (digest: Buffer, { subjectId, sessionId, generation }: RefreshToken): RefreshToken {
  return { subjectId, sessionId, generation: generation + 1, proof: digest.subarray(sizes.seal, sizes.seal + sizes.proof) }
}

/** The token's bytes, with room for its seal. */
function bodyOf ({ subjectId, sessionId, generation, proof }: RefreshToken): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  bytes.write(subjectId, 0, 'base64url')
  bytes.write(sessionId, sessionAt, 'base64url')
  bytes.writeUInt32BE(generation, generationAt)
  proof.copy(bytes, proofAt)
  return bytes
}

const digest = (bytes: Buffer, hmac: HmacSha512): Buffer => hmac.digest(bytes.subarray(0, sealAt))
