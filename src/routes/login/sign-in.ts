import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, isOfThisAccount } from '../../errors.ts'
import type { Flows } from '../../login/flow.ts'
import type { FlowClaims } from '../../login/flow-claims.ts'
import { loadReturnTo, returnToOf, withError, withReturnTo, type ReturnToRules } from '../../login/return-to.ts'
import { accountPage } from '../../pages/account.ts'
import { pageHeaders } from '../../pages/layout.ts'
import { reloadHeaders, reloadPage } from '../../pages/reload.ts'
import { signInPage } from '../../pages/sign-in.ts'
import { refusalAt, refuse, withSteps } from '../../http/error-handler.ts'
import { counted } from '../../http/request-limits.ts'
import type { Provider } from '../../providers/provider.ts'
import type { AccessTokenClaims } from '../../tokens/claims.ts'
import type { SessionPage } from '../../sessions/sessions.ts'
import type { TokenVerifier } from '../../tokens/token-verifier.ts'
import { detour, locationBytes } from './arrival.ts'
import { headerRoom } from '../../http/header-room.ts'
import { stepsTo } from './login.ts'
import { isAhead } from '../../http/navigation.ts'
import { refreshSession, type RefreshOptions } from '../session/refresh-session.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { isFriendlyNavigation, trustedOrigins } from '../../http/same-site.ts'
import { noBody, pageBody, problems } from '../../http/schemas.ts'

export interface SignInOptions extends RefreshOptions {
  providers: Map<string, Provider>
  returnTo: ReturnToRules
  flows: Flows
  claims: FlowClaims
  verifier: TokenVerifier
}

const errorCode = { type: 'string', description: 'Of a login that failed: the page says so, in our words' } as const

const signInSchema = {
  operationId: 'signInPage',
  tags: ['pages'],
  summary: 'The sign-in page',
  description: 'The configured providers as plain links. A live session is refreshed, and whoever has one goes straight on. ' +
    'Another site that sends the browser here refreshes nothing: where that is needed, the page loads itself once more.',
  querystring: { type: 'object', properties: { return_to: { type: 'string' }, error_code: errorCode } },
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
  querystring: { type: 'object', properties: { error_code: errorCode } },
  response: { 200: pageBody('The page'), 303: noBody('Not signed in: on to the sign-in page'), ...problems({ 429: 'rate_limited' }) }
} as const

/** What people see before and after a login. */
const signIn: RoutePlugin<SignInOptions> = async (app, { providers, returnTo: rules, flows, claims, verifier, ...refreshing }) => {
  const { sessions, cookies } = refreshing
  const trusted = trustedOrigins(rules)
  const hasRefreshToken = (request: FastifyRequest) => cookies.readRefresh(request) !== undefined
  const loginConfig = { page: true, ...counted('tokens'), countsIf: hasRefreshToken }

  app.get('/login', { schema: signInSchema, exposeHeadRoute: true, config: loginConfig, errorHandler: refuseSignIn }, async (request, reply) => {
    const returnTo = returnToOf(request.query.return_to, rules)
    const { error_code: code = '' } = request.query
    reply.header('vary', 'Cookie, Sec-Fetch-Site')
    const resumed = await resume(request, reply)
    if (resumed ?? verifier.claimsOf(cookies.read(request))) return goOn(reply, returnTo ?? rules.fallback, code)
    if (resumed === undefined && hasRefreshToken(request) && !isAhead(request) && !isFriendlyNavigation(request, trusted)) {
      return reply.headers(reloadHeaders()).send(reloadPage(withReturnTo('/auth/login', returnTo, told(code))))
    }

    const choices = [...providers.values()].map(({ id, name, selectsAccount }) => {
      const more = selectsAccount && isOfThisAccount(code) ? { prompt: 'select_account' } : {}
      return { name, url: withReturnTo(`/auth/${id}`, returnTo, more) }
    })
    return reply.headers(pageHeaders()).send(signInPage(choices, code))
  })

  const listed = { providers: [...providers.values()].map(({ id, name }) => ({ id, name, url: `/auth/${id}` })) }
  app.get('/providers', { schema: providersSchema, exposeHeadRoute: true }, async () => listed)

  const accountConfig = { page: true, ...counted('tokens') }

  app.get('/account', { schema: accountSchema, exposeHeadRoute: true, config: accountConfig }, async (request, reply) => {
    const { error_code: code = '' } = request.query
    // Without a good access cookie there may be a session all the same. A browser that keeps no such cookie, or several, would
    // be sent to and fro by the sign-in page for ever: so this page goes on with the session itself.
    const signedIn = verifier.claimsOf(cookies.read(request)) ?? await resume(request, reply)
    if (!signedIn) return reply.redirect(withReturnTo('/auth/login', '/auth/account', told(code)), 303)
    // The page says who you are while the store is away, too.
    const live = await sessions.page(signedIn.sub, signedIn.sid).catch((): SessionPage => ({ sessions: [] }))
    reply.headers(pageHeaders()).header('vary', 'Cookie, Sec-Fetch-Site')
    return reply.send(accountPage(signedIn, providers.get(signedIn.provider)?.name, live, code))
  })

  /** The person may try again, and still ends where they wanted to. */
  function refuseSignIn (error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    const { return_to: wanted } = request.query as { return_to?: unknown }
    const refusal = refusalAt(request, reply, error)
    const returnTo = typeof wanted === 'string' ? loadReturnTo(wanted, rules) : undefined
    return refuse(request, reply, refusal, withSteps(refusal, stepsTo(undefined, returnTo, refusal)))
  }

  /** On to the target, where the answer has room for it. What went wrong before is told by our own page alone. */
  async function goOn (reply: FastifyReply, returnTo: string, code: string) {
    const cleaned = withError(returnTo)
    const target = cleaned === '/auth/account' ? withReturnTo(cleaned, undefined, told(code)) : cleaned
    const [provider] = providers.values()
    if (!provider || headerRoom(reply) >= locationBytes(target)) return reply.redirect(target, 303)
    const state = flows.newState()
    await claims.keepTarget(state, target)
    return reply.redirect(detour(provider, { state }), 303)
  }

  /**
   * Refreshes the session of this browser, if it has one and is really coming: whose it is, and false where it has ended.
   * undefined where that was not to be learned.
   */
  async function resume (request: FastifyRequest, reply: FastifyReply): Promise<AccessTokenClaims | false | undefined> {
    const refreshToken = cookies.readRefresh(request)
    if (refreshToken === undefined || isAhead(request) || !isFriendlyNavigation(request, trusted)) return undefined
    try {
      return (await refreshSession(request, reply, refreshToken, refreshing)).claims
    } catch (error) {
      return error instanceof AuthError ? false : undefined
    }
  }
}

const told = (code: string): Record<string, string> => code === '' ? {} : { error_code: code }

export default signIn
