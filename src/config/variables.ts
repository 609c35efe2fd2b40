import { maxTokenSeconds } from '../tokens/claims.ts'
import { redisAddress } from '../stores/redis/address.ts'
import * as read from '../env/values.ts'
import { variable, type Variables } from '../env/variable.ts'

/** Every variable Handstamp reads, except those of providers (providers/setup/read.ts). */
export const variables = {
  PUBLIC_URL: variable({
    description: 'Origin that browsers see, and the issuer of the tokens. https unless the host is loopback; no path',
    example: 'https://auth.example.com',
    otherwise: '`http://localhost:$PORT`',
    read: read.publicOrigin
  }),
  HOST: variable({
    description: 'Address to listen on (`0.0.0.0` in the image)',
    example: '0.0.0.0',
    default: 'localhost',
    read: read.listenHost
  }),
  PORT: variable({
    description: 'Port to listen on',
    example: '3000',
    default: '3000',
    read: read.integer(0, 65_535)
  }),
  SECRET: variable({
    description: '32 characters or more; several, comma separated, newest first, to rotate (`openssl rand -hex 32` makes one). Required with `REDIS_URL`',
    example: '$(openssl rand -hex 32)',
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
    description: 'Redis or Valkey instead of the embedded store, for replicas: `redis://user:password@host:6379/0`, `rediss://` for TLS',
    example: 'redis://localhost:6379',
    otherwise: 'the embedded store',
    secret: true,
    read: (value: string) => {
      redisAddress(value)
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
  ALLOWED_EMAILS: variable({
    description: 'Emails that may sign in, besides `ALLOWED_EMAIL_DOMAINS`',
    example: 'ada@example.com',
    otherwise: 'everyone with a verified email',
    restricts: true,
    read: read.list
  }),
  ALLOWED_EMAIL_DOMAINS: variable({
    description: 'Email domains that may sign in, by providers that speak for them (`<ID>_VOUCHES_FOR`); ' +
      '`.example.com` stands for sub-domains',
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
  RECHECK_MEMBERSHIP: variable({
    description: 'Check organisations, groups and guilds (`GITHUB_ORGS` and the like) again at every refresh; keeps the provider\'s token, sealed',
    example: 'true',
    default: 'false',
    read: read.onOff
  }),
  TOKEN_AUDIENCE: variable({
    description: '`aud` of the tokens; several, comma separated, make an array',
    example: 'https://api.example.com',
    otherwise: '`PUBLIC_URL`',
    read: read.list
  }),
  TOKEN_TTL: variable({
    description: 'How long an access token lives, at most `1d`',
    example: '10m',
    default: '10m',
    read: read.duration(1, maxTokenSeconds)
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
  TOKEN_STATUS: variable({
    description: 'Tokens name their place in a status list that tells verifiers of ended sessions',
    example: 'true',
    default: 'false',
    read: read.onOff
  }),
  SIGNING_ALG: variable({
    description: '`RS256`, `ES256` or `EdDSA`; RS256 is the one that every gateway accepts',
    example: 'ES256',
    default: 'RS256',
    read: read.oneOf('RS256', 'ES256', 'EdDSA')
  }),
  KEY_ROTATION: variable({
    description: 'How long a key signs before the next one takes over, `1d` to `365d`',
    example: '90d',
    default: '90d',
    read: read.duration(86_400, 365 * 86_400)
  }),
  SESSION_IDLE_TTL: variable({
    description: 'A session that is not refreshed for so long ends; at most `14d`',
    example: '14d',
    default: '14d',
    read: read.duration(1, 14 * 86_400)
  }),
  SESSION_MAX_TTL: variable({
    description: 'Absolute end of a session: no refresh moves it; at most `30d`',
    example: '30d',
    default: '30d',
    read: read.duration(1, 30 * 86_400)
  }),
  SESSIONS_PER_PERSON: variable({
    description: 'Sessions one person may have at a time, over all browsers and devices: when one more begins, the oldest ends',
    example: '100',
    default: '100',
    read: read.integer(1, 1_000)
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
    description: 'Requests a minute and address, counted apart for login starts, callbacks, and refresh and logout; `0` turns it off',
    example: '300',
    default: '300',
    read: read.integer(0, 100_000_000)
  }),
  KEEP_ALIVE: variable({
    description: 'How long an idle connection stays open, `1s` to `1h`; longer than the proxy in front keeps its own',
    example: '75s',
    default: '75s',
    read: read.duration(1, 3_600)
  }),
  WORKERS: variable({
    description: 'Processes that share the port, to use several cores; limits, sessions and sign-outs hold across them',
    example: '2',
    default: '1',
    read: read.integer(1, 64)
  }),
  LOG_LEVEL: variable({
    description: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
    example: 'info',
    default: 'info',
    read: read.oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')
  }),
  DEV_LOGIN: variable({
    description: 'Provider `dev`: type any email, believed as typed. `auto`: on with no provider and a loopback `PUBLIC_URL`, whatever `HOST` is. ' +
      '`true` refuses to start unless `PUBLIC_URL` is loopback',
    example: 'true',
    otherwise: 'on if no provider is configured and both `PUBLIC_URL` and `HOST` are loopback',
    read: read.oneOf('true', 'false', 'auto')
  })
} satisfies Variables

/** Variables of the interface that this version does not know yet: set, they are a problem rather than ignored. */
export const reserved: Record<string, string> = {
  CLIENTS: 'registered clients',
  METRICS_PORT: 'metrics'
}
