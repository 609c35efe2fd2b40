import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { SessionCookies } from '../login/cookies.ts'

/** The access token of a request and how it came: a cookie comes by itself, so what it may do is checked twice. */
export interface PresentedToken {
  token: string
  by: 'cookie' | 'bearer'
}

/**
 * Finds the access token: cookie or `Authorization: Bearer` (RFC 6750 section 2.1), never the query string.
 * @throws AuthError not_signed_in for none; invalid_token for a malformed one; invalid_request for two that differ
 */
export function presentedToken (request: FastifyRequest, cookies: SessionCookies): PresentedToken {
  const cookie = cookies.read(request)
  const bearer = bearerToken(request)
  if (cookie !== undefined && bearer !== undefined && cookie !== bearer) {
    throw new AuthError('invalid_request', { detail: 'The cookie and the Authorization header carry different tokens.' })
  }
  if (bearer !== undefined) return { token: bearer, by: 'bearer' }
  if (cookie !== undefined) return { token: cookie, by: 'cookie' }
  throw new AuthError('not_signed_in')
}

function bearerToken ({ headers, raw }: FastifyRequest): string | undefined {
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
