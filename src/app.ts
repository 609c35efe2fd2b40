import formbody from '@fastify/formbody'
import Fastify, { LogController, type FastifyInstance } from 'fastify'
import type { DestinationStream } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config/config.ts'
import { devProvider } from './dev/dev-provider.ts'
import { AuthError } from './errors.ts'
import { KeyRing } from './keys/key-ring.ts'
import { keptSecret } from './keys/secret.ts'
import { randomId } from './keys/randomness.ts'
import { secretBox } from './keys/secret-box.ts'
import { sessionCookies } from './login/cookies.ts'
import { Flows } from './login/flow.ts'
import { clientErrorHandler, handleErrors } from './plugins/error-handler.ts'
import { logRequests, logSerializers } from './plugins/log.ts'
import { describeApi } from './plugins/openapi.ts'
import { limitHandlers, rateLimits, refuseOversize, requestLimits } from './plugins/request-limits.ts'
import { securityHeaders, sendSecurityHeaders } from './plugins/security-headers.ts'
import { signatureCheck } from './plugins/signature-check.ts'
import { callbackUrl, configuredProviders } from './providers/index.ts'
import type { Provider } from './providers/provider.ts'
import devRoutes from './routes/dev.ts'
import docs from './routes/docs.ts'
import health from './routes/health.ts'
import login from './routes/login.ts'
import { sharedSchemas } from './routes/schemas.ts'
import session from './routes/session.ts'
import signIn from './routes/sign-in.ts'
import wellKnown from './routes/well-known.ts'
import { openStore } from './stores/index.ts'
import type { Clock } from './stores/store.ts'
import { AccessTokens } from './tokens/access-tokens.ts'
import { Revocations } from './tokens/revocations.ts'
import { Sessions } from './tokens/sessions.ts'
import { TokenVerifier } from './tokens/token-verifier.ts'

export interface Surroundings {
  /** Where log lines go; absent: nowhere. */
  log?: DestinationStream
  clock?: Clock
}

/** The whole service on one screen: what it is made of, and in what order. */
export async function buildApp (config: Config, { log, clock = Date.now }: Surroundings = {}): Promise<FastifyInstance> {
  const headers = securityHeaders(config.secure)
  const app: FastifyInstance = Fastify({
    logger: log ? { level: config.logLevel, stream: log, serializers: logSerializers, base: null } : false,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomId(9),
    trustProxy: config.trustProxy.length > 0 ? config.trustProxy : false,
    bodyLimit: requestLimits.bodyBytes,
    requestTimeout: requestLimits.requestMs,
    connectionTimeout: 30_000,
    keepAliveTimeout: 72_000,
    http: { headersTimeout: requestLimits.headersMs, maxHeaderSize: requestLimits.headerBytes },
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: clientErrorHandler(headers),
    frameworkErrors: (error, request, reply) => { app.errorHandler(error, request as never, reply.headers(headers) as never) },
    // validateSchema compiles the schema of schemas, a tenth of the start; the tests do that for ours
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false, validateSchema: false } }
  })
  app.setSerializerCompiler(() => data => JSON.stringify(data))
  let stopping = false

  const secrets = config.secrets ?? [keptSecret(config.dataDir)]
  const store = await openStore(config, clock, error => app.log.error({ err: error }, 'the store has a problem'))
  const keys = await KeyRing.open(store, secretBox(secrets, 'signing-keys'), config.signingAlg, clock)
  const checks = new Map(await Promise.all(keys.all.map(async key => [key.kid, await signatureCheck(key, config)] as const)))
  const revocations = await Revocations.load(store, clock)
  const sessions = new Sessions(store, revocations, config, clock)
  const accessTokens = new AccessTokens(keys, config, clock)
  const verifier = new TokenVerifier({ ...config, keys, revocations, checks, clock })
  const flowBox = secretBox(secrets, 'flows')
  const flows = new Flows(flowBox, config.secure, clock)
  const cookies = sessionCookies(config)
  const { digest: logDigest } = secretBox(secrets, 'log')
  const { returnTo, emails } = config

  const warn = (message: string, error?: unknown) => app.log.warn({ err: error }, message)
  const dev = config.devLogin
    ? devProvider({ publicUrl: config.publicUrl, callbackUrl: callbackUrl(config.publicUrl, 'dev'), box: flowBox, clock })
    : undefined
  const providers = new Map<string, Provider>()
  for (const provider of [...configuredProviders(config, clock, warn), ...(dev ? [dev.provider] : [])]) providers.set(provider.id, provider)

  handleErrors(app)
  limitHandlers(app)
  sendSecurityHeaders(app, headers)
  refuseOversize(app)
  app.addHook('onRequest', (request, _reply, done) => {
    if (stopping && request.routeOptions.url !== '/readyz') done(new AuthError('shutting_down'))
    else done()
  })
  logRequests(app)
  await describeApi(app, packageJson.version)
  for (const schema of sharedSchemas) app.addSchema(schema)
  await app.register(formbody, { bodyLimit: requestLimits.bodyBytes })
  app.removeContentTypeParser('text/plain')
  rateLimits(app, config.rateLimit)

  await app.register(health, { store, isStopping: () => stopping })
  await app.register(wellKnown, { prefix: '/.well-known', publicUrl: config.publicUrl, keys })
  await app.register(docs, { prefix: '/auth' })
  await app.register(signIn, { prefix: '/auth', providers, returnTo, verifier, cookies })
  await app.register(session, { prefix: '/auth', verifier, sessions, cookies, returnTo, sessionMaxSeconds: config.sessionMaxSeconds })
  if (dev) await app.register(devRoutes, { prefix: '/auth/dev', dev, flows })
  await app.register(login, { prefix: '/auth', providers, returnTo, emails, flows, store, sessions, accessTokens, verifier, cookies, logDigest })
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/auth/login', 302))

  app.addHook('preClose', done => { stopping = true; done() })
  app.addHook('onClose', async () => {
    await dev?.close()
    await store.close()
  })
  app.addHook('onListen', async () => {
    await Promise.all([...providers.values()].map(provider => provider.warmUp()))
  })
  return app
}
