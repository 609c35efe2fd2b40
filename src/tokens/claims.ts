/** The claims of an access token. Times are epoch seconds. */
export interface AccessTokenClaims {
  iss: string
  sub: string
  aud: string | string[]
  client_id: string
  iat: number
  exp: number
  auth_time: number
  jti: string
  sid: string
  email: string
  email_verified: true
  provider: string
  name?: string
  picture?: string
  hd?: string
  /** Where to see whether the session was ended (IETF Token Status List). */
  status?: { status_list: { idx: number, uri: string } }
}

/** Claims that TOKEN_CLAIMS may not set: ours, and those with a meaning to verifiers. */
export const reservedClaims = new Set(['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'nbf', 'auth_time', 'jti', 'sid',
  'email', 'email_verified', 'name', 'picture', 'provider', 'hd', 'cnf', 'act', 'status', 'nonce', 'events', '__proto__'])

/** `iat` is so much before now: verifiers with no leeway refuse a token from the future, and clocks differ by a few seconds. */
export const backdatedSeconds = 5

/** The longest TOKEN_TTL there can be. */
export const maxTokenSeconds = 86_400
