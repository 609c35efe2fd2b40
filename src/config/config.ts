import { loadReturnTo, type ReturnToRules } from '../login/return-to.ts'
import { canonicalEmail, type EmailRules } from '../login/email-policy.ts'
import { reservedClaims } from '../tokens/claims.ts'
import { ConfigError, EnvironmentReader, type Environment } from './environment.ts'
import { isLoopbackHost } from './values.ts'
import { oidcVariables, variables } from './variables.ts'

export type SigningAlg = 'RS256' | 'ES256' | 'EdDSA'

/** One configured provider; which descriptor it gets is for the catalogue to say. */
export interface ProviderSettings {
  id: string
  clientId: string
  clientSecret: string
  scopes: string[]
  /** Set where the operator named an issuer: discovery is then used. */
  issuer?: string
  name?: string
  /** Only emails of these domains are accepted from this provider. */
  emailDomains?: string[]
  /** Only these hosted domains (Google Workspace). */
  hostedDomains?: string[]
}

/** The whole configuration, in our words and units. */
export interface Config {
  publicUrl: string
  /** PUBLIC_URL is https: cookies are Secure and carry their prefix. */
  secure: boolean
  /** PUBLIC_URL is loopback: the dev login and http providers are possible. */
  loopback: boolean
  listen: { host: string, port: number }
  /** Newest first; absent: made and kept in dataDir. */
  secrets?: string[]
  dataDir: string
  redisUrl?: string
  returnTo: ReturnToRules
  providers: ProviderSettings[]
  devLogin: boolean
  emails: EmailRules
  token: {
    audience: string | string[]
    ttlSeconds: number
    claims: Record<string, unknown>
    typ: 'JWT' | 'at+jwt'
  }
  signingAlg: SigningAlg
  sessionMaxSeconds: number
  cookieDomain?: string
  trustProxy: string[]
  rateLimit: number
  logLevel: string
  /** Nothing wrong, but an operator should know. */
  warnings: string[]
}

/**
 * Reads and checks the environment.
 * @throws ConfigError with every problem at once
 */
