import { loadReturnTo, type ReturnToRules } from '../login/return-to.ts'
import { canonicalEmail, type EmailRules } from '../login/email-policy.ts'
import type { CookieSettings } from '../sessions/cookies.ts'
import type { ListenSettings } from '../http/listen.ts'
import type { ProviderSettings } from '../providers/setup/build.ts'
import type { StateSettings } from '../core.ts'
import { backdatedSeconds, reservedClaims } from '../tokens/claims.ts'
import { ConfigError, EnvironmentReader, type Environment } from '../env/environment.ts'
import { catalogue } from '../providers/catalogue/index.ts'
import type { Catalogue } from '../providers/catalogue/index.ts'
import { proxyVariables, withLowerCaseProxies, type NoProxy, type Proxy } from '../providers/http/proxies.ts'
import { readProviders } from '../providers/setup/read.ts'
import { otherSiteWarnings } from './sites.ts'
import { isLoopbackHost, isLoopbackListener } from '../env/values.ts'
import { reserved, variables } from './variables.ts'
import { vouchingWarnings } from './vouching.ts'

/** The whole configuration, in our words and units: what each room asks for, and what the service itself does. */
export interface Config extends StateSettings, CookieSettings, ProviderSettings, ListenSettings {
  /** Calls to providers go through a proxy. */
  proxying?: { proxy: Proxy, except?: NoProxy }
  /** Threads that look-ups of names may hold, so that signatures have as many. */
  lookupThreads: number
  returnTo: ReturnToRules
  devLogin: boolean
  emails: EmailRules
  recheckMembership: boolean
  trustProxy: string[]
  rateLimit: number
  /** Processes that share the port. */
  workers: number
  logLevel: string
  /** Nothing wrong, but an operator should know. */
  warnings: string[]
}

/**
 * Reads and checks the environment.
 * @param known the providers that have a name
 * @throws ConfigError with every problem at once
 */
