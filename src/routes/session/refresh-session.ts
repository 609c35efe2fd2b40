import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../../errors.ts'
import type { SessionCookies } from '../../sessions/cookies.ts'
import { audit } from '../../http/log.ts'
import type { AccessTokens, IssuedToken } from '../../tokens/access-tokens.ts'
import type { RefreshedSession } from '../../sessions/session.ts'
import { SessionEnded } from '../../sessions/ended.ts'
import type { Sessions } from '../../sessions/sessions.ts'

export interface RefreshOptions {
  sessions: Sessions
  accessTokens: AccessTokens
  cookies: SessionCookies
}

/**
 * Goes on with the session of a browser: its refresh token is traded and the cookies are set. Those of a session that is
 * refused are cleared, as they are of no more use.
 * @throws AuthError as Sessions.refresh and AccessTokens.issue do
 * @throws StoreError: the cookies stay
 */
export async function refreshSession (
  request: FastifyRequest, reply: FastifyReply, refreshToken: string, { sessions, accessTokens, cookies }: RefreshOptions
): Promise<IssuedToken> {
  try {
    const refreshed = await sessions.refresh(refreshToken)
    const { id: sid, identity: { provider }, repeated } = refreshed
    if (repeated) audit(request, 'refresh_repeated', { sid, provider })
    const issued = await orEnd(refreshed, sessions, () => accessTokens.issue(refreshed))
    cookies.set(reply, issued, refreshed)
    return issued
  } catch (error) {
    if (error instanceof AuthError) cookies.clear(reply)
    if (error instanceof SessionEnded) auditEnd(request, error)
    throw error
  }
}

/**
 * The last step of a login or a refresh. A session that it cannot hand out is of no use: it would only stand in the list.
 * @throws SessionEnded for an AuthError of the step, or whatever else it throws
 */
export async function orEnd<Result> (session: RefreshedSession, sessions: Sessions, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step()
  } catch (error) {
    await sessions.endByToken(session.refreshToken)
    throw error instanceof AuthError ? new SessionEnded(session, error) : error
  }
}

function auditEnd (request: FastifyRequest, { session: { id, identity: { provider } }, reused, code }: SessionEnded): void {
  if (reused) audit(request, 'refresh_token_reused', { sid: id, provider })
  else audit(request, 'session_ended', { sid: id, provider, code })
}