export function loadConfig (env: Environment, readFile?: (path: string) => string): Config {
  const reader = new EnvironmentReader(env, readFile)
  const values = reader.all(variables)
  const publicUrl = values.PUBLIC_URL ?? 'http://localhost'
  const loopback = isLoopbackHost(new URL(publicUrl).hostname)
  const secure = publicUrl.startsWith('https:')
  const warnings: string[] = []

  const issuerRule = (name: string, issuer: string | undefined) => {
    if (!issuer) return
    const url = new URL(issuer)
    if (url.protocol === 'http:' && !(loopback && isLoopbackHost(url.hostname))) {
      reader.problem(name, 'must be https: http is for an issuer and a PUBLIC_URL that are both loopback')
    }
  }

  const scopesRule = (name: string, scopes: string[] | undefined) => {
    if (scopes && !scopes.includes('openid')) reader.problem(name, 'must contain openid', 'openid,email')
  }

  const providers: ProviderSettings[] = []
  if (reader.isSet('GOOGLE_CLIENT_ID') !== reader.isSet('GOOGLE_CLIENT_SECRET')) {
    const [present, missing] = reader.isSet('GOOGLE_CLIENT_ID')
      ? ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'] as const
      : ['GOOGLE_CLIENT_SECRET', 'GOOGLE_CLIENT_ID'] as const
    reader.problem(missing, `is missing: ${present} is set, and Google needs both`, variables[missing].example)
  }
  if (values.GOOGLE_CLIENT_ID && values.GOOGLE_CLIENT_SECRET) {
    issuerRule('GOOGLE_ISSUER', values.GOOGLE_ISSUER)
    scopesRule('GOOGLE_SCOPES', values.GOOGLE_SCOPES)
    providers.push({
      id: 'google',
      clientId: values.GOOGLE_CLIENT_ID,
      clientSecret: values.GOOGLE_CLIENT_SECRET,
      scopes: values.GOOGLE_SCOPES ?? [],
      ...(values.GOOGLE_ISSUER && values.GOOGLE_ISSUER !== variables.GOOGLE_ISSUER.default && { issuer: values.GOOGLE_ISSUER }),
      ...(values.GOOGLE_HD && { hostedDomains: values.GOOGLE_HD })
    })
  } else if (!reader.isSet('GOOGLE_CLIENT_ID') && (reader.isSet('GOOGLE_ISSUER') || reader.isSet('GOOGLE_HD'))) {
    reader.problem('GOOGLE_CLIENT_ID', 'is missing: other GOOGLE_ variables are set', variables.GOOGLE_CLIENT_ID.example)
  }

  for (const id of values.OIDC_PROVIDERS ?? []) {
    const prefix = `OIDC_${id.toUpperCase()}_`
    const own = reader.all(oidcVariables, prefix)
    for (const name of ['ISSUER', 'CLIENT_ID', 'CLIENT_SECRET'] as const) {
      if (!reader.isSet(prefix + name)) reader.problem(prefix + name, `is missing: OIDC_PROVIDERS lists ${id}`, oidcVariables[name].example)
    }
    issuerRule(`${prefix}ISSUER`, own.ISSUER)
    if (!own.ISSUER || !own.CLIENT_ID || !own.CLIENT_SECRET) continue
    scopesRule(`${prefix}SCOPES`, own.SCOPES)
    providers.push({
      id,
      clientId: own.CLIENT_ID,
      clientSecret: own.CLIENT_SECRET,
      scopes: own.SCOPES ?? [],
      issuer: own.ISSUER,
      name: own.NAME ?? id,
      ...(own.EMAIL_DOMAINS && { emailDomains: own.EMAIL_DOMAINS })
    })
  }
  reader.reportUnknown()

  const unlisted = providers.filter(({ id, emailDomains }) => id !== 'google' && !emailDomains)
  if (providers.length > 1) {
    for (const { id } of unlisted) {
      warnings.push(`OIDC_${id.toUpperCase()}_EMAIL_DOMAINS is not set: ${id} may assert the email of anyone, also of users of other providers`)
    }
  }

  const devLogin = values.DEV_LOGIN ?? (providers.length === 0 && loopback)
  if (devLogin && !loopback) reader.problem('DEV_LOGIN', 'lets anyone be anyone: only for a loopback PUBLIC_URL')
  if (providers.length === 0 && !devLogin && !reader.problems.some(({ variable }) => /^(GOOGLE|OIDC)_/.test(variable))) {
    reader.problem('GOOGLE_CLIENT_ID', 'no provider is configured: nobody could sign in', variables.GOOGLE_CLIENT_ID.example)
  }
  if (reader.isSet('REDIS_URL') && !reader.isSet('SECRET')) {
    reader.problem('SECRET', 'is required with REDIS_URL: replicas share one secret', variables.SECRET.example)
  }
  if (env['PUBLIC_URL'] === undefined && values.PORT !== undefined && values.PORT !== 3000) {
    warnings.push(`PUBLIC_URL is not set: browsers are sent to ${publicUrl} although the port is ${values.PORT}`)
  }

  for (const origin of values.ALLOWED_ORIGINS ?? []) {
    if (secure && origin.startsWith('http:') && !isLoopbackHost(new URL(origin).hostname)) {
      reader.problem('ALLOWED_ORIGINS', `"${origin}" must be https as PUBLIC_URL is`, variables.ALLOWED_ORIGINS.example)
    }
  }
  const host = new URL(publicUrl).hostname
  if (values.COOKIE_DOMAIN && !(secure && (host === values.COOKIE_DOMAIN || host.endsWith(`.${values.COOKIE_DOMAIN}`)))) {
    reader.problem('COOKIE_DOMAIN', 'must be the host of an https PUBLIC_URL or a parent of it')
  }
  for (const claim of Object.keys(values.TOKEN_CLAIMS ?? {})) {
    if (reservedClaims.has(claim)) reader.problem('TOKEN_CLAIMS', `may not replace the claim ${claim}`, variables.TOKEN_CLAIMS.example)
  }
  if (JSON.stringify(values.TOKEN_CLAIMS ?? {}).length > 1500) reader.problem('TOKEN_CLAIMS', 'must be at most 1,500 characters: a token has 3,500')

  const emailList = (name: 'ALLOWED_EMAILS' | 'BLOCKED_EMAILS') => values[name]?.map(email => {
    const canonical = canonicalEmail(email)
    if (!canonical) reader.problem(name, `"${email}" is not an email address`, variables[name].example)
    return canonical ?? email
  })
  const allowed = emailList('ALLOWED_EMAILS')
  const blocked = emailList('BLOCKED_EMAILS')

  const returnTo: ReturnToRules = { publicUrl, allowedOrigins: values.ALLOWED_ORIGINS ?? [], fallback: '/auth/account' }
  const fallback = loadReturnTo(values.DEFAULT_RETURN_TO ?? returnTo.fallback, returnTo)
  if (!fallback) {
    reader.problem('DEFAULT_RETURN_TO', 'must be a path of ours or a URL whose origin ALLOWED_ORIGINS lists', variables.DEFAULT_RETURN_TO.example)
  }

  if (reader.problems.length > 0) throw new ConfigError(reader.problems)

  const audiences = values.TOKEN_AUDIENCE ?? [publicUrl]
  return {
    publicUrl,
    secure,
    loopback,
    listen: { host: values.HOST ?? 'localhost', port: values.PORT ?? 3000 },
    ...(values.SECRET && { secrets: values.SECRET }),
    dataDir: values.DATA_DIR ?? './data',
    ...(values.REDIS_URL && { redisUrl: values.REDIS_URL }),
    returnTo: { ...returnTo, fallback: fallback ?? returnTo.fallback },
    providers,
    devLogin,
    emails: {
      ...(allowed && { allowed }),
      ...(values.ALLOWED_EMAIL_DOMAINS && { allowedDomains: values.ALLOWED_EMAIL_DOMAINS }),
      blocked: blocked ?? []
    },
    token: {
      audience: audiences.length === 1 && audiences[0] ? audiences[0] : audiences,
      ttlSeconds: values.TOKEN_TTL ?? 600,
      claims: values.TOKEN_CLAIMS ?? {},
      typ: values.TOKEN_TYP ?? 'JWT'
    },
    signingAlg: values.SIGNING_ALG ?? 'RS256',
    sessionMaxSeconds: values.SESSION_MAX_TTL ?? 30 * 86_400,
    ...(values.COOKIE_DOMAIN && { cookieDomain: values.COOKIE_DOMAIN }),
    trustProxy: values.TRUST_PROXY ?? [],
    rateLimit: values.RATE_LIMIT ?? 300,
    logLevel: values.LOG_LEVEL ?? 'info',
    warnings
  }
}
