import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SessionCookies } from '../login/cookies.ts'
import type { Flow, Flows } from '../login/flow.ts'
import { withError, withReturnTo, type ReturnToRules } from '../login/return-to.ts'
import { wantsJson } from '../plugins/error-handler.ts'
import type { Provider } from '../providers/provider.ts'
import type { IssuedToken } from '../tokens/access-tokens.ts'
import type { RefreshedSession } from '../tokens/session.ts'
import type { Sessions } from '../tokens/sessions.ts'
import type { TokenVerifier } from '../tokens/token-verifier.ts'
import { headerRoom } from './header-room.ts'
import { tokenResponse } from './user.ts'

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
   * end up in the target. An empty one of ours takes its place.
   */
  const redirect = (reply: FastifyReply, { addsFragment }: Provider, target: string) =>
    reply.redirect(addsFragment && !target.includes('#') ? `${target}#` : target, 303)

  /** With a session that has just begun. */
  function signIn (request: FastifyRequest, reply: FastifyReply, provider: Provider, flow: Flow, { session, issued }: Begun) {
    cookies.set(reply, issued, session)
    if (flow.returnTo === undefined && wantsJson(request)) {
      flows.end(reply, flow)
      return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(tokenResponse(issued)))
    }
    const target = withError(flow.returnTo ?? rules.fallback)
    const line = target.length + 'location: #\r\n'.length
    flows.end(reply, flow, headerRoom(reply) - line)
    // Where both the token and the target are long, the target comes with an answer of its own: the claim has it.
    return redirect(reply, provider, headerRoom(reply) >= line ? target : `/auth/${provider.id}/callback?state=${flow.state}`)
  }

  /** On to where a flow was going, for a browser that is signed in by now; undefined for any other. */
  async function goOn (request: FastifyRequest, reply: FastifyReply, provider: Provider, returnTo: string | undefined) {
    const isSignedIn = holdsToken(request)
    if (!isSignedIn && !await mayRefresh(request)) return undefined
    const target = withError(returnTo ?? rules.fallback)
    return redirect(reply, provider, isSignedIn ? target : withReturnTo('/auth/login', target))
  }

  function holdsToken (request: FastifyRequest): boolean {
    try {
      const token = cookies.read(request)
      return token !== undefined && verifier.verify(token) !== undefined
    } catch {
      return false
    }
  }

  async function mayRefresh (request: FastifyRequest): Promise<boolean> {
    const refreshToken = cookies.readRefresh(request)
    return refreshToken !== undefined && await sessions.resume(refreshToken).catch(() => undefined) !== undefined
  }

  return { redirect, signIn, goOn }
}
