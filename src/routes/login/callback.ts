import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../../errors.ts'
import type { SecretBox } from '../../keys/secret-box.ts'
import { deviceOf } from '../../sessions/device.ts'
import { admitEmail, type EmailRules } from '../../login/email-policy.ts'
import type { Flow } from '../../login/flow.ts'
import type { FlowClaims } from '../../login/flow-claims.ts'
import type { Memberships } from '../../sessions/memberships.ts'
import { maxSealedLength, type PostedAnswers } from '../../login/posted-answer.ts'
import { withError } from '../../login/return-to.ts'
import { refusalAt, refusalOf, refuse, wantsJson, withSteps } from '../../http/error-handler.ts'
import { audit } from '../../http/log.ts'
import { counted } from '../../http/request-limits.ts'
import type { CallbackAnswer, Provider } from '../../providers/provider.ts'
import type { AccessTokens } from '../../tokens/access-tokens.ts'
import type { RefreshedSession } from '../../sessions/session.ts'
import { arrivals, type ArrivalOptions, type Begun } from './arrival.ts'
import { providerOf, providerParams, stepsTo } from './login.ts'
import { refuseUnlessNavigation } from '../../http/navigation.ts'
import { orEnd } from '../session/refresh-session.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { answerParameter, jsonBody, noBody, problems } from '../../http/schemas.ts'

export interface CallbackOptions extends ArrivalOptions {
  providers: Map<string, Provider>
  emails: EmailRules
  claims: FlowClaims
  postedAnswers: PostedAnswers
  accessTokens: AccessTokens
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
  const { flows, claims, providers, sessions, accessTokens } = options
  const { redirect, signIn, wayOn } = arrivals(options)

  const config = { page: true, ...counted('callbacks') }

  app.get('/:provider/callback', { schema: callbackSchema, config, errorHandler: refuseCallback }, async (request, reply) => {
    refuseUnlessNavigation(request)
    const provider = providerOf(request.params.provider, providers)
    const { state } = request.query
    const flow = flows.find(request, provider.id, state)
    if (flow instanceof AuthError || flow.over || flows.isOver(flow)) return late(request, reply, provider, flow)
    try {
      return await finish(request, reply, provider, flow)
    } catch (error) {
      const refusal = refusalOf(error)
      auditFailure(request, provider.id, refusal)
      if (refusal.code === 'invalid_request') throw refusal // the flow is whole
      await claims.claim(flow).catch(() => {}) // it ends in the browser all the same
      return sendBack(request, reply, provider, flow, refusal)
    }
  })

  /**
   * A flow that is not found, has expired or was finished. A person who is signed in by now just goes on; a program that asks for
   * JSON is told, unless the login was finished.
   */
  async function late (request: FastifyRequest<{ Querystring: Answer }>, reply: FastifyReply, provider: Provider, found: Flow | AuthError) {
    const [flow, missing] = found instanceof AuthError ? [undefined, found] : [found]
    const claimed = await claims.returnToOf(request.query.state)
    const refusal = missing ?? new AuthError(flow?.over ? 'flow_already_used' : 'flow_expired')
    const isFinished = flow?.over ?? claimed !== undefined
    if (refusal.code !== 'flow_mismatch' && (isFinished || !wantsJson(request))) {
      const way = await wayOn(request, reply, flow?.returnTo ?? claimed)
      if (way !== undefined) return redirect(reply, provider, way)
    }
    return stop(request, reply, provider, refusal, flow && (flow.returnTo ?? claimed))
  }

  async function finish (request: FastifyRequest<{ Querystring: Answer }>, reply: FastifyReply, provider: Provider, flow: Flow) {
    const { answer: sealed, user: _unsigned, ...sent } = request.query
    const answer = sealed === undefined ? sent : options.postedAnswers.open(provider.id, flow.state, sealed)
    await provider.checkAnswer(answer, flow)
    if (!await claims.claim(flow, answer)) return await again(request, reply, provider, flow, answer)
    const outcome = await begin(request, provider, flow, answer).catch((error: unknown) => refusalOf(error))
    claims.tell(flow, outcome instanceof AuthError ? { refused: outcome.code } : outcome.session).catch(() => {}) // this browser has it anyway
    if (outcome instanceof AuthError) throw outcome
    return signIn(request, reply, provider, flow, outcome)
  }

