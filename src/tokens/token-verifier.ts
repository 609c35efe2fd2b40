import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import type { TokenSettings } from './access-tokens.ts'
import { AuthError } from '../errors.ts'
import { signatureHolds } from '../jws/compact.ts'
import type { RingKey } from '../keys/key-record.ts'
import { epochSeconds, type Clock } from '../clock.ts'
import { parseStrictObject } from '../strict-json.ts'
import { maxTokenSeconds, type AccessTokenClaims } from './claims.ts'
import type { Revocations } from './revocations.ts'

/** Checks signature, algorithm, iss and aud with one key. Throws whatever it likes on a token that fails. */
export type SignatureCheck = (token: string) => unknown

export interface TokenVerifierOptions {
  publicUrl: string
  token: TokenSettings['token']
  revocations: Revocations
  /** Makes the check of tokens that may have expired: @fastify/jwt, one kept verifier for each key. */
  checkWith: (key: RingKey) => Promise<SignatureCheck>
  clock: Clock
}

const maxLength = 8 * 1024
/** Tokens of one generation: those used since, and those of the generation before, are remembered. */
const cached = 5_000
/** The header of an issued token has three members; a longer one is not read. */
const maxHeaderLength = 1_024
/** More than there are keys; forgers can make up others. */
const rememberedHeaders = 32
const futureSeconds = 60

/** A token that passed every check. */
interface Verified {
  claims: AccessTokenClaims
  /** Which of the revocations it has been held against. */
  revision: number
}

interface TrustedKey {
  alg: string
  publicKey: KeyObject
  check: SignatureCheck
}

