import type { FastifyRequest } from 'fastify'
import { subjectOf } from '../../identity.ts'
import type { AccessTokenClaims } from '../../tokens/claims.ts'
import type { Session } from '../../sessions/session.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import type { TokenVerifier } from '../../tokens/token-verifier.ts'
import type { SessionCookies } from '../../sessions/cookies.ts'
import { bearerToken, issuedClaims } from '../../http/presented-token.ts'

export interface SignOutOptions {
  verifier: TokenVerifier
  sessions: Sessions
  cookies: SessionCookies
}

/** What a request brings of sessions. Credentials that are not valid are left out: a sign-out never fails because of them. */
interface Credentials {
  refreshToken: string | undefined
  /** The session of the refresh token. */
  held: Session | undefined
  bearer: string | undefined
  cookie: string | undefined
}

/**
 * Ends every session that a request presents, by whatever it still holds: an access token may be over, the refresh token
 * alive. They go last: who has to try again must still be known by them. Gives back the ids of those that ended, the
 * presented ones first.
 * @throws StoreError
 */
export async function signOut (request: FastifyRequest, everywhere: boolean, options: SignOutOptions): Promise<string[]> {
  const { sessions, verifier, cookies } = options
  const refreshToken = cookies.readRefresh(request)
  const held = refreshToken === undefined ? undefined : await sessions.findByToken(refreshToken)
  const credentials: Credentials = { refreshToken, held, bearer: goodBearer(request), cookie: cookies.read(request) }
  const issued = issuedOf(credentials, verifier)
  const presented = [...held ? [held.id] : [], ...issued.keys()]

  const subject = everywhere ? whoEndsEverywhere(credentials, options) : undefined
  const others = subject === undefined ? [] : await sessions.endAll(subject, presented)
  if (refreshToken !== undefined) await sessions.endByToken(refreshToken)
  const ended = held ? [held.id] : []
  for (const [sid, claims] of issued) if (await sessions.endOf(claims)) ended.push(sid)
  return [...ended, ...others]
}

/** The sessions of the access tokens, but for the refresh token's. */
function issuedOf ({ held, bearer, cookie }: Credentials, verifier: TokenVerifier): Map<string, AccessTokenClaims> {
  const issued = [bearer, cookie].flatMap(token => issuedClaims(token, verifier) ?? [])
  return new Map(issued.filter(({ sid }) => sid !== held?.id).map(claims => [claims.sid, claims]))
}

/**
 * Whose sessions all end. The refresh cookie decides, as no other host can set it; then a bearer token; and an access
 * cookie, which with COOKIE_DOMAIN a sibling host can plant, only where it does not contradict the refresh cookie.
 */
function whoEndsEverywhere ({ refreshToken, held, bearer, cookie }: Credentials, { verifier, sessions }: SignOutOptions): string | undefined {
  const byCookie = verifier.claimsOf(cookie)?.sub
  const isPlanted = byCookie !== undefined && refreshToken !== undefined && sessions.isOfAnother(refreshToken, byCookie)
  return (held && subjectOf(held.identity)) ?? verifier.claimsOf(bearer)?.sub ?? (isPlanted ? undefined : byCookie)
}

function goodBearer (request: FastifyRequest): string | undefined {
  try {
    return bearerToken(request)
  } catch {
    return undefined // a page that still shows an old token must not be kept from signing out
  }
}
