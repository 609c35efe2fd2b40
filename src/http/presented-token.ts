import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { SessionCookies } from '../sessions/cookies.ts'
import type { AccessTokenClaims } from '../tokens/claims.ts'
import type { TokenVerifier } from '../tokens/token-verifier.ts'

/** Whose access token a request brought, and how it came: a cookie comes by itself, so what it may do is checked twice. */
export interface Presented {
  claims: AccessTokenClaims
  by: 'cookie' | 'bearer'
}

/**
 * Finds the access token: cookie or `Authorization: Bearer` (RFC 6750 section 2.1), never the query string. Of two that are
 * of one session, as a page keeps one while another tab refreshes, either will do.
 * @throws AuthError not_signed_in for none; invalid_token for a malformed bearer; invalid_request for two of different
 * sessions; or what the verifier says about the one there is
 */
export function presentedToken (request: FastifyRequest, cookies: SessionCookies, verifier: TokenVerifier): Presented {
  const cookie = cookies.read(request)
  const bearer = bearerToken(request)
  if (cookie !== undefined && bearer !== undefined && cookie !== bearer) {
    const [held, shown] = [issuedClaims(cookie, verifier), issuedClaims(bearer, verifier)]
    if (held === undefined || held.sid !== shown?.sid) {
      throw new AuthError('invalid_request', { detail: 'The cookie and the Authorization header carry tokens of different sessions.' })
    }
    const claims = verifier.claimsOf(cookie)
    if (claims && !verifier.claimsOf(bearer)) return { claims, by: 'cookie' }
  }
  if (bearer !== undefined) return { claims: verifier.verify(bearer), by: 'bearer' }
  if (cookie !== undefined) return { claims: verifier.verify(cookie), by: 'cookie' }
  throw new AuthError('not_signed_in')
}

/** Whose token it is, though it may have expired: undefined for one that we did not issue. */
export function issuedClaims (token: string | undefined, verifier: TokenVerifier): AccessTokenClaims | undefined {
  try {
    return token === undefined ? undefined : verifier.claimsOf(token) ?? verifier.verifyIssued(token)
  } catch {
    return undefined
  }
}

/** The bearer token of a request. @throws AuthError invalid_token for a malformed one */
export function bearerToken ({ headers, raw }: FastifyRequest): string | undefined {
  const { authorization } = headers
  if (authorization === undefined) return undefined
  // Node keeps the first of two: a proxy that checked the other one must not be fooled.
  if (raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization').length > 1) {
    throw new AuthError('invalid_token')
  }
  if (!/^bearer(\s|$)/i.test(authorization)) return undefined // another scheme, meant for a proxy in front
  const [, token] = /^bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization) ?? []
  if (!token) throw new AuthError('invalid_token')
  return token
}
