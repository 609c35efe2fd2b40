import { AuthError } from '../errors.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { randomId } from '../keys/randomness.ts'
import { subjectOf, type AdmittedIdentity } from '../identity.ts'
import { epochSeconds, type Clock } from '../clock.ts'
import { backdatedSeconds, type AccessTokenClaims } from './claims.ts'
import { statusPlace } from './status-lists.ts'

/** What our tokens say, the same in all of them. */
export interface TokenSettings {
  /** Their issuer. */
  publicUrl: string
  token: {
    audience: string | string[]
    ttlSeconds: number
    claims: Record<string, unknown>
    typ: 'JWT' | 'at+jwt'
    /** Tokens name their place in a status list. */
    status: boolean
  }
}

/** The session that a token is for. Times are epoch seconds. */
export interface TokenSession {
  id: string
  startedAt: number
  identity: AdmittedIdentity
  statusIndex?: number
}

/** A signed access token and how long it may be used, in seconds. */
export interface IssuedToken {
  token: string
  expiresIn: number
  claims: AccessTokenClaims
}

const maxLength = 3_500

/** Issues access tokens (JWS compact, claims of a session). */
export class AccessTokens {
  readonly #keys: KeyRing
  readonly #publicUrl: string
  readonly #token: TokenSettings['token']
  readonly #clock: Clock
  readonly #headers = new Map<string, string>()

  constructor (keys: KeyRing, { publicUrl, token }: TokenSettings, clock: Clock) {
    this.#keys = keys
    this.#publicUrl = publicUrl
    this.#token = token
    this.#clock = clock
  }

  /** @throws AuthError provider_error if the provider's claims make the token larger than a cookie takes */
  async issue ({ id, startedAt, identity, statusIndex }: TokenSession): Promise<IssuedToken> {
    const iat = epochSeconds(this.#clock) - backdatedSeconds
    const { provider, email, name, picture, hd } = identity
    const claims: AccessTokenClaims = {
      iss: this.#publicUrl,
      sub: subjectOf(identity),
      aud: this.#token.audience,
      client_id: 'handstamp',
      iat,
      exp: iat + this.#token.ttlSeconds,
      auth_time: startedAt,
      jti: randomId(16),
      sid: id,
      email,
      email_verified: true,
      provider
    }
    if (name) claims.name = name
    if (picture) claims.picture = picture
    if (hd) claims.hd = hd
    if (this.#token.status && statusIndex !== undefined) claims.status = { status_list: statusPlace(this.#publicUrl, statusIndex) }
    const key = this.#keys.current
    const input = `${this.#header(key.kid, key.alg)}.${base64url({ ...this.#token.claims, ...claims })}`
    const token = `${input}.${await key.signature(input)}`
    if (token.length > maxLength) throw new AuthError('provider_error', { cause: new Error(`a token of ${token.length} bytes is too large`) })
    return { token, expiresIn: claims.exp - (iat + backdatedSeconds), claims }
  }

  #header (kid: string, alg: string): string {
    let header = this.#headers.get(kid)
    if (!header) this.#headers.set(kid, header = base64url({ alg, kid, typ: this.#token.typ }))
    return header
  }
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
