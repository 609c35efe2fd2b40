import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../../errors.ts'
import { foreignOrigin, loadReturnTo, returnToOf, type ReturnToRules } from '../../login/return-to.ts'
import { signOutErrorPage } from '../../pages/error.ts'
import { isForm } from '../../http/bodies.ts'
import { refusalAt, refuse, wantsPage } from '../../http/error-handler.ts'
import { audit } from '../../http/log.ts'
import { counted } from '../../http/request-limits.ts'
import type { AccessTokenClaims } from '../../tokens/claims.ts'
import type { TokenVerifier } from '../../tokens/token-verifier.ts'
import { presentedToken } from '../../http/presented-token.ts'
import { refreshSession, type RefreshOptions } from './refresh-session.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { refuseCrossSite, trustedOrigins } from '../../http/same-site.ts'
import { jsonBody, noBody, problems } from '../../http/schemas.ts'
import { signOut } from './sign-out.ts'
import { tokenResponse, userOf } from './user.ts'

export interface SessionOptions extends RefreshOptions {
  verifier: TokenVerifier
  returnTo: ReturnToRules
  sessionMaxSeconds: number
}

const meSchema = {
  operationId: 'me',
  tags: ['session'],
  summary: 'Who is signed in',
  description: 'From the access cookie or a bearer token; not both, unless they are of one session.',
  security: [{ cookie: [] }, { bearer: [] }],
  response: {
    200: jsonBody('The user, and the session', 'SignedInUser'),
    ...problems({ 400: 'invalid_request: tokens of two sessions', 401: 'not_signed_in, invalid_token, expired_token, revoked_token' })
  }
} as const

const refreshSchema = {
  operationId: 'refresh',
  tags: ['session'],
  summary: 'A new access token for the session',
  description: 'By the refresh cookie, which changes at every use. A token that was used before ends its session, but the one ' +
    'just before still gets the same successor for ten seconds, as tabs race, and later twice in 24 hours, as answers get lost.',
  security: [{ refresh: [] }],
  response: {
    200: jsonBody('The cookies are set as well', 'TokenResponse'),
    ...problems({
      401: 'invalid_refresh_token',
      403: 'cross_site_request, email_not_allowed',
      429: 'rate_limited',
      502: 'provider_error: what the session knows makes a token that is too large for a cookie; it ends',
      503: 'store_unavailable'
    })
  }
} as const

const logoutSchema = {
  operationId: 'logout',
  tags: ['session'],
  summary: 'End this session, or all of the user\'s',
  description: 'Ends every session that is presented, by cookie or bearer, though a token may have expired; with nothing that is good, ' +
    'the caller is signed out already. Signing out clears the cookies. A page\'s form is answered with a redirect, a script is not.',
  security: [{ cookie: [] }, { refresh: [] }, { bearer: [] }],
  body: {
    type: ['object', 'null'],
    properties: {
      everywhere: {
        description: 'true ends every session of the user: of the refresh cookie, else of an access token that has not expired',
        anyOf: [{ type: 'boolean' }, { type: 'string', enum: ['true', 'false'] }]
      },
      return_to: { type: 'string' }
    }
  },
  response: {
    204: noBody('Signed out'),
    303: noBody('Signed out, after the form of a page: to return_to or the sign-in page'),
    ...problems({ 400: 'invalid_request, invalid_return_to', 403: 'cross_site_request', 415: 'unsupported_media_type', 503: 'store_unavailable' })
  }
} as const

/** The session a browser or a service holds. */
const session: RoutePlugin<SessionOptions> = async (app, { verifier, returnTo: rules, sessionMaxSeconds, ...refreshing }) => {
  const { sessions, cookies } = refreshing
  const trusted = trustedOrigins(rules)
  /** A token that is known to be good is answered with the same text, for as long as the verifier remembers it. */
  const answers = new WeakMap<AccessTokenClaims, string>()

  app.get('/me', { schema: meSchema, exposeHeadRoute: true, config: { neverLate: true } }, (request, reply) => {
    const { claims } = presentedToken(request, cookies, verifier)
    let body = answers.get(claims)
    if (body === undefined) {
      const expiresAt = claims.auth_time + sessionMaxSeconds
      body = JSON.stringify({ ...userOf(claims), session: { id: claims.sid, expires_at: expiresAt } })
      answers.set(claims, body)
    }
    reply.header('content-type', 'application/json; charset=utf-8').send(body)
  })

  app.post('/refresh', { schema: refreshSchema, config: counted('tokens') }, async (request, reply) => {
    const refreshToken = cookies.readRefresh(request)
    if (refreshToken === undefined) throw new AuthError('invalid_refresh_token')
    refuseCrossSite(request, trusted)
    const issued = await refreshSession(request, reply, refreshToken, refreshing)
    return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(tokenResponse(issued)))
  })

  const logoutConfig = { page: true, ...counted('tokens'), countsOnceRead: true }

  app.post('/logout', { schema: logoutSchema, config: logoutConfig, errorHandler: refuseSignOut }, async (request, reply) => {
    const { everywhere, return_to: wanted } = request.body ?? {}
    const byBearer = /^bearer\s/i.test(request.headers.authorization ?? '') &&
      cookies.read(request) === undefined && cookies.readRefresh(request) === undefined
    if (!byBearer) refuseCrossSite(request, trusted)
    const returnTo = returnToOf(wanted, rules) ?? '/auth/login'

    const [sid, ...others] = await signOut(request, everywhere === true || everywhere === 'true', { verifier, sessions, cookies })
    if (sid !== undefined) audit(request, 'logged_out', { sid, sessions: others.length + 1 })
    for (const other of others) audit(request, 'session_ended', { sid: other, by: sid })
    cookies.clear(reply)
    return waitsForPage(request) ? reply.redirect(returnTo, 303) : reply.code(204).send()
  })

  /** A person who pressed the button must not think that they are signed out. */
  function refuseSignOut (error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    const { everywhere, return_to: wanted } = (request.body ?? {}) as { everywhere?: unknown, return_to?: unknown }
    const refusal = refusalAt(request, reply, error)
    if (!waitsForPage(request)) return refuse(request, reply, refusal, 'problem')
    const returnTo = typeof wanted === 'string' ? loadReturnTo(wanted, rules) : undefined
    const fields = { ...(everywhere === 'true' && { everywhere }), ...(returnTo !== undefined && { return_to: returnTo }) }
    return refuse(request, reply, refusal, {
      page: requestId => signOutErrorPage(refusal, requestId, fields),
      formTarget: foreignOrigin(returnTo ?? '/')
    })
  }
}

/** Whether a person's browser waits for a page: a script that posts a form gets a plain answer, as a redirect is of no use to it. */
function waitsForPage (request: FastifyRequest): boolean {
  const { accept, 'sec-fetch-mode': mode, 'content-type': type } = request.headers
  return mode === undefined ? isForm(type) && (accept === undefined || wantsPage(request)) : mode === 'navigate'
}

export default session
