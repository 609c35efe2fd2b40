import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { randomBytesFromPool } from '../keys/randomness.ts'

/** What a refresh token says of itself: whose session it is for and which of its line it is. */
export interface RefreshToken {
  /** A digest of the subject: the folder of the person's sessions. */
  subjectId: string
  sessionId: string
  /** 1 for the first of a family, one more at each rotation. */
  generation: number
  /** The 256 bits that nobody else knows. */
  proof: Buffer
}

const sizes = { subjectId: 12, sessionId: 16, generation: 4, proof: 32 }
const length = Object.values(sizes).reduce((sum, size) => sum + size)

/** The folder of a person's sessions. */
export const subjectIdOf = (subject: string): string =>
  createHash('sha256').update(subject).digest().subarray(0, sizes.subjectId).toString('base64url')

export const newSeed = (): string => randomBytesFromPool(16).toString('base64url')

/** What is stored of a token: enough to know it again, of no use to whoever reads the store. */
export const hashOf = (proof: Buffer): string => createHash('sha256').update(proof).digest().subarray(0, 16).toString('base64url')

/**
 * Makes and recognises the tokens of a family. A proof is an HMAC over the family's seed and the generation: whoever
 * presents the predecessor gets the very same successor without it lying anywhere, and a token of long ago is told
 * from one that never was. It takes both to make one: our secret, and the seed that only the store knows.
 */
export class RefreshTokens {
  readonly #keys: Buffer[]

  /** @param secrets newest first: the first one makes, each one recognises */
  constructor (secrets: string[]) {
    this.#keys = secrets.map(secret => Buffer.from(hkdfSync('sha256', secret, 'handstamp', 'refresh-tokens', 32)))
  }

  /** undefined for what cannot be a token of ours: any other spelling of the same bytes too */
  parse (text: string): RefreshToken | undefined {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length !== length || bytes.toString('base64url') !== text) return undefined
    const sessionAt = sizes.subjectId
    const generationAt = sessionAt + sizes.sessionId
    const proofAt = generationAt + sizes.generation
    return {
      subjectId: bytes.toString('base64url', 0, sessionAt),
      sessionId: bytes.toString('base64url', sessionAt, generationAt),
      generation: bytes.readUInt32BE(generationAt),
      proof: bytes.subarray(proofAt)
    }
  }

  text ({ subjectId, sessionId, generation, proof }: RefreshToken): string {
    const number = Buffer.alloc(sizes.generation)
    number.writeUInt32BE(generation)
    return Buffer.concat([Buffer.from(subjectId, 'base64url'), Buffer.from(sessionId, 'base64url'), number, proof]).toString('base64url')
  }

  /** The token of a generation, by the newest secret. */
  make (family: Omit<RefreshToken, 'proof'>, seed: string): RefreshToken {
    const [newest] = this.#keys
    if (!newest) throw new TypeError('refresh tokens need a secret')
    return { ...family, proof: proofOf(family, seed, newest) }
  }

  /** The token of a generation whose hash is known, by whichever secret made it. */
  remake (family: Omit<RefreshToken, 'proof'>, seed: string, hash: string): RefreshToken | undefined {
    const proof = this.#keys.map(key => proofOf(family, seed, key)).find(proof => hashOf(proof) === hash)
    return proof && { ...family, proof }
  }

  /** Whether a token was ever issued in this family. */
  wasIssued (token: RefreshToken, seed: string): boolean {
    return this.#keys.some(key => timingSafeEqual(proofOf(token, seed, key), token.proof))
  }
}

const proofOf = ({ sessionId, generation }: Omit<RefreshToken, 'proof'>, seed: string, key: Buffer): Buffer =>
  createHmac('sha256', key).update(`${sessionId}.${generation}.${seed}`).digest()
