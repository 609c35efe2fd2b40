import * as read from './values.ts'

/** One environment variable: what it means and how its text becomes a value. */
export interface Variable<Value = unknown> {
  description: string
  /** A value that would be accepted: shown with a problem and in .env.example. */
  example: string
  read: (text: string) => Value
  /** The text that stands in for an absent variable. */
  default?: string
  /** How the table names a default that is not a text. */
  otherwise?: string
  /** May come as NAME_FILE, is never printed. */
  secret?: true
  /** A restriction: set but empty is a problem, never "no restriction". */
  restricts?: true
}

const variable = <Value>(definition: Variable<Value>): Variable<Value> => definition

/** Every variable Handstamp reads, except those of configured providers (below). */
export const variables = {
  PUBLIC_URL: variable({
    description: 'Origin that browsers see, and the issuer of the tokens. https unless the host is loopback; no path',
    example: 'https://auth.example.com',
    default: 'http://localhost:3000',
    read: read.publicOrigin
  }),
  HOST: variable({
    description: 'Address to listen on (`0.0.0.0` in the image)',
    example: '0.0.0.0',
    default: 'localhost',
    read: read.text
  }),
  PORT: variable({
    description: 'Port to listen on',
    example: '3000',
    default: '3000',
    read: read.integer(0, 65_535)
  }),
  SECRET: variable({
    description: '32 characters or more; several, comma separated, newest first, to rotate. Required with `REDIS_URL`',
    example: 'the output of: openssl rand -hex 32',
    otherwise: 'made and kept in `DATA_DIR`',
    secret: true,
    read: read.secrets
  }),
  DATA_DIR: variable({
    description: 'Folder of the embedded store: keys, sessions and the made secret',
    example: '/var/lib/handstamp',
    default: './data',
    read: read.text
  }),
  REDIS_URL: variable({
    description: 'Redis or Valkey instead of the embedded store, for replicas',
    example: 'redis://localhost:6379',
    otherwise: 'the embedded store',
    secret: true,
    read: (value: string) => {
      if (!/^rediss?:\/\/./.test(value) || !URL.canParse(value)) throw new Error('must be a redis:// or rediss:// URL')
      return value
    }
  }),
  ALLOWED_ORIGINS: variable({
    description: 'Exact origins that may be a `return_to`, call with credentials (CORS) and post (CSRF); ' +
      '`https://*.example.com` allows one label, for `return_to` only',
    example: 'https://app.example.com,https://*.preview.example.com',
    otherwise: 'our own origin alone',
    read: read.origins
  }),
  DEFAULT_RETURN_TO: variable({
    description: 'Where a login without a `return_to` ends',
    example: 'https://app.example.com/welcome',
    default: '/auth/account',
    read: read.text
  }),
  GOOGLE_CLIENT_ID: variable({
    description: 'OAuth client id of the Google Cloud console; needs `GOOGLE_CLIENT_SECRET`',
    example: '1234567890-abc.apps.googleusercontent.com',
    otherwise: 'Google is off',
    read: read.credential
  }),
  GOOGLE_CLIENT_SECRET: variable({
    description: 'Its client secret',
    example: 'GOCSPX-…',
    otherwise: 'Google is off',
    secret: true,
    read: read.credential
  }),
  GOOGLE_SCOPES: variable({
    description: 'Scopes to ask Google for',
    example: 'openid,email',
    default: 'openid,email,profile',
    read: read.list
  }),
  GOOGLE_ISSUER: variable({
    description: 'Another issuer in place of Google (discovery is then used); http only if it and `PUBLIC_URL` are loopback',
    example: 'http://localhost:9000',
    default: 'https://accounts.google.com',
    read: (value: string) => { read.httpUrl(value); return value }
  }),
  GOOGLE_HD: variable({
    description: 'Only these Google Workspace domains, checked on the `hd` claim',
    example: 'example.com',
    otherwise: 'any account',
    restricts: true,
    read: read.domains
  }),
  OIDC_PROVIDERS: variable({
    description: 'Ids of further OpenID providers, each with the variables below',
    example: 'acme,partner',
    otherwise: 'none',
    read: read.providerIds
  }),
  ALLOWED_EMAILS: variable({
    description: 'Emails that may sign in, besides `ALLOWED_EMAIL_DOMAINS`',
    example: 'ada@example.com',
    otherwise: 'everyone with a verified email',
    restricts: true,
    read: read.list
  }),
  ALLOWED_EMAIL_DOMAINS: variable({
    description: 'Email domains that may sign in; `.example.com` stands for its sub-domains',
    example: 'example.com',
    otherwise: 'everyone with a verified email',
    restricts: true,
    read: read.domains
  }),
  BLOCKED_EMAILS: variable({
    description: 'Emails that may not sign in, whatever else allows them',
    example: 'mallory@example.com',
    otherwise: 'nobody',
    restricts: true,
    read: read.list
  }),
  TOKEN_AUDIENCE: variable({
    description: '`aud` of the tokens; several, comma separated, make an array',
    example: 'https://api.example.com',
    otherwise: '`PUBLIC_URL`',
    read: read.list
  }),
  TOKEN_TTL: variable({
    description: 'How long an access token lives',
    example: '10m',
    default: '10m',
    read: read.duration(1, 86_400)
  }),
  TOKEN_CLAIMS: variable({
    description: 'Static claims for every token, a JSON object; may not replace ours',
    example: '{"role":"authenticated"}',
    default: '{}',
    read: read.jsonObject
  }),
  TOKEN_TYP: variable({
    description: '`typ` header of the tokens: `JWT`, or `at+jwt` for RFC 9068',
    example: 'at+jwt',
    default: 'JWT',
    read: read.oneOf('JWT', 'at+jwt')
  }),
  SIGNING_ALG: variable({
    description: '`RS256`, `ES256` or `EdDSA`; RS256 is the one that every gateway accepts',
    example: 'ES256',
    default: 'RS256',
    read: read.oneOf('RS256', 'ES256', 'EdDSA')
  }),
  SESSION_MAX_TTL: variable({
    description: 'Absolute end of a session',
    example: '30d',
    default: '30d',
    read: read.duration(1, 365 * 86_400)
  }),
  COOKIE_DOMAIN: variable({
    description: 'Share the access cookie with the sub-domains of this domain',
    example: 'example.com',
    otherwise: 'this host alone',
    read: (value: string) => {
      const [domain, more] = read.domains(value)
      if (!domain || more || !domain.includes('.', 1)) throw new Error('must be one domain such as example.com')
      return domain.replace(/^\./, '')
    }
  }),
  TRUST_PROXY: variable({
    description: 'Networks of the proxies in front, as CIDRs, or `loopback`',
    example: '10.0.0.0/8',
    otherwise: 'nobody',
    read: read.proxies
  }),
  RATE_LIMIT: variable({
    description: 'Requests a minute and address, counted apart for login starts, callbacks and token routes; `0` turns it off',
    example: '300',
    default: '300',
    read: read.integer(0, 100_000_000)
  }),
  LOG_LEVEL: variable({
    description: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
    example: 'info',
    default: 'info',
    read: read.oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')
  }),
  DEV_LOGIN: variable({
    description: 'Provider `dev`: type any email. Refuses to start unless `PUBLIC_URL` is loopback',
    example: 'true',
    otherwise: 'on if no provider is configured and `PUBLIC_URL` is loopback',
    read: read.onOff
  })
} satisfies Record<string, Variable>

