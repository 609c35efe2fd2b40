import t, { type Test } from 'tap'
import { checkCommand } from '../../src/commands/check.ts'
import { serveCommand } from '../../src/commands/serve.ts'
import type { Environment } from '../../src/env/environment.ts'

/** What the command prints, and its exit code. */
async function check (t: Test, env: Environment) {
  const [stdout, stderr] = [t.capture(process.stdout, 'write', () => true), t.capture(process.stderr, 'write', () => true)]
  const code = checkCommand(env)
  const [out, error] = [stdout, stderr].map(captured => captured.args().flat().join(''))
  stdout.restore()
  stderr.restore()
  return { code: await code, out, error }
}

const live = {
  PUBLIC_URL: 'https://auth.example.com',
  SECRET: '0123456789abcdef0123456789abcdef',
  REDIS_URL: 'rediss://operator:redis-password@redis.example.com:6379',
  GOOGLE_CLIENT_ID: 'google-id',
  GOOGLE_CLIENT_SECRET: 'google-secret',
  OIDC_PROVIDERS: 'acme',
  OIDC_ACME_ISSUER: 'https://login.example.com',
  OIDC_ACME_CLIENT_ID: 'acme-id',
  OIDC_ACME_CLIENT_SECRET: 'acme-secret',
  ALLOWED_EMAILS: 'ada@example.com',
  ALLOWED_EMAIL_DOMAINS: 'example.org',
  TOKEN_AUDIENCE: 'api,web',
  BLOCKED_EMAILS: 'mallory@example.com',
  TOKEN_CLAIMS: '{"role":"authenticated"}',
  TOKEN_STATUS: 'true',
  COOKIE_DOMAIN: 'example.com',
  TRUST_PROXY: '10.0.0.0/8',
  RATE_LIMIT: '0',
  DEFAULT_RETURN_TO: '/welcome'
}

t.test('check prints the configuration with the callback URL of each provider, and no secret', async t => {
  const { code, out, error } = await check(t, live)
  t.equal(code, 0)
  t.equal(error, '')
  for (const text of ['https://auth.example.com/auth/google/callback', 'https://auth.example.com/auth/acme/callback', 'redis.example.com:6379',
    'ada@example.com, *@example.org', 'mallory@example.com', 'role: "authenticated"', 'https://auth.example.com/.well-known/token-status/0',
    'example.com and its sub-domains', '10.0.0.0/8', /rate limit +none/, '/welcome', /log +info/, 'api, web', 'RS256', 'given (1)', 'https://auth.example.com/.well-known/jwks.json', 'Warning: OIDC_ACME_EMAIL_DOMAINS',
    /Warning: acme lets nobody of example\.org in: .*: OIDC_ACME_VOUCHES_FOR=example\.org\n/]) {
    t.match(out, text)
  }
  t.match(out, /redis at redis\.example\.com:6379, database 0, by TLS\n/)
  t.match((await check(t, { ...live, REDIS_URL: 'redis://redis.example.com/2' })).out, /redis at redis\.example\.com:6379, database 2\n/)
  t.notMatch(out, /0123456789abcdef|redis-password|google-secret|acme-secret/)
})

t.test('check prints the proxy for calls to providers without its credentials', async t => {
  const proxied = await check(t, { HTTPS_PROXY: 'http://me:proxy-password@proxy.example.com:3128', NO_PROXY: '.corp.example.com' })
  t.match(proxied.out, /providers by +the proxy http:\/\/proxy\.example\.com:3128, with credentials\n +except +\.corp\.example\.com/)
  t.match(proxied.out, 'Warning: calls to providers go through the proxy')
  t.notMatch(proxied.out, /proxy-password/)
  t.match((await check(t, { http_proxy: 'proxy.example.com:3128' })).out, /the proxy http:\/\/proxy\.example\.com:3128\n/)
})

t.test('check prints what goes without saying too', async t => {
  const { code, out } = await check(t, {})
  t.equal(code, 0)
  for (const text of ['http://localhost:3000/auth/dev/callback', 'embedded in ./data', 'kept in ./data', 'everyone with a verified email', 'live 10m', 'localhost:3000',
    'no proxy', '300 a minute and address', '/auth/account']) {
    t.match(out, text)
  }
  t.match((await check(t, { ALLOWED_EMAIL_DOMAINS: 'example.com' })).out, / {2}\*@example\.com\n/)
  t.match((await check(t, { ALLOWED_EMAILS: 'ada@example.com' })).out, / {2}ada@example\.com\n/)
  t.match((await check(t, { TOKEN_TTL: '90s' })).out, 'live 90s')
})

t.test('what is no problem of the configuration is not told as one', async t => {
  const odd = Object.defineProperty({}, 'PORT', { enumerable: true, get () { throw new Error('odd') } })
  await t.rejects(checkCommand(odd), { message: 'odd' })
  await t.rejects(serveCommand(odd), { message: 'odd' })
})

t.test('check tells every problem, with exit code 1', async t => {
  const { code, out, error } = await check(t, { ...live, PORT: 'x', TOKEN_TTL: 'x', GOOGLE_CLIENT_SECRET: '' })
  t.equal(code, 1)
  t.equal(out, '')
  t.match(error, /3 problems[^]*PORT[^]*TOKEN_TTL[^]*GOOGLE_CLIENT_SECRET is missing/)
  t.match((await check(t, { PORT: 'x' })).error, 'one problem')
  t.match((await check(t, { PUBLIC_URI: 'x' })).error, /PUBLIC_URI is not .*did you mean PUBLIC_URL\?\n$/, 'an example only where there is one')
})
