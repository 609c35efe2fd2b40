import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ownWords } from '../../providers/setup/ids.ts'
import { AuthError, isOfThisAccount } from '../../errors.ts'
import type { Flows } from '../../login/flow.ts'
import { loadReturnTo, returnToOf, withReturnTo, type ReturnToRules } from '../../login/return-to.ts'
import { signInAgain, type Step } from '../../pages/error.ts'
import { refusalAt, refuse, withSteps } from '../../http/error-handler.ts'
import { counted } from '../../http/request-limits.ts'
import type { PassedOn, Provider } from '../../providers/provider.ts'
import { refuseUnlessLeaving } from '../../http/navigation.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { noBody, problems } from '../../http/schemas.ts'

export interface LoginOptions {
  providers: Map<string, Provider>
  returnTo: ReturnToRules
  flows: Flows
}

export const providerParams = {
  type: 'object', required: ['provider'], properties: { provider: { type: 'string', description: 'Id of a configured provider' } }
} as const

const passedOnNames = ['login_hint', 'prompt', 'hd', 'ui_locales'] as const
const passedOn = { type: 'string', minLength: 1, maxLength: 1024 } as const

const startSchema = {
  operationId: 'startLogin',
  tags: ['login'],
  summary: 'Send the browser to a provider',
  description: 'Starts a flow: sets its sealed cookie and redirects. Four parameters are passed on, nothing else is.',
  params: providerParams,
  querystring: {
    type: 'object',
    properties: {
      return_to: { type: 'string', description: 'A path of ours, or a URL whose origin is allowed' },
      login_hint: passedOn,
      prompt: passedOn,
      hd: passedOn,
      ui_locales: passedOn
    }
  },
  response: {
    302: noBody('To the provider'),
    ...problems({
      400: 'invalid_request, invalid_return_to',
      403: 'cross_site_request: not a navigation',
      404: 'unknown_provider',
      429: 'rate_limited',
      503: 'provider_unavailable',
      504: 'provider_timeout'
    })
  }
} as const

/** From "sign in" to the provider. */
const login: RoutePlugin<LoginOptions> = async (app, { providers, returnTo: rules, flows }) => {
  const config = { page: true, neverLate: true, ...counted('starts') }

  app.get('/:provider', { schema: startSchema, config, errorHandler: refuseStart }, async (request, reply) => {
    if (ownWords.has(request.params.provider)) return reply.callNotFound() // or another method's: POST /auth/refresh
    const provider = providerOf(request.params.provider, providers)
    refuseUnlessLeaving(request)
    const returnTo = returnToOf(request.query.return_to, rules)

    const state = flows.newState()
    const nonce = flows.newNonce()
    const { url, kept } = await provider.authorize(state, nonce, whatToPassOn(request, provider))
    flows.keep(request, reply, { provider: provider.id, state, nonce, kept, ...(returnTo && { returnTo }) })
    reply.redirect(url, 302) // returned, Fastify would wait for it, as a reply is thenable
  })

  /** Whatever it fails by, the person may try again and still ends where they wanted to. */
  function refuseStart (error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    const { return_to: wanted } = request.query as { return_to?: unknown }
    const provider = providers.get((request.params as { provider: string }).provider)
    const refusal = refusalAt(request, reply, error)
    const returnTo = typeof wanted === 'string' ? loadReturnTo(wanted, rules) : undefined
    return refuse(request, reply, refusal, withSteps(refusal, stepsTo(provider, returnTo, refusal)))
  }

  function whatToPassOn ({ query, headers }: FastifyRequest, { selectsAccount }: Provider): PassedOn {
    const given = query as PassedOn
    const passing: PassedOn = {}
    for (const name of passedOnNames) if (given[name] !== undefined) passing[name] = given[name]
    // Another site may start a login, but not one that goes through without the person noticing.
    const isForeign = headers['sec-fetch-site'] === 'cross-site' && !refererAllowed(headers.referer)
    if (selectsAccount && isForeign && !isNoticed(passing.prompt)) {
      passing.prompt = 'select_account'
    }
    return passing
  }

  function refererAllowed (referer: string | undefined): boolean {
    if (referer === undefined) return true
    return URL.canParse(referer) && loadReturnTo(`${new URL(referer).origin}/`, rules) !== undefined
  }
}

/** The ways to go on from a login that failed: the same again, with another account where that may help, or by another provider. */
export function stepsTo (provider: Provider | undefined, returnTo: string | undefined, { code }: AuthError): Step[] {
  const others = { label: 'Other ways to sign in', href: withReturnTo(signInAgain.href, returnTo) }
  if (!provider || code === 'invalid_return_to') return [{ ...others, label: signInAgain.label }]
  const { id, selectsAccount } = provider
  const start = (label: string, more?: Record<string, string>): Step => ({ label, href: withReturnTo(`/auth/${id}`, returnTo, more) })
  if (selectsAccount && isOfThisAccount(code)) return [start('Use another account', { prompt: 'select_account' }), others]
  return [start(signInAgain.label), others]
}

/** Whether a provider shows a person something for this prompt (OpenID Connect Core section 3.1.2.1). `none` and words of no meaning do not. */
const isNoticed = (prompt = ''): boolean => prompt.split(' ').every(word => ['login', 'consent', 'select_account'].includes(word))

/** @throws AuthError unknown_provider; not_found for a reserved path word */
export function providerOf (id: string, providers: ReadonlyMap<string, Provider>): Provider {
  const provider = providers.get(id)
  if (!provider) throw new AuthError(ownWords.has(id) ? 'not_found' : 'unknown_provider')
  return provider
}

export default login