  /** Asks the provider who signs in, and begins their session. */
  async function begin (request: FastifyRequest, provider: Provider, flow: Flow, answer: CallbackAnswer): Promise<Begun> {
    const { identity, grant } = await provider.identify(answer, flow)
    const email = admitEmail(identity, options.emails, provider.emails)
    const kept = grant && options.memberships?.keep(provider.id, grant)
    const session = await sessions.start({ ...identity, email }, deviceOf(request.headers['user-agent']), kept)
    const issued = await orEnd(session, sessions, async () => {
      const token = await accessTokens.issue(session)
      await endReplaced(request, session)
      return token
    })
    audit(request, 'login_succeeded', { provider: provider.id, sid: session.id, email: options.logDigest(email) })
    return { session, issued }
  }

  /**
   * The session this browser had is out of reach now: it ends, rather than wait for its time. Not where the browser has gone, which
   * then still has its cookie: a page that opens a login and breaks it off would sign the person out.
   */
  async function endReplaced (request: FastifyRequest, session: RefreshedSession): Promise<void> {
    const refreshToken = options.cookies.readRefresh(request)
    if (refreshToken === undefined || hasGone(request)) return
    if ((await sessions.findByToken(refreshToken))?.id === session.id) return
    const replaced = await sessions.endByToken(refreshToken)
    if (replaced) audit(request, 'session_ended', { sid: replaced.id, by: session.id })
  }

  /** The same callback once more, as the browser may have dropped the first answer: what came of it, or on to where it was going. */
  async function again (request: FastifyRequest, reply: FastifyReply, provider: Provider, flow: Flow, answer: CallbackAnswer) {
    const outcome = await claims.outcomeOf(flow, answer)
    if (outcome && 'refused' in outcome) return sendBack(request, reply, provider, flow, new AuthError(outcome.refused))
    const held = outcome && await sessions.resume(outcome.refreshToken)
    if (held?.isNewest) {
      const issued = await accessTokens.issue(held.session)
      await endReplaced(request, held.session) // the first callback left it alone if it was broken off
      return signIn(request, reply, provider, flow, { session: held.session, issued })
    }
    const way = await wayOn(request, reply, flow.returnTo)
    if (way !== undefined) return redirect(reply, provider, way)
    return stop(request, reply, provider, new AuthError('flow_already_used'), flow.returnTo)
  }

  /** What comes of no flow: too many requests, a malformed address, a service that stops. */
  function refuseCallback (error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    const { state } = request.query as { state?: unknown }
    const flow = typeof state === 'string' ? flows.peek(request, state) : undefined
    const refusal = refusalAt(request, reply, error)
    const provider = providers.get((request.params as { provider: string }).provider)
    return refuse(request, reply, refusal, withSteps(refusal, stepsTo(provider, flow?.returnTo, refusal)))
  }

  /** A callback that no flow waits for, or none any more: the person may start again. */
  function stop (request: FastifyRequest, reply: FastifyReply, provider: Provider, refusal: AuthError, returnTo?: string) {
    auditFailure(request, provider.id, refusal)
    return refuse(request, reply, refusal, withSteps(refusal, stepsTo(provider, returnTo, refusal)))
  }

  /** A failed login goes back to where it was started from, with our own words. */
  function sendBack (request: FastifyRequest, reply: FastifyReply, provider: Provider, flow: Flow, refusal: AuthError) {
    flows.end(reply, flow)
    if (flow.returnTo === undefined) return refuse(request, reply, refusal, withSteps(refusal, stepsTo(provider, undefined, refusal)))
    request.log.info({ code: refusal.code, err: refusal.cause }, 'login refused')
    const error = { error: oauthError(refusal), error_description: refusal.detail, error_code: refusal.code }
    return redirect(reply, provider, withError(flow.returnTo, error))
  }
}

const auditFailure = (request: FastifyRequest, provider: string, { code }: AuthError): void =>
  audit(request, 'login_failed', { provider, code })

/** Whether the browser has closed its connection, or the proxy that speaks for it. */
const hasGone = ({ raw: { socket } }: FastifyRequest): boolean => socket.destroyed

/** The `error` of RFC 6749 section 4.1.2.1 that is nearest to a refusal. */
function oauthError ({ statusCode }: AuthError): string {
  if (statusCode === 403) return 'access_denied'
  if (statusCode === 503) return 'temporarily_unavailable'
  return statusCode < 500 ? 'invalid_request' : 'server_error'
}

export default callback