/** The variables of each id in OIDC_PROVIDERS, as `OIDC_<ID>_<NAME>`. */
export const oidcVariables = {
  ISSUER: variable({
    description: 'Issuer, exactly as the provider writes it; http only if it and `PUBLIC_URL` are loopback',
    example: 'https://login.example.com',
    read: (value: string) => { read.httpUrl(value); return value }
  }),
  CLIENT_ID: variable({
    description: 'Client id registered there',
    example: 'handstamp',
    read: read.credential
  }),
  CLIENT_SECRET: variable({
    description: 'Its client secret',
    example: 's3cr3t…',
    secret: true,
    read: read.credential
  }),
  NAME: variable({
    description: 'Name on the sign-in page',
    example: 'Acme',
    otherwise: 'the id',
    read: read.text
  }),
  SCOPES: variable({
    description: 'Scopes to ask for; `openid` and `email` belong in it',
    example: 'openid,email',
    default: 'openid,email,profile',
    read: read.list
  }),
  EMAIL_DOMAINS: variable({
    description: 'Only emails of these domains are accepted from this provider',
    example: 'example.com',
    otherwise: 'any domain',
    restricts: true,
    read: read.domains
  })
} satisfies Record<string, Variable>

/** Variables of the interface that this version does not know yet: set, they are a problem rather than ignored. */
export const reserved: Record<string, string> = {
  OAUTH2_PROVIDERS: 'generic OAuth 2 providers',
  OAUTH1_PROVIDERS: 'OAuth 1.0a providers',
  CLIENTS: 'registered clients',
  TOKEN_STATUS: 'the token status list',
  KEY_ROTATION: 'automatic key rotation',
  SESSION_IDLE_TTL: 'sessions that outlive their access token',
  METRICS_PORT: 'metrics'
}
