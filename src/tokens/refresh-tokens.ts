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

const sizes = { subjectId: 9, sessionId: 16, generation: 4, proof: 32, seal: 16 }
const length = Object.values(sizes).reduce((sum, size) => sum + size)

/** The folder of a person's sessions. Two people may share one: who a session is for stands in its record. */
export const subjectIdOf = (subject: string): string =>
  createHash('sha256').update(subject).digest().toString('base64url', 0, sizes.subjectId)

/** What is stored of a token: enough to know it again, of no use to whoever reads the store. */
export const hashOf = ({ proof }: RefreshToken): string => createHash('sha256').update(proof).digest().toString('base64url', 0, 16)

/**
 * Makes and recognises the tokens of a family. The first is random, each later one an HMAC over the one before: whoever
 * presents the predecessor gets the very same successor, without it lying anywhere. A seal in the token tells one of
 * long ago from one that never was.
 */
export class RefreshTokens {
  readonly #newest: Keys
  readonly #keys: Keys[]

  /** @param secrets newest first: the first one makes, each one recognises */
  constructor (secrets: string[]) {
    const key = (secret: string, purpose: string) => Buffer.from(hkdfSync('sha256', secret, 'handstamp', purpose, 32))
    this.#keys = secrets.map(secret => ({ successors: key(secret, 'refresh-successors'), seals: key(secret, 'refresh-seals') }))
    const [newest] = this.#keys
    if (!newest) throw new TypeError('refresh tokens need a secret')
    this.#newest = newest
  }

  first (subjectId: string, sessionId: string): RefreshToken {
    return { subjectId, sessionId, generation: 1, proof: randomBytesFromPool(sizes.proof) }
  }

  /** The token after this one. */
  successor (token: RefreshToken): RefreshToken {
    return successorBy(token, this.#newest)
  }

  /** The token after this one as it was made before, by whichever secret: the one with this hash. */
  knownSuccessor (token: RefreshToken, hash: string): RefreshToken | undefined {
    return this.#keys.map(keys => successorBy(token, keys)).find(successor => hashOf(successor) === hash)
  }

  text (token: RefreshToken): string {
    return Buffer.concat([body(token), sealOf(token, this.#newest)]).toString('base64url')
  }

  /** undefined for what we never issued, and for any other spelling of what we did */
  parse (text: string): RefreshToken | undefined {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length !== length || bytes.toString('base64url') !== text) return undefined
    const sessionAt = sizes.subjectId
    const generationAt = sessionAt + sizes.sessionId
    const proofAt = generationAt + sizes.generation
    const sealAt = proofAt + sizes.proof
    const token = {
      subjectId: bytes.toString('base64url', 0, sessionAt),
      sessionId: bytes.toString('base64url', sessionAt, generationAt),
      generation: bytes.readUInt32BE(generationAt),
      proof: bytes.subarray(proofAt, sealAt)
    }
    return this.#keys.some(keys => timingSafeEqual(sealOf(token, keys), bytes.subarray(sealAt))) ? token : undefined
  }
}

interface Keys {
  successors: Buffer
  seals: Buffer
}

const successorBy = (token: RefreshToken, { successors }: Keys): RefreshToken =>
  ({ ...token, generation: token.generation + 1, proof: createHmac('sha256', successors).update(body(token)).digest() })

const sealOf = (token: RefreshToken, { seals }: Keys): Buffer => createHmac('sha256', seals).update(body(token)).digest().subarray(0, sizes.seal)

function body ({ subjectId, sessionId, generation, proof }: RefreshToken): Buffer {
  const number = Buffer.alloc(sizes.generation)
  number.writeUInt32BE(generation)
  return Buffer.concat([Buffer.from(subjectId, 'base64url'), Buffer.from(sessionId, 'base64url'), number, proof])
}
