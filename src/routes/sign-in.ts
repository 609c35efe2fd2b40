import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import { returnToOf, withError, withReturnTo, type ReturnToRules } from '../login/return-to.ts'
import { accountPage } from '../pages/account.ts'
import { pageHeaders } from '../pages/layout.ts'
import { reloadHeaders, reloadPage } from '../pages/reload.ts'
import { signInPage } from '../pages/sign-in.ts'
import { counted } from '../plugins/request-limits.ts'
import type { Provider } from '../providers/provider.ts'
import type { AccessTokenClaims } from '../tokens/claims.ts'
import type { SessionPage } from '../tokens/sessions.ts'
import type { TokenVerifier } from '../tokens/token-verifier.ts'
import { isAhead } from './navigation.ts'
import { refreshSession, type RefreshOptions } from './refresh-session.ts'
import type { RoutePlugin } from './route-plugin.ts'
import { isFriendlyNavigation, trustedOrigins } from './same-site.ts'
import { noBody, pageBody, problems } from './schemas.ts'

export interface SignInOptions extends RefreshOptions {
  providers: Map<string, Provider>
  returnTo: ReturnToRules
  verifier: TokenVerifier
}

const signInSchema = {
  operationId: 'signInPage',
  tags: ['pages'],
  summary: 'The sign-in page',
  description: 'The configured providers as plain links. A live session is refreshed, and whoever has one goes straight on. ' +
    'Another site that sends the browser here refreshes nothing: where that is needed, the page loads itself once more.',
  querystring: { type: 'object', properties: { return_to: { type: 'string' } } },
  response: {
    200: pageBody('The page'),
    303: noBody('Signed in: on to return_to'),
    ...problems({ 400: 'invalid_return_to', 429: 'rate_limited: only with a refresh cookie' })
  }
} as const

const providersSchema = {
  operationId: 'listProviders',
  tags: ['login'],
  summary: 'The configured providers, for a sign-in page of your own',
  response: {
    200: {
      description: 'In the order of the sign-in page',
      type: 'object',
      required: ['providers'],
      properties: {
        providers: {
          type: 'array',
          items: {
            type: 'object',
            required: ['id', 'name', 'url'],
            properties: { id: { type: 'string' }, name: { type: 'string' }, url: { type: 'string' } }
          }
        }
      }
    }
  }
} as const

const accountSchema = {
  operationId: 'accountPage',
  tags: ['pages'],
  summary: 'Who is signed in, and the way out',
  response: { 200: pageBody('The page'), 303: noBody('Not signed in: on to the sign-in page'), ...problems({ 429: 'rate_limited' }) }
} as const

/** What people see before and after a login. */
const signIn: RoutePlugin<SignInOptions> = async (app, { providers, returnTo: rules, verifier, ...refreshing }) => {
  const { sessions, cookies } = refreshing
  const trusted = trustedOrigins(rules)
  const hasRefreshToken = (request: FastifyRequest) => cookies.readRefresh(request) !== undefined
  const loginConfig = { page: true, ...counted('tokens'), countsIf: hasRefreshToken }

  app.get('/login', { schema: signInSchema, config: loginConfig }, async (request, reply) => {
    const returnTo = returnToOf(request.query.return_to, rules)
    reply.header('vary', 'Cookie, Sec-Fetch-Site')
    const isFriendly = isFriendlyNavigation(request, trusted)
    const resumed = isFriendly ? await resume(request, reply) : undefined
    if (resumed ?? signedIn(cookies.read(request))) return reply.redirect(withError(returnTo ?? rules.fallback), 303)
    if (!isFriendly && hasRefreshToken(request) && !isAhead(request)) {
      return reply.headers(reloadHeaders()).send(reloadPage(withReturnTo('/auth/login', returnTo)))
    }

    const choices = [...providers.values()].map(({ id, name }) => ({ name, url: withReturnTo(`/auth/${id}`, returnTo) }))
    return reply.headers(pageHeaders()).send(signInPage(choices))
  })

  const listed = { providers: [...providers.values()].map(({ id, name }) => ({ id, name, url: `/auth/${id}` })) }
  app.get('/providers', { schema: providersSchema, exposeHeadRoute: true }, async () => listed)

  app.get('/account', { schema: accountSchema, config: { page: true, ...counted('tokens') } }, async (request, reply) => {
    const claims = signedIn(cookies.read(request))
    if (!claims) return reply.redirect('/auth/login?return_to=%2Fauth%2Faccount', 303)
    // The page says who you are while the store is away, too.
    const live = await sessions.page(claims.sub, claims.sid).catch((): SessionPage => ({ sessions: [] }))
    return reply.headers(pageHeaders()).header('vary', 'Cookie').send(accountPage(claims, providers.get(claims.provider)?.name, live))
  })

  /**
   * Refreshes the session of this browser, if it has one and somebody is really coming: whether it goes on. undefined
   * where that was not to be learned.
   */
  async function resume (request: FastifyRequest, reply: FastifyReply): Promise<boolean | undefined> {
    const refreshToken = cookies.readRefresh(request)
    if (refreshToken === undefined || isAhead(request)) return undefined
    try {
      await refreshSession(request, reply, refreshToken, refreshing)
      return true
    } catch (error) {
      return error instanceof AuthError ? false : undefined
    }
  }

  function signedIn (token: string | undefined): AccessTokenClaims | undefined {
    try {
      return token === undefined ? undefined : verifier.verify(token)
    } catch {
      return undefined
    }
  }
}

export default signIn
