import { hash } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { AuthError } from '../errors.ts'
import type { RingKey } from '../keys/key-record.ts'
import { epochSeconds, type Clock } from '../stores/store.ts'
import { parseStrictObject } from '../strict-json.ts'
import { maxTokenSeconds, type AccessTokenClaims } from './claims.ts'
import type { Revocations } from './revocations.ts'

/** Checks signature, algorithm, iss and aud with one key. Throws whatever it likes on a token that fails. */
export type SignatureCheck = (token: string) => unknown

export interface TokenVerifierOptions {
  publicUrl: string
  token: Config['token']
  revocations: Revocations
  /** Makes the check of a key: @fastify/jwt, one kept verifier for each. */
  checkWith: (key: RingKey) => Promise<SignatureCheck>
  clock: Clock
}

const maxLength = 8 * 1024
const cached = 10_000
const futureSeconds = 60

/** A token that passed every check. */
interface Verified {
  claims: AccessTokenClaims
  /** Which of the revocations it has been held against. */
  revision: number
}

/**
 * Says whose access token this is, or refuses it. A token that passed every check is remembered by its SHA-256, so
 * that the next request with it costs no signature; its end is looked at every time, and its session's whenever one has ended.
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions
  #checks = new Map<string, { alg: string, check: SignatureCheck }>()
  #verified = new Map<string, Verified>()

  constructor (options: TokenVerifierOptions) {
    this.#options = options
  }

  /** Trusts these keys and no others; what was verified with others is forgotten. */
  async useKeys (keys: RingKey[]): Promise<void> {
    const checks = await Promise.all(keys.map(async key => {
      const { check = await this.#options.checkWith(key) } = this.#checks.get(key.kid) ?? {}
      return [key.kid, { alg: key.alg, check }] as const
    }))
    this.#checks = new Map(checks)
    this.#verified = new Map()
  }

  /** @throws AuthError invalid_token, expired_token, revoked_token */
  verify (token: string): AccessTokenClaims {
    if (token.length > maxLength) throw new AuthError('invalid_token')
    const digest = hash('sha256', token, 'base64url')
    let verified = this.#verified.get(digest)
    if (!verified) {
      verified = { claims: this.#check(token), revision: -1 }
      if (this.#verified.size >= cached) this.#verified.delete(this.#verified.keys().next().value as string)
      this.#verified.set(digest, verified)
    }
    const { claims, revision } = verified
    if (claims.exp <= epochSeconds(this.#options.clock)) throw new AuthError('expired_token')
    const { revocations } = this.#options
    if (revision !== revocations.revision) {
      if (revocations.has(claims)) throw new AuthError('revoked_token')
      verified.revision = revocations.revision
    }
    return claims
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
    const [header, payload] = parts(token)
    try {
      this.#checkFor(header)(token)
    } catch (error) {
      if (!isExpiry(error)) throw error
    }
    return this.#checkClaims(payload, maxTokenSeconds)
  }

  #check (token: string): AccessTokenClaims {
    try {
      const [header, payload] = parts(token)
      this.#checkFor(header)(token)
      return this.#checkClaims(payload, this.#options.token.ttlSeconds)
    } catch (error) {
      throw new AuthError(isExpiry(error) ? 'expired_token' : 'invalid_token', { cause: error })
    }
  }

  /** RFC 7515 section 4.1.11, RFC 8725 sections 3.1 and 3.10 */
  #checkFor (header: Record<string, unknown>): SignatureCheck {
    const { alg, kid, typ } = header
    const known = typeof kid === 'string' ? this.#checks.get(kid) : undefined
    if (!known || alg !== known.alg || typ !== this.#options.token.typ) throw new Error('kid, alg or typ is not ours')
    for (const name of ['crit', 'jku', 'jwk', 'x5u', 'x5c']) if (name in header) throw new Error(`header carries ${name}`)
    return known.check
  }

  /** Everything an access token of ours has, by type: what is absent passes the library's own allow-lists. */
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

function parts (token: string): [Record<string, unknown>, Record<string, unknown>] {
  const [header, payload, signature, more] = token.split('.')
  if (!header || !payload || !signature || more !== undefined || !/^[\w.-]+$/.test(token)) throw new Error('not a compact JWS')
  return [parseStrictObject(Buffer.from(header, 'base64url')), parseStrictObject(Buffer.from(payload, 'base64url'))]
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** fast-jwt looks at exp after the signature: an expired token was once a good one. */
const isExpiry = (error: unknown): boolean => (error as { code?: unknown }).code === 'FAST_JWT_EXPIRED'
