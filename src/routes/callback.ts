import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { SessionCookies } from '../login/cookies.ts'
import { deviceOf } from '../login/device.ts'
import { admitEmail } from '../login/email-policy.ts'
import { flowSeconds, type Flow, type Flows } from '../login/flow.ts'
import type { Memberships } from '../login/memberships.ts'
import { maxSealedLength, type PostedAnswers } from '../login/posted-answer.ts'
import { withError, withReturnTo, type ReturnToRules } from '../login/return-to.ts'
import type { Config } from '../config/config.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import { refusalOf, refuse, wantsJson } from '../plugins/error-handler.ts'
import { audit } from '../plugins/log.ts'
import { counted } from '../plugins/request-limits.ts'
import type { CallbackAnswer, Provider } from '../providers/provider.ts'
import type { Store } from '../stores/store.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { RefreshedSession } from '../tokens/session.ts'
import type { Sessions } from '../tokens/sessions.ts'
import type { TokenVerifier } from '../tokens/token-verifier.ts'
import { providerOf, providerParams } from './login.ts'
import { refuseUnlessNavigation } from './navigation.ts'
import { orEnd } from './refresh-session.ts'
import type { RoutePlugin } from './route-plugin.ts'
import { answerParameter, jsonBody, noBody, problems } from './schemas.ts'
import { tokenResponse } from './user.ts'

export interface CallbackOptions {
  providers: Map<string, Provider>
  returnTo: ReturnToRules
  emails: Config['emails']
  flows: Flows
  postedAnswers: PostedAnswers
  store: Store
  sessions: Sessions
  accessTokens: AccessTokens
  verifier: TokenVerifier
  cookies: SessionCookies
  logDigest: SecretBox['digest']
  /** Present where memberships are checked again at a refresh. */
  memberships: Memberships | undefined
}

type Answer = CallbackAnswer & { answer?: string }

const callbackSchema = {
  operationId: 'finishLogin',
  tags: ['login'],
  summary: 'Where the provider sends the browser back to',
  description: 'Finishes the flow: checks the answer, starts a session, sets the cookies. Failures of a flow that was ' +
    'started with a return_to go back there with `error`, `error_description` and `error_code`. Providers with ' +
    '`response_mode=form_post` post to the same address, which hands their answer on to this one.',
  params: providerParams,
  querystring: {
    type: 'object',
    required: ['state'],
    properties: {
      state: answerParameter,
      code: answerParameter,
      iss: answerParameter,
      error: answerParameter,
      error_reason: answerParameter,
      error_code: answerParameter,
      denied: answerParameter,
      oauth_token: answerParameter,
      oauth_verifier: answerParameter,
      device_id: answerParameter,
      answer: { ...answerParameter, maxLength: maxSealedLength, description: 'Ours: an answer that came as a form post, sealed' }
    }
  },
  response: {
    200: jsonBody('With `Accept: application/json` and no return_to', 'TokenResponse'),
    303: noBody('To return_to, with the session in cookies'),
    ...problems({
      400: 'invalid_request, flow_not_found, flow_expired, flow_already_used, flow_mismatch, issuer_mismatch',
      403: 'access_denied, email_missing, email_invalid, email_not_verified, email_not_allowed, cross_site_request',
      404: 'unknown_provider',
      429: 'rate_limited',
      502: 'provider_error, invalid_id_token',
      503: 'provider_unavailable, store_unavailable',
      504: 'provider_timeout'
    })
  }
} as const

