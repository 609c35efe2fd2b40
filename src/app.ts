import cookie from '@fastify/cookie'
import Fastify, { LogController, type FastifyInstance } from 'fastify'
import type { DestinationStream } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config/config.ts'
import { devProvider } from './dev/provider.ts'
import { AuthError } from './errors.ts'
import { randomId } from './keys/randomness.ts'
import { secretBox } from './keys/secret-box.ts'
import { sessionCookies } from './sessions/cookies.ts'
import { mayStay } from './login/email-policy.ts'
import { Flows } from './login/flow.ts'
import { FlowClaims } from './login/flow-claims.ts'
import { Memberships } from './sessions/memberships.ts'
import { PostedAnswers } from './login/posted-answer.ts'
import { endUnreadBody, readBodies } from './http/bodies.ts'
import { clientAddress, knowClients } from './http/client-address.ts'
import { watchClock } from './http/clock-alarm.ts'
import { connectionTimeoutMs, Drain, serverOptions } from './http/drain.ts'
import { allowOrigins } from './http/cors.ts'
import { clientErrorHandler, handleErrors, refusalOf, refuseUnknown } from './http/error-handler.ts'
import { auditService, logRequests, logSerializers, logUnread, readinessLog, storeLog } from './http/log.ts'
import { describeApi } from './http/openapi.ts'
import { warnOfOtherSites } from './http/other-site.ts'
import { Readiness } from './http/readiness.ts'
import { limitHandlers, rateLimits, refuseOversize, requestLimits, type CountRequest } from './http/request-limits.ts'
import { securityHeaders, sendSecurityHeaders } from './http/security-headers.ts'
import { signatureCheck } from './tokens/signature-check.ts'
import { validateRequests } from './http/validation.ts'
import { leaveToUs, refuseMalformed } from './http/well-formed.ts'
import { callbackUrl } from './providers/callback.ts'
import { configuredProviders } from './providers/setup/build.ts'
import { Connections } from './providers/http/connections.ts'
import { Names } from './providers/http/names.ts'
import type { Provider } from './providers/provider.ts'
import callback from './routes/login/callback.ts'
import devRoutes from './dev/routes.ts'
import docs from './routes/public/docs.ts'
import health from './routes/public/health.ts'
import login from './routes/login/login.ts'
import postedCallback from './routes/login/posted-callback.ts'
import { trustedOrigins } from './http/same-site.ts'
import { sharedSchemas } from './http/schemas.ts'
import session from './routes/session/session.ts'
import sessionList from './routes/session/sessions.ts'
import signIn from './routes/login/sign-in.ts'
import wellKnown from './routes/public/well-known.ts'
import { openState } from './core.ts'
import type { Clock } from './clock.ts'
import { AccessTokens } from './tokens/access-tokens.ts'
import { StatusLists } from './tokens/status-lists.ts'
import { TokenVerifier } from './tokens/token-verifier.ts'

export interface Surroundings {
  /** Where log lines go; absent: nowhere. */
  log?: DestinationStream
  clock?: Clock
  /** Counts for the rate limit where several processes share it; absent: this process counts by itself. */
  countRequest?: CountRequest
  /** How hosts of providers are found; absent: as the machine finds them. */
  names?: Names
  /** The caller runs it before it closes the app. */
  drain?: Drain
}

