import { AuthError } from '../../errors.ts'
import type { SessionCookies } from '../../sessions/cookies.ts'
import { deviceName } from '../../sessions/device.ts'
import type { ReturnToRules } from '../../login/return-to.ts'
import { audit } from '../../http/log.ts'
import { counted } from '../../http/request-limits.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import type { TokenVerifier } from '../../tokens/token-verifier.ts'
import { presentedToken } from '../../http/presented-token.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { refuseCrossSite, trustedOrigins } from '../../http/same-site.ts'
import { noBody, problems } from '../../http/schemas.ts'

export interface SessionListOptions {
  verifier: TokenVerifier
  sessions: Sessions
  cookies: SessionCookies
  returnTo: ReturnToRules
}

const refusals = { 400: 'invalid_request: tokens of two sessions', 401: 'not_signed_in, invalid_token, expired_token, revoked_token' }
const time = { type: 'integer', description: 'epoch seconds' } as const

const listSchema = {
  operationId: 'listSessions',
  tags: ['session'],
  summary: 'Where the user is signed in',
  description: 'All sessions, or the first hundred or so with the current one, and `next` where there are more.',
  security: [{ cookie: [] }, { bearer: [] }],
  querystring: {
    type: 'object',
    properties: { from: { type: 'string', pattern: '^[\\w-]{1,64}$', description: '`next` of the answer before' } }
  },
  response: {
    200: {
      description: 'Live sessions, last used first',
      type: 'object',
      required: ['sessions'],
      properties: {
        sessions: {
          type: 'array',
          items: {
            type: 'object',
            required: ['id', 'device', 'created_at', 'last_used_at', 'expires_at', 'current'],
            properties: {
              id: { type: 'string' },
              device: { type: 'string', description: 'Browser and system, such as `Firefox on Linux`' },
              created_at: time,
              last_used_at: time,
              expires_at: { ...time, description: 'Absolute end, epoch seconds' },
              current: { type: 'boolean', description: 'The session of this request' }
            }
          }
        },
        next: { type: 'string', description: 'Where the next ones begin: ask again with `from`. Absent on the last page' }
      }
    },
    ...problems({ ...refusals, 429: 'rate_limited', 503: 'store_unavailable' })
  }
} as const

const endSchema = {
  operationId: 'endSession',
  tags: ['session'],
  summary: 'Sign out somewhere else',
  security: listSchema.security,
  params: { type: 'object', required: ['id'], properties: { id: { type: 'string', maxLength: 64 } } },
  response: {
    204: noBody('Ended. If it was this one, the cookies are cleared'),
    ...problems({ ...refusals, 403: 'cross_site_request', 404: 'not_found: the user has no such session', 429: 'rate_limited', 503: 'store_unavailable' })
  }
} as const

/** The user's sessions on all their devices. */
const sessionList: RoutePlugin<SessionListOptions> = async (app, { verifier, sessions, cookies, returnTo }) => {
  const trusted = trustedOrigins(returnTo)

  app.get('', { schema: listSchema, exposeHeadRoute: true, config: counted('tokens') }, async request => {
    const { claims: { sub, sid } } = presentedToken(request, cookies, verifier)
    const { sessions: live, next } = await sessions.page(sub, sid, request.query.from)
    return {
      ...(next !== undefined && { next }),
      sessions: live.map(({ id, device, startedAt, lastUsedAt, endsAt }) =>
        ({ id, device: deviceName(device), created_at: startedAt, last_used_at: lastUsedAt, expires_at: endsAt, current: id === sid }))
    }
  })

  app.delete('/:id', { schema: endSchema, config: counted('tokens') }, async (request, reply) => {
    const { claims: { sub, sid }, by } = presentedToken(request, cookies, verifier)
    if (by === 'cookie') refuseCrossSite(request, trusted)
    const { id } = request.params
    if (!await sessions.end(sub, id)) throw new AuthError('not_found')
    audit(request, 'session_ended', { sid: id, by: sid })
    if (id === sid) cookies.clear(reply)
    return reply.code(204).send()
  })
}

export default sessionList