/**
 * Says whose access token this is, or refuses it. A token that passed every check is remembered by its SHA-256, so
 * that the next request with it costs no signature; its end is looked at every time, and its session's whenever one has ended.
 * The first check is by node:crypto. @fastify/jwt checks the tokens of those who sign out: these may have expired.
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions
  #keys = new Map<string, TrustedKey>()
  #headers = new Map<string, TrustedKey>()
  #recent = new Map<string, Verified>()
  #older = new Map<string, Verified>()

  constructor (options: TokenVerifierOptions) {
    this.#options = options
  }

  /** Trusts these keys and no others; what was verified with others is forgotten. */
  async useKeys (keys: RingKey[]): Promise<void> {
    const trusted = await Promise.all(keys.map(async key => {
      const { kid, alg, publicPem } = key
      return [kid, this.#keys.get(kid) ?? { alg, publicKey: createPublicKey(publicPem), check: await this.#options.checkWith(key) }] as const
    }))
    this.#keys = new Map(trusted)
    this.#headers = new Map()
    this.#recent = new Map()
    this.#older = new Map()
  }

  /** @throws AuthError invalid_token, expired_token, revoked_token */
  verify (token: string): AccessTokenClaims {
    if (token.length > maxLength) throw new AuthError('invalid_token')
    const digest = hash('sha256', token, 'base64url')
    const verified = this.#recent.get(digest) ?? this.#remember(digest, this.#older.get(digest) ?? { claims: this.#check(token), revision: -1 })
    const { claims, revision } = verified
    if (this.#isOver(claims.exp)) throw new AuthError('expired_token')
    const { revocations } = this.#options
    if (revision !== revocations.revision) {
      if (revocations.has(claims)) throw new AuthError('revoked_token')
      verified.revision = revocations.revision
    }
    return claims
  }

  /** By generations: to look for the oldest of one full map takes longer the more of its entries were removed. */
  #remember (digest: string, verified: Verified): Verified {
    if (this.#recent.size >= cached) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(digest, verified)
    return verified
  }

  /** Its claims, if there is a token and it is good. */
  claimsOf (token: string | undefined): AccessTokenClaims | undefined {
    try {
      return token === undefined ? undefined : this.verify(token)
    } catch {
      return undefined
    }
  }

  /**
   * Whose token this is, though it may be over, its session have ended or TOKEN_TTL be shorter now: enough to be signed
   * out, and for nothing else.
   * @throws Error for a token that we did not issue
   */
  verifyIssued (token: string): AccessTokenClaims {
    if (token.length > maxLength) throw new AuthError('invalid_token')
    const { header, payload } = parts(token)
    try {
      this.#keyFor(header).check(token)
    } catch (error) {
      if (!isExpiry(error)) throw error
    }
    return this.#checkClaims(objectIn(payload), maxTokenSeconds)
  }

  /** An expired token was once a good one, whatever TOKEN_TTL was then. */
  #check (token: string): AccessTokenClaims {
    try {
      const { header, payload, signature } = parts(token)
      const { alg, publicKey } = this.#keyFor(header)
      if (!signatureHolds(alg, publicKey, token.slice(0, -signature.length - 1), signature)) throw new Error('the signature is not ours')
      const claims = objectIn(payload)
      return this.#checkClaims(claims, this.#isOver(claims['exp']) ? maxTokenSeconds : this.#options.token.ttlSeconds)
    } catch (error) {
      throw new AuthError('invalid_token', { cause: error })
    }
  }

  #isOver (exp: unknown): boolean {
    return isTime(exp) && exp <= epochSeconds(this.#options.clock)
  }

  /** RFC 7515 section 4.1.11, RFC 8725 sections 3.1 and 3.10. The tokens of a key all have one header: it is read once. */
  #keyFor (headerText: string): TrustedKey {
    const remembered = this.#headers.get(headerText)
    if (remembered) return remembered
    if (headerText.length > maxHeaderLength) throw new Error('the header is too long to be ours')
    const header = objectIn(headerText)
    const { alg, kid, typ } = header
    const key = typeof kid === 'string' ? this.#keys.get(kid) : undefined
    if (!key || alg !== key.alg || typ !== this.#options.token.typ) throw new Error('kid, alg or typ is not ours')
    for (const name of ['crit', 'jku', 'jwk', 'x5u', 'x5c']) if (name in header) throw new Error(`header carries ${name}`)
    if (this.#headers.size < rememberedHeaders) this.#headers.set(headerText, key)
    return key
  }

  /** Everything an issued access token has, by type: what is absent would pass a library's allow-lists. */
  #checkClaims (payload: Record<string, unknown>, ttlSeconds: number): AccessTokenClaims {
    const { publicUrl, token, clock } = this.#options
    const { iss, aud, iat, exp, email_verified: emailVerified } = payload
    if (iss !== publicUrl || JSON.stringify(aud) !== JSON.stringify(token.audience)) throw new Error('iss or aud is not ours')
    if (!isTime(iat) || !isTime(exp) || !isTime(payload['auth_time'])) throw new Error('times must be integers')
    if (exp - iat > ttlSeconds || iat > epochSeconds(clock) + futureSeconds) throw new Error('times do not fit')
    for (const name of ['sub', 'jti', 'sid', 'client_id', 'email', 'provider']) {
      if (typeof payload[name] !== 'string' || payload[name] === '') throw new Error(`${name} is missing`)
    }
    if (emailVerified !== true) throw new Error('email_verified is not true')
    return payload as unknown as AccessTokenClaims // every member was just checked
  }
}

function parts (token: string): { header: string, payload: string, signature: string } {
  const [header, payload, signature, more] = token.split('.')
  if (!header || !payload || !signature || more !== undefined || !/^[\w.-]+$/.test(token)) throw new Error('not a compact JWS')
  return { header, payload, signature }
}

const objectIn = (part: string): Record<string, unknown> => parseStrictObject(Buffer.from(part, 'base64url'))

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** fast-jwt looks at exp after the signature: an expired token was once a good one. */
const isExpiry = (error: unknown): boolean => (error as { code?: unknown }).code === 'FAST_JWT_EXPIRED'
