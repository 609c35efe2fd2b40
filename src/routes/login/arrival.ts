import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SessionCookies } from '../../sessions/cookies.ts'
import type { Flow, Flows } from '../../login/flow.ts'
import { withError, withReturnTo, type ReturnToRules } from '../../login/return-to.ts'
import { wantsJson } from '../../http/error-handler.ts'
import type { Provider } from '../../providers/provider.ts'
import type { IssuedToken } from '../../tokens/access-tokens.ts'
import type { RefreshedSession } from '../../sessions/session.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import type { TokenVerifier } from '../../tokens/token-verifier.ts'
import { headerRoom } from '../../http/header-room.ts'
import { tokenResponse } from '../session/user.ts'

export interface ArrivalOptions {
  returnTo: ReturnToRules
  flows: Flows
  sessions: Sessions
  verifier: TokenVerifier
  cookies: SessionCookies
}

/** A session that a login began, and its first access token. */
export interface Begun {
  session: RefreshedSession
  issued: IssuedToken
}

/** How a browser goes on from a callback. */
export function arrivals ({ returnTo: rules, flows, sessions, verifier, cookies }: ArrivalOptions) {
  /**
   * A browser whose address has a fragment takes it along where a redirect has none: `#_=_`, which Facebook adds, would
   * end up in the target. An empty fragment in the redirect prevents that.
   */
  const redirect = (reply: FastifyReply, { addsFragment }: Provider, target: string) =>
    reply.redirect(addsFragment && !target.includes('#') ? `${target}#` : target, 303)

  /** With a session that has just begun. */
  function signIn (request: FastifyRequest, reply: FastifyReply, provider: Provider, flow: Flow, { session, issued }: Begun) {
    cookies.set(reply, issued, session)
    if (flow.returnTo === undefined && wantsJson(request)) {
      reply.header('content-type', 'application/json; charset=utf-8')
      flows.end(reply, flow, headerRoom(reply))
      return reply.send(JSON.stringify(tokenResponse(issued)))
    }
    const target = withError(flow.returnTo ?? rules.fallback)
    flows.end(reply, flow, headerRoom(reply) - locationBytes(target))
    return redirect(reply, provider, headerRoom(reply) >= locationBytes(target) ? target : detour(provider, flow))
  }

  /**
   * Where a browser that is signed in by now goes on to, with the target of a flow; undefined for any other. Not the reply:
   * that is thenable, and would be waited for.
   */
  async function wayOn (request: FastifyRequest, reply: FastifyReply, returnTo: string | undefined): Promise<string | undefined> {
    const target = withError(returnTo ?? rules.fallback)
    if (verifier.claimsOf(cookies.read(request))) return target
    if (!await mayRefresh(request)) return undefined
    const signInPage = withReturnTo('/auth/login', target)
    return headerRoom(reply) >= locationBytes(signInPage) ? signInPage : '/auth/login'
  }

  async function mayRefresh (request: FastifyRequest): Promise<boolean> {
    const refreshToken = cookies.readRefresh(request)
    return refreshToken !== undefined && await sessions.resume(refreshToken).catch(() => undefined) !== undefined
  }

  return { redirect, signIn, wayOn }
}

/**
 * Where both the token and the target are long, the target comes with an answer of its own: this address finds it in the
 * claim of a flow.
 */
export const detour = ({ id }: Provider, { state }: Pick<Flow, 'state'>): string => `/auth/${id}/callback?state=${state}`

export const locationBytes = (target: string): number => target.length + 'location: #\r\n'.length