/** From the provider's answer to "signed in". */
const callback: RoutePlugin<CallbackOptions> = async (app, options) => {
  const { flows, cookies, providers, returnTo: returnToRules } = options

  app.get('/:provider/callback', { schema: callbackSchema, config: { page: true, ...counted('callbacks') } }, async (request, reply) => {
    refuseUnlessNavigation(request)
    const provider = providerOf(request.params.provider, providers)
    const flow = openFlow(request, provider)
    if (flows.isOver(flow)) return stop(request, reply, flow, new AuthError('flow_expired'))
    try {
      return await finish(request, reply, provider, flow)
    } catch (error) {
      return fail(request, reply, flow, refusalOf(error))
    }
  })

  async function finish (request: FastifyRequest<{ Querystring: Answer }>, reply: FastifyReply, provider: Provider, flow: Flow) {
    const { answer: sealed, user: _unsigned, ...sent } = request.query
    const answer = sealed === undefined ? sent : options.postedAnswers.open(provider.id, flow.state, sealed)
    await provider.checkAnswer(answer, flow)
    if (flow.over || !await claim(flow)) return alreadyUsed(request, reply, flow)

    const { identity, grant } = await provider.identify(answer, flow)
    const email = admitEmail(identity, options.emails, provider.emails)
    const kept = grant && options.memberships?.keep(provider.id, grant)
    const session = await options.sessions.start({ ...identity, email }, deviceOf(request.headers['user-agent']), kept)
    const issued = await orEnd(session, options.sessions, async () => {
      const token = await options.accessTokens.issue(session)
      await endReplaced(request, session)
      return token
    })

    flows.end(reply, flow)
    cookies.set(reply, issued, session)
    audit(request, 'login_succeeded', { provider: provider.id, sid: session.id, email: options.logDigest(email) })
    if (flow.returnTo === undefined && wantsJson(request)) {
      return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(tokenResponse(issued)))
    }
    return reply.redirect(targetOf(flow), 303)
  }

  /** The session this browser had is out of reach now: it ends, rather than wait for its time. */
  async function endReplaced (request: FastifyRequest, session: RefreshedSession): Promise<void> {
    const refreshToken = cookies.readRefresh(request)
    const replaced = refreshToken === undefined ? undefined : await options.sessions.endByToken(refreshToken)
    if (replaced) audit(request, 'session_ended', { sid: replaced.id, by: session.id })
  }

  /** Where the person goes on, now that they are signed in. */
  const targetOf = ({ returnTo }: Flow): string => withError(returnTo ?? returnToRules.fallback)

  /** RFC 9700 section 4.7: of any number of callbacks with one state, one goes on, before anything is asked outside. */
  const claim = (flow: Flow) => options.store.claim(`flows/${flow.state}`, '', flow.startedAt + flowSeconds + 60)

  /** A browser's back button and retries bring a finished flow again: whoever is signed in just goes on. */
  function alreadyUsed (request: FastifyRequest, reply: FastifyReply, flow: Flow) {
    const token = cookies.read(request)
    try {
      if (token) {
        options.verifier.verify(token)
        return reply.redirect(targetOf(flow), 303)
      }
    } catch {
      // not signed in after all
    }
    return stop(request, reply, flow, new AuthError('flow_already_used'))
  }

  /** An answer that no flow of this browser waits for is a failed login as well. */
  function openFlow (request: FastifyRequest<{ Querystring: Answer }>, provider: Provider): Flow {
    try {
      return flows.open(request, provider.id, request.query.state)
    } catch (error) {
      auditFailure(request, provider.id, refusalOf(error))
      throw error
    }
  }

  /** A flow that cannot go on here: the person may start again. */
  function stop (request: FastifyRequest, reply: FastifyReply, flow: Flow, refusal: AuthError) {
    auditFailure(request, flow.provider, refusal)
    return refuse(request, reply, refusal, startAgain(flow))
  }

  /** A failed login goes back to where it was started from, with our own words. */
  function fail (request: FastifyRequest, reply: FastifyReply, flow: Flow, refusal: AuthError) {
    auditFailure(request, flow.provider, refusal)
    if (refusal.code === 'invalid_request') throw refusal
    flows.end(reply, flow)
    if (flow.returnTo === undefined) return refuse(request, reply, refusal, startAgain(flow))
    request.log.info({ code: refusal.code, err: refusal.cause }, 'login refused')
    const error = { error: oauthError(refusal), error_description: refusal.detail, error_code: refusal.code }
    return reply.redirect(withError(flow.returnTo, error), 303)
  }
}

const auditFailure = (request: FastifyRequest, provider: string, { code }: AuthError): void =>
  audit(request, 'login_failed', { provider, code })

/** The `error` of RFC 6749 section 4.1.2.1 that is nearest to a refusal of ours. */
function oauthError ({ statusCode }: AuthError): string {
  if (statusCode === 403) return 'access_denied'
  if (statusCode === 503) return 'temporarily_unavailable'
  return statusCode < 500 ? 'invalid_request' : 'server_error'
}

const startAgain = ({ provider, returnTo }: Flow): string => withReturnTo(`/auth/${provider}`, returnTo)

export default callback