export function loadConfig (env: Environment, readFile?: (path: string) => string, known: Catalogue = catalogue): Config {
  const warnings: string[] = []
  const reader = new EnvironmentReader(withLowerCaseProxies(env, warnings), readFile)
  const values = reader.all(variables)
  const { HTTPS_PROXY: proxy, HTTP_PROXY: otherProxy, NO_PROXY: except } = reader.all(proxyVariables, '', Infinity)
  const publicUrl = values.PUBLIC_URL ?? new URL(`http://localhost:${values.PORT ?? 3000}`).origin
  const loopback = isLoopbackHost(new URL(publicUrl).hostname)
  const secure = publicUrl.startsWith('https:')

  const before = reader.problems.length
  const { providers, groups } = readProviders(reader, known, { loopback, warnings })
  const triedInVain = reader.problems.length > before
  reader.reportUnknown(groups, reserved)
  warnings.push(...reader.remarks)

  const hostIsLoopback = isLoopbackListener(values.HOST ?? 'localhost')
  const devLogin = values.DEV_LOGIN === 'true' ||
    (values.DEV_LOGIN !== 'false' && providers.length === 0 && loopback && (hostIsLoopback || values.DEV_LOGIN === 'auto'))
  if (devLogin && !loopback) reader.problem('DEV_LOGIN', 'lets anyone sign in as anyone: it needs a loopback PUBLIC_URL', 'false')
  if (providers.length === 0 && !devLogin && !triedInVain) {
    const hint = values.DEV_LOGIN === undefined && loopback
      ? `. The development login is off too, because other machines can connect to HOST=${values.HOST}: set DEV_LOGIN=auto if you ` +
        'publish the port on this machine alone'
      : ''
    reader.problem('GOOGLE_CLIENT_ID', `is missing, and no other provider is configured: no user could sign in${hint}`, known['google']?.clientIdExample)
  }
  if (reader.isSet('REDIS_URL') && !reader.isSet('SECRET')) {
    reader.problem('SECRET', 'is required with REDIS_URL: replicas share one secret', variables.SECRET.example)
  }
  const throughProxy = proxy ?? otherProxy
  if (throughProxy) warnings.push(`calls to providers go through the proxy ${throughProxy.address}: which addresses they may lead to is its decision`)
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    warnings.push('NODE_TLS_REJECT_UNAUTHORIZED=0 is not obeyed: certificates are checked. Name your own authority with NODE_EXTRA_CA_CERTS')
  }
  if (values.SECRET?.some(secret => new Set(secret).size < 8)) warnings.push('SECRET repeats a few characters: make one with openssl rand -hex 32')
  if (!reader.isSet('PUBLIC_URL') && values.PORT === 0) {
    warnings.push('PORT=0 takes any free port, and PUBLIC_URL is not set: browsers cannot be sent to the right address')
  }

  if (Number(values.TOKEN_TTL) <= backdatedSeconds) {
    warnings.push(`TOKEN_TTL is ${backdatedSeconds}s or less: tokens are dated back by ${backdatedSeconds} seconds, so they are over when they are issued`)
  }

  for (const origin of values.ALLOWED_ORIGINS ?? []) {
    if (secure && origin.startsWith('http:') && !isLoopbackHost(new URL(origin).hostname)) {
      reader.problem('ALLOWED_ORIGINS', `"${origin}" must be https as PUBLIC_URL is`, variables.ALLOWED_ORIGINS.example)
    }
  }
  const host = new URL(publicUrl).hostname
  if (values.COOKIE_DOMAIN && !(secure && (host === values.COOKIE_DOMAIN || host.endsWith(`.${values.COOKIE_DOMAIN}`)))) {
    reader.problem('COOKIE_DOMAIN', 'must be the host of an https PUBLIC_URL or a parent of it', variables.COOKIE_DOMAIN.example)
  }
  for (const claim of Object.keys(values.TOKEN_CLAIMS ?? {})) {
    if (reservedClaims.has(claim)) reader.problem('TOKEN_CLAIMS', `may not replace the claim ${claim}`, variables.TOKEN_CLAIMS.example)
  }
  if (JSON.stringify(values.TOKEN_CLAIMS ?? {}).length > 1500) {
    reader.problem('TOKEN_CLAIMS', 'must be at most 1,500 characters: a token has 3,500', variables.TOKEN_CLAIMS.example)
  }

  const emailList = (name: 'ALLOWED_EMAILS' | 'BLOCKED_EMAILS') => values[name]?.map(email => {
    const canonical = canonicalEmail(email)
    if (!canonical) reader.problem(name, `"${email}" is not an email address`, variables[name].example)
    return canonical ?? email
  })
  const allowed = emailList('ALLOWED_EMAILS')
  const emails: EmailRules = {
    ...(allowed && { allowed }),
    ...(values.ALLOWED_EMAIL_DOMAINS && { allowedDomains: values.ALLOWED_EMAIL_DOMAINS }),
    blocked: emailList('BLOCKED_EMAILS') ?? []
  }
  warnings.push(...vouchingWarnings(providers, emails))

  warnings.push(...otherSiteWarnings(publicUrl, values.ALLOWED_ORIGINS ?? []))
  const returnTo: ReturnToRules = { publicUrl, allowedOrigins: values.ALLOWED_ORIGINS ?? [], fallback: '/auth/account' }
  const fallback = loadReturnTo(values.DEFAULT_RETURN_TO ?? returnTo.fallback, returnTo)
  if (!fallback) {
    reader.problem('DEFAULT_RETURN_TO', 'must be a path of ours or a URL whose origin ALLOWED_ORIGINS lists', variables.DEFAULT_RETURN_TO.example)
  }

  if (!fallback || reader.problems.length > 0) throw new ConfigError(reader.problems)

  const [audience = publicUrl, ...audiences] = values.TOKEN_AUDIENCE ?? []
  return {
    publicUrl,
    secure,
    loopback,
    ...(throughProxy && { proxying: { proxy: throughProxy, ...(except && { except }) } }),
    lookupThreads: Math.min(2, Math.floor((Number(env['UV_THREADPOOL_SIZE'] ?? 4) || 1) / 2)),
    listen: { host: values.HOST, port: values.PORT },
    ...(values.SECRET && { secrets: values.SECRET }),
    dataDir: values.DATA_DIR,
    ...(values.REDIS_URL && { redisUrl: values.REDIS_URL }),
    returnTo: { ...returnTo, fallback },
    providers,
    devLogin,
    recheckMembership: values.RECHECK_MEMBERSHIP,
    emails,
    token: {
      audience: audiences.length === 0 ? audience : [audience, ...audiences],
      ttlSeconds: values.TOKEN_TTL,
      claims: values.TOKEN_CLAIMS,
      typ: values.TOKEN_TYP,
      status: values.TOKEN_STATUS
    },
    signingAlg: values.SIGNING_ALG,
    keyRotationSeconds: values.KEY_ROTATION,
    sessionIdleSeconds: values.SESSION_IDLE_TTL,
    sessionMaxSeconds: values.SESSION_MAX_TTL,
    sessionsPerPerson: values.SESSIONS_PER_PERSON,
    ...(values.COOKIE_DOMAIN && { cookieDomain: values.COOKIE_DOMAIN }),
    trustProxy: values.TRUST_PROXY ?? [],
    rateLimit: values.RATE_LIMIT,
    keepAliveSeconds: values.KEEP_ALIVE,
    workers: values.WORKERS,
    logLevel: values.LOG_LEVEL,
    warnings
  }
}