/** The whole service on one screen: what it is made of, and in what order. */
export async function buildApp (config: Config, surroundings: Surroundings = {}): Promise<FastifyInstance> {
  const { log, clock = Date.now, countRequest, drain = new Drain() } = surroundings
  const { names = new Names({ threads: config.lookupThreads }) } = surroundings
  const headers = securityHeaders(config.secure)
  const { keepAliveTimeout, requestTimeout, ...http } = serverOptions(config.keepAliveSeconds)
  const app: FastifyInstance = Fastify({
    logger: log ? { level: config.logLevel, stream: log, serializers: logSerializers, base: null } : false,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomId(9),
    bodyLimit: requestLimits.bodyBytes,
    requestTimeout,
    connectionTimeout: connectionTimeoutMs,
    keepAliveTimeout,
    http,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: clientErrorHandler(headers, facts => logUnread(app.log, facts)),
    frameworkErrors: (error, request, reply) => {
      endUnreadBody(request, reply as never)
      app.errorHandler(error, request as never, reply.headers(headers) as never)
      logUnread(app.log, { status: reply.statusCode, code: refusalOf(error).code, ip: clientAddress(request as never) })
    }
  })
  app.setSerializerCompiler(() => data => JSON.stringify(data))
  await app.register(cookie, { hook: false }) // sessions/sent-cookies.ts reads the few that this service has, where they are needed
  app.decorateRequest('cookiesOfOurs', undefined)
  validateRequests(app)
  drain.watch(app.server)
  leaveToUs(app.server)

  const warn = (message: string, error?: unknown) => app.log.warn({ err: error }, message)
  const providers = new Map<string, Provider>()
  const { returnTo, emails } = config
  const state = await openState(config, {
    clock,
    admits: identity => mayStay(identity, emails, providers.get(identity.provider)),
    recheck: async (provider, grant) => memberships?.recheck(provider, grant),
    onStore: storeLog(app.log),
    onProblem: warn,
    onEvent: (event, facts) => auditService(app.log, event, facts)
  })
  const { secrets, store, keys, revocations, sessions } = state
  const accessTokens = new AccessTokens(keys, config, clock)
  const verifier = new TokenVerifier({ ...config, revocations, checkWith: key => signatureCheck(key, config), clock })
  await keys.watch(inUse => verifier.useKeys(inUse))
  const statusLists = config.token.status ? new StatusLists({ ...config, store, keys, revocations, clock }) : undefined
  const flowBox = secretBox(secrets, 'flows')
  const flows = new Flows(flowBox, config.secure, app.serializeCookie, state.clock)
  const claims = new FlowClaims(store, secretBox(secrets, 'flow-claims'))
  const postedAnswers = new PostedAnswers(secretBox(secrets, 'posted-answers'), state.clock)
  const cookies = sessionCookies(config, app.serializeCookie, state.clock, token => verifier.claimsOf(token) !== undefined)
  const memberships = config.recheckMembership ? new Memberships({ providers, box: secretBox(secrets, 'grants'), clock: state.clock, warn }) : undefined
  const { digest: logDigest } = secretBox(secrets, 'log')

  const connections = new Connections({ names, proxying: config.proxying })
  const dev = config.devLogin
    ? devProvider({ publicUrl: config.publicUrl, callbackUrl: callbackUrl(config.publicUrl, 'dev'), box: flowBox, connections, clock, warn })
    : undefined
  const configured = configuredProviders(config, { clock, warn, newNonce: () => randomId(16), connections })
  for (const provider of [...configured, ...(dev ? [dev.provider] : [])]) providers.set(provider.id, provider)

  handleErrors(app)
  limitHandlers(app)
  sendSecurityHeaders(app, headers)
  knowClients(app, config.trustProxy)
  allowOrigins(app, trustedOrigins(returnTo))
  refuseMalformed(app)
  refuseOversize(app)
  app.addHook('onRequest', (request, _reply, done) => {
    if (drain.isRefusing && request.routeOptions.url !== '/readyz') return done(new AuthError('shutting_down'))
    if (!drain.held) return done()
    drain.held.then(() => done(), done)
  })
  app.addHook('onRequest', ({ routeOptions }, _reply, done) => {
    const caughtUp = /^\/(livez|healthz|readyz)$/.test(routeOptions.url ?? '') ? undefined : state.catchUp()
    if (caughtUp) caughtUp.then(() => done(), done)
    else done()
  })
  // A connection that was busy when the stop began would otherwise stay open for its keep-alive time, and hold up the end.
  app.addHook('onSend', (request, reply, payload, done) => {
    if (drain.isStopping) reply.header('connection', 'close')
    endUnreadBody(request, reply)
    done(null, payload)
  })
  refuseUnknown(app)
  logRequests(app)
  warnOfOtherSites(app, trustedOrigins(returnTo))
  watchClock(app, clock)
  const description = describeApi(app, { version: packageJson.version, shapes: sharedSchemas })
  readBodies(app)
  rateLimits(app, config.rateLimit, countRequest)

  const readiness = new Readiness(store, readinessLog(app.log))
  app.addHook('onReady', () => readiness.begin())
  await app.register(health, { readiness, drain })
  await app.register(wellKnown, { prefix: '/.well-known', publicUrl: config.publicUrl, keys, ...(statusLists && { statusLists }) })
  await app.register(docs, { prefix: '/auth', description })
  await app.register(signIn, { prefix: '/auth', providers, returnTo, flows, claims, verifier, sessions, accessTokens, cookies })
  await app.register(session, { prefix: '/auth', verifier, sessions, accessTokens, cookies, returnTo, sessionMaxSeconds: config.sessionMaxSeconds })
  await app.register(sessionList, { prefix: '/auth/sessions', verifier, sessions, cookies, returnTo })
  if (dev) await app.register(devRoutes, { prefix: '/auth/dev', dev, flows })
  await app.register(postedCallback, { prefix: '/auth', providers, postedAnswers })
  await app.register(login, { prefix: '/auth', providers, returnTo, flows })
  await app.register(callback, {
    prefix: '/auth', providers, returnTo, emails, flows, claims, postedAnswers, sessions, accessTokens, verifier, cookies, logDigest, memberships
  })
  app.get('/', { schema: { hide: true }, exposeHeadRoute: true }, (_request, reply) => reply.redirect('/auth/login', 302))

  app.addHook('preClose', done => { drain.refuse(); done() })
  app.addHook('onClose', async () => {
    connections.close()
    await dev?.close()
    await state.close()
  })
  state.follow()
  // One after the other, and no request waits for it: forty providers must not make a storm of a start.
  app.addHook('onListen', done => {
    warmUp(providers.values()).catch(warn)
    done()
  })
  return app
}

async function warmUp (providers: Iterable<Provider>): Promise<void> {
  for (const provider of providers) await provider.warmUp()
}
