import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig, type Config } from '../../src/config/config.ts'
import { ConfigError, type Environment, type Problem } from '../../src/env/environment.ts'
import { reserved, variables } from '../../src/config/variables.ts'
import { reservedClaims } from '../../src/tokens/claims.ts'
import { temporaryFolder } from '../helpers/app.ts'

const google = { GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret' }
const acme = { OIDC_PROVIDERS: 'acme', OIDC_ACME_ISSUER: 'https://login.example.com', OIDC_ACME_CLIENT_ID: 'id', OIDC_ACME_CLIENT_SECRET: 'secret' }
const secret = '0123456789abcdef0123456789abcdef'
const live = { PUBLIC_URL: 'https://auth.example.com', ...google }

/** Everything that is wrong with an environment. */
function problems (env: Environment): Problem[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const variablesOf = (env: Environment): string[] => problems(env).map(({ variable }) => variable)

/** Asserts that each value of a variable is its one problem. */
function assertBad (t: Test, variable: string, values: string[], env: Environment = {}, reason: RegExp = /./) {
  for (const value of values) {
    const [problem, ...more] = problems({ ...env, [variable]: value })
    t.equal(problem?.variable, variable, `${variable}=${value}`)
    t.match(problem?.reason, reason, `${variable}=${value}`)
    t.same(more, [], `${variable}=${value}`)
  }
}

function assertGood<Value> (t: Test, variable: string, values: Array<[text: string, value: Value]>, pick: (config: Config) => Value,
  env: Environment = {}) {
  for (const [text, value] of values) t.same(pick(loadConfig({ ...env, [variable]: text })), value, `${variable}=${text}`)
}

t.test('nothing needs to be configured on one\'s own machine', async t => {
  t.same(problems({}), [])
  t.match(loadConfig({}), {
    publicUrl: 'http://localhost:3000',
    secure: false,
    devLogin: true,
    listen: { host: 'localhost', port: 3000 },
    rateLimit: 300,
    logLevel: 'info'
  })
})

t.test('R78 an empty variable is an absent one, unless it restricts who may sign in', async t => {
  t.same(problems({
    PUBLIC_URL: '',
    PORT: '',
    SECRET: '',
    GOOGLE_CLIENT_ID: '',
    ALLOWED_ORIGINS: '',
    TOKEN_TTL: '',
    TRUST_PROXY: '',
    UNKNOWN: '',
    OIDC_X_ISSUER: ''
  }), [])
  for (const variable of ['ALLOWED_EMAILS', 'ALLOWED_EMAIL_DOMAINS', 'BLOCKED_EMAILS']) assertBad(t, variable, [''], {}, /empty/)
  assertBad(t, 'GOOGLE_HD', [''], google, /empty/)
  assertBad(t, 'OIDC_ACME_EMAIL_DOMAINS', [''], acme, /empty/)
})

t.test('R78 all problems are told at once, each with its variable, the reason and an example that would do', async t => {
  const found = problems({
    PUBLIC_URL: 'auth.example.com',
    PORT: 'http',
    SECRET: 'too-short-to-be-good',
    ALLOWED_ORIGINS: '*',
    GOOGLE_CLIENT_ID: 'id',
    OIDC_PROVIDERS: 'acme',
    OIDC_ACME_ISSUER: 'nowhere',
    TOKEN_TTL: 'soon',
    TRUST_PROXY: 'true',
    PUBLIC_URI: 'x',
    OIDC_OTHER_ISSUER: 'x'
  })
  t.same(found.map(({ variable }) => variable).sort(), [
    'ALLOWED_ORIGINS', 'GOOGLE_CLIENT_SECRET', 'OIDC_ACME_CLIENT_ID', 'OIDC_ACME_CLIENT_SECRET', 'OIDC_ACME_ISSUER', 'OIDC_OTHER_ISSUER',
    'PORT', 'PUBLIC_URI', 'PUBLIC_URL', 'SECRET', 'TOKEN_TTL', 'TRUST_PROXY'
  ])
  for (const { reason, variable, example } of found) {
    t.match(reason, /^[a-z"'].{10,}/, variable)
    if (!['OIDC_OTHER_ISSUER', 'PUBLIC_URI'].includes(variable)) t.ok(example, variable)
  }
  const { message } = t.throws(() => loadConfig({ PORT: 'http', TOKEN_TTL: 'soon' }), ConfigError) as unknown as Error
  t.match(message, /^PORT: .*\(example: PORT=3000\)\nTOKEN_TTL: /)
  t.notMatch(JSON.stringify(found), 'too-short-to-be-good', 'a secret is never repeated')
})

t.test('what nobody configured is told beside other problems', async t => {
  t.same(variablesOf({ PUBLIC_URL: 'https://auth.example.com', PORT: 'x' }).sort(), ['GOOGLE_CLIENT_ID', 'PORT'])
})

// Where it is, and how it listens

t.test('R78 PUBLIC_URL is an origin, and https unless it is loopback', async t => {
  assertBad(t, 'PUBLIC_URL', [
    'auth.example.com', 'https://', 'https://auth.example.com/', 'https://auth.example.com/auth', 'https://auth.example.com?x',
    'https://auth.example.com#x', 'http://auth.example.com', 'http://10.0.0.1', 'http://localhost.example.com', 'http://127.0.0.1.example.com',
    'http://0.0.0.0:3000', 'https://user:secret@auth.example.com', 'HTTPS://auth.example.com', 'https://AUTH.example.com',
    'https://auth.example.com:443', 'http://localhost:80', 'ftp://auth.example.com',
    'javascript:1', 'https://a b', 'https:\\\\auth.example.com', 'https://auth.example.com\nX', '*'
  ], google)
  assertGood(t, 'PUBLIC_URL', [
    'https://auth.example.com', 'https://auth.example.com:8443', 'https://xn--exmple-cua.com', 'http://localhost', 'http://localhost:8080',
    'http://127.0.0.1:3000', 'http://127.1.2.3', 'http://[::1]:3000', 'http://app.localhost:3000', 'https://localhost'
  ].map(url => [url, url]), config => config.publicUrl, google)
})

t.test('HOST and PORT say where to listen', async t => {
  assertBad(t, 'PORT', ['-1', '65536', 'http', '3000.5', '0x10', '1e3', '8 0', '99999999999'])
  assertGood(t, 'PORT', [['0', 0], ['8080', 8080], ['65535', 65_535]], config => config.listen.port)
  assertGood(t, 'HOST', [
    ['0.0.0.0', '0.0.0.0'], ['::', '::'], ['[::]', '::'], ['[::1]', '::1'], ['::1', '::1'], ['my_host-1.example', 'my_host-1.example'],
    ['Localhost', 'localhost']
  ], config => config.listen.host, google)
  assertBad(t, 'HOST', [
    'http://localhost', 'localhost:3000', '[::1]:3000', '0.0.0.0:3000', '*', 'a b', '[::1', '::1]', '[localhost]x', '-x', 'a/b', 'a..b', '.'
  ], google)
})

t.test('without a PUBLIC_URL browsers come to localhost, at the PORT', async t => {
  assertGood(t, 'PORT', [['3001', 'http://localhost:3001'], ['80', 'http://localhost'], ['443', 'http://localhost:443']], config => config.publicUrl)
  for (const PUBLIC_URL of [undefined, '']) t.same(loadConfig({ PORT: '8080', PUBLIC_URL }).token.audience, 'http://localhost:8080')
  t.equal(loadConfig({ PORT: '8080', PUBLIC_URL: 'http://localhost:9090' }).publicUrl, 'http://localhost:9090')
  t.same(loadConfig({ PORT: '8080' }).warnings, [])
  t.match(loadConfig({ PORT: '0' }).warnings, [/any free port/])
})

t.test('R71 TRUST_PROXY is networks: anything that trusts everybody is refused with the reason', async t => {
  assertBad(t, 'TRUST_PROXY', ['true', 'false', '1', '2', '10.0.0.0/8,1'], {}, /would trust whatever a client sends/)
  assertBad(t, 'TRUST_PROXY', [
    'proxy.example.com', '10.0.0', '10.0.0.0/33', '10.0.0.256', '10.0.0.0/8/8', '999.1.1.1', '::1/129', 'fe80::1%eth0', ':::', '10.0.0.0/8,',
    'uniquelocal', 'linklocal', '*'
  ])
  assertGood(t, 'TRUST_PROXY', [
    ['loopback', ['loopback']], ['10.0.0.0/8, 192.168.1.1', ['10.0.0.0/8', '192.168.1.1']], ['::1', ['::1']], ['fd00::/8', ['fd00::/8']],
    ['::ffff:10.0.0.1', ['::ffff:10.0.0.1']]
  ], config => config.trustProxy)
})

t.test('R71 TRUST_PROXY with a network that strangers are in is refused with the reason', async t => {
  assertBad(t, 'TRUST_PROXY', [
    '0.0.0.0/0', '::/0', '::/1', '0.0.0.0/1,128.0.0.0/1', '10.0.0.0/7', '1.2.3.4/0', '2000::/3', '::ffff:0.0.0.0/96', '::ffff:0:0/96', '::FFFF:10.0.0.0/100',
    '0:0:0:0:0:ffff:0:0/96', 'loopback,0.0.0.0/0'
  ], {}, /trusts strangers.*10\.0\.0\.0\/8/)
  const good = ['10.0.0.0/8', 'fc00::/7', '::ffff:10.0.0.0/104', '0.0.0.0/32', '::/128']
  assertGood(t, 'TRUST_PROXY', good.map(network => [network, [network]]), config => config.trustProxy)
})

t.test('KEEP_ALIVE says how long idle connections stay open', async t => {
  assertBad(t, 'KEEP_ALIVE', ['0s', '75', '2h', 'off'])
  assertGood(t, 'KEEP_ALIVE', [['75s', 75], ['1s', 1], ['1h', 3_600]], config => config.keepAliveSeconds)
  t.equal(loadConfig({}).keepAliveSeconds, 75)
})

t.test('RATE_LIMIT is a number, LOG_LEVEL a level', async t => {
  assertBad(t, 'RATE_LIMIT', ['-1', 'off', '1.5', '3e2'])
  assertGood(t, 'RATE_LIMIT', [['0', 0], ['10', 10]], config => config.rateLimit)
  assertBad(t, 'LOG_LEVEL', ['verbose', 'INFO', '30'], {}, /one of fatal, error/)
  assertGood(t, 'LOG_LEVEL', [['silent', 'silent'], ['trace', 'trace']], config => config.logLevel)
})

// Secrets and stores

t.test('R78 a weak SECRET is refused', async t => {
  assertBad(t, 'SECRET', [
    'secret', 'x'.repeat(31), `${secret},short`, `short,${secret}`, `${secret},`, `,${secret}`,
    `${secret}\n${secret}`
  ])
  assertGood(t, 'SECRET', [[secret, [secret]], [`${secret}, ${secret}2`, [secret, `${secret}2`]]], config => config.secrets as string[])
  t.equal(loadConfig({}).secrets, undefined)
  t.match(loadConfig({ TOKEN_TTL: '5s' }).warnings, [/over when they are issued/])
  t.same(loadConfig({ TOKEN_TTL: '6s' }).warnings, [])
  t.match(loadConfig({ SECRET: 'x'.repeat(64) }).warnings, [/repeats a few characters/])
  t.same(loadConfig({ SECRET: secret }).warnings, [])
})

t.test('Redis needs a URL of its kind and a SECRET that replicas share', async t => {
  assertBad(t, 'REDIS_URL', ['localhost:6379', 'http://localhost:6379', 'redis://', 'redis:/x', 'rediss//x'], { SECRET: secret })
  assertGood(t, 'REDIS_URL', [
    ['redis://localhost:6379', 'redis://localhost:6379'], ['rediss://user:pw@redis.example.com:6380/1', 'rediss://user:pw@redis.example.com:6380/1']
  ], config => String(config.redisUrl), { SECRET: secret })
  t.same(variablesOf({ REDIS_URL: 'redis://localhost:6379' }), ['SECRET'])
})

t.test('a secret can come from a file, without the newline at its end', async t => {
  const folder = temporaryFolder(t)
  const file = (text: string) => {
    const path = join(mkdtempSync(join(folder, 'x')), 'file')
    writeFileSync(path, text)
    return path
  }
  for (const text of [secret, `${secret}\n`, `${secret}\r\n`]) t.same(loadConfig({ SECRET_FILE: file(text) }).secrets, [secret], JSON.stringify(text))
  t.same(problems({ ...google, GOOGLE_CLIENT_SECRET: undefined, GOOGLE_CLIENT_SECRET_FILE: file('secret\n') }), [])
  t.same(problems({ ...acme, OIDC_ACME_CLIENT_SECRET: undefined, OIDC_ACME_CLIENT_SECRET_FILE: file('secret\n') }), [])
  t.same(loadConfig({ REDIS_URL_FILE: file('redis://localhost'), SECRET_FILE: file(secret) }).redisUrl, 'redis://localhost')

  const both = problems({ SECRET: secret, SECRET_FILE: file(secret) })
  t.match(both, [{ variable: 'SECRET', reason: /twice/ }])
  const unreadable = file(secret)
  chmodSync(unreadable, 0)
  const missing = [join(folder, 'nothing'), folder, ...(process.getuid?.() === 0 ? [] : [unreadable])]
  for (const path of missing) t.match(problems({ SECRET_FILE: path }), [{ variable: 'SECRET_FILE', reason: /cannot be read/ }], path)
  t.match(problems({ PUBLIC_URL_FILE: '/run/url' }), [{ variable: 'PUBLIC_URL_FILE', reason: /PUBLIC_URL is no secret/ }])
  t.match(problems({ SECRET_FILE: file('') }), [{ variable: 'SECRET_FILE', reason: /empty/ }])
  t.match(problems({ SECRET_FILE: file('\n') }), [{ variable: 'SECRET_FILE', reason: /empty/ }])
  t.match(problems({ SECRET_FILE: file(`${secret}\n${secret}\n`) }), [{ variable: 'SECRET', reason: /one line/ }])
  t.match(problems({ SECRET_FILE: file('short') }), [{ variable: 'SECRET' }])
})

t.test('R78 what is no secret comes from no file, and does not turn a provider off in silence', async t => {
  t.same(variablesOf({ GOOGLE_CLIENT_ID_FILE: '/run/id', GOOGLE_CLIENT_SECRET: 'secret' }), ['GOOGLE_CLIENT_ID'])
  t.same(variablesOf({ ...acme, OIDC_ACME_ISSUER: undefined, OIDC_ACME_ISSUER_FILE: '/run/issuer' }).filter(name => name === 'OIDC_ACME_ISSUER'),
    ['OIDC_ACME_ISSUER'])
})

// Where a login may end

t.test('R44 ALLOWED_ORIGINS are exact origins, or one label of any name', async t => {
  assertBad(t, 'ALLOWED_ORIGINS', [
    '*', 'null', 'app.example.com', 'https://app.example.com/', 'https://app.example.com/x', 'https://app.example.com?x',
    'https://app.example.com:443', 'https://APP.example.com', 'https://user@app.example.com', 'https://*', 'https://*.com', 'http://*.example.com',
    'https://a.*.example.com', 'https://*.*.example.com', 'https://a*.example.com', 'https://*.example.com/', 'https://*.example.com:443',
    'myapp://callback', 'file://', 'data:x', 'https://app.example.com,', ',', 'https://app.example.com https://b.example.com',
    'https://app.example.com;https://b.example.com'
  ])
  assertGood(t, 'ALLOWED_ORIGINS', [
    ['https://app.example.com', ['https://app.example.com']],
    ['https://a.example.com, http://localhost:5173', ['https://a.example.com', 'http://localhost:5173']],
    ['https://*.preview.example.com:8443', ['https://*.preview.example.com:8443']]
  ], config => config.returnTo.allowedOrigins)
})

t.test('a live service returns to https, or to this machine', async t => {
  assertBad(t, 'ALLOWED_ORIGINS', ['http://app.example.com'], live, /https/)
  assertGood(t, 'ALLOWED_ORIGINS', [['http://localhost:5173', ['http://localhost:5173']]], config => config.returnTo.allowedOrigins, live)
})

t.test('R44 DEFAULT_RETURN_TO is a target that a login may name', async t => {
  assertBad(t, 'DEFAULT_RETURN_TO', ['home', '//evil.test', 'https://evil.test', '/auth/logout', '/\\evil.test', 'javascript:1', 'https://app.example.com', '/a\nb'])
  assertGood(t, 'DEFAULT_RETURN_TO', [
    ['/home', '/home'], ['http://localhost:3000/home', '/home'], ['https://app.example.com', 'https://app.example.com/']
  ], config => config.returnTo.fallback, { ALLOWED_ORIGINS: 'https://app.example.com' })
})

t.test('COOKIE_DOMAIN is the host of an https PUBLIC_URL or a parent of it', async t => {
  assertBad(t, 'COOKIE_DOMAIN', [
    'com', '.com', 'evil.test', 'xample.com', 'a.auth.example.com', 'example.com,example.org', 'https://example.com', '*'
  ], live)
  assertBad(t, 'COOKIE_DOMAIN', ['localhost', 'example.com'])
  assertGood(t, 'COOKIE_DOMAIN', [
    ['example.com', 'example.com'], ['.example.com', 'example.com'], ['auth.example.com', 'auth.example.com']
  ], config => String(config.cookieDomain), live)
})

// Providers

const ids = (env: Environment): string[] => loadConfig(env).providers.map(({ id }) => id)

t.test('R78 half a provider is a problem', async t => {
  t.same(variablesOf({ GOOGLE_CLIENT_ID: 'id' }), ['GOOGLE_CLIENT_SECRET'])
  t.same(variablesOf({ GOOGLE_CLIENT_SECRET: 'secret' }), ['GOOGLE_CLIENT_ID'])
  t.same(variablesOf({ GOOGLE_ISSUER: 'https://login.example.com' }), ['GOOGLE_CLIENT_ID'])
  t.same(variablesOf({ GOOGLE_HD: 'example.com' }), ['GOOGLE_CLIENT_ID'])
  for (const name of ['ISSUER', 'CLIENT_ID', 'CLIENT_SECRET']) t.same(variablesOf({ ...acme, [`OIDC_ACME_${name}`]: undefined }), [`OIDC_ACME_${name}`])
  t.same(ids(google), ['google'])
  t.same(ids({ ...google, ...acme }), ['google', 'acme'])
})

t.test('a client id or secret that no request can carry is a problem, and not repeated', async t => {
  for (const variable of ['GOOGLE_CLIENT_SECRET', 'OIDC_ACME_CLIENT_ID', 'OIDC_ACME_CLIENT_SECRET']) {
    assertBad(t, variable, ['sécret-of-ours', 'tab\tbed', 'sec\u0000ret', 'two\nlines'], { ...google, ...acme })
    t.notMatch(JSON.stringify(problems({ ...google, ...acme, [variable]: 'sécret-of-ours' })), 'of-ours')
  }
})

t.test('R78 an issuer is https, or loopback while PUBLIC_URL is', async t => {
  const bad = [
    'login.example.com', 'http://login.example.com', 'http://10.0.0.1', 'https://login.example.com?x=y', 'https://login.example.com#x',
    'https://user@login.example.com', 'ftp://login.example.com', 'https://login example.com', 'https:\\\\login.example.com'
  ]
  for (const [variable, env] of [['GOOGLE_ISSUER', google], ['OIDC_ACME_ISSUER', acme]] as const) {
    assertBad(t, variable, bad, env)
    assertBad(t, variable, [...bad, 'http://localhost:9000', 'http://127.0.0.1:9000'], { ...env, PUBLIC_URL: 'https://auth.example.com' })
    for (const issuer of ['http://localhost:9000', 'http://127.0.0.1:9000', 'https://login.example.com/tenant/', 'https://login.example.com:8443',
      'https://10.0.0.1']) {
      t.same(problems({ ...env, [variable]: issuer }), [], issuer)
    }
  }
})

t.test('R78 an OpenID provider is asked for openid at least', async t => {
  assertBad(t, 'GOOGLE_SCOPES', ['email', 'openid,,email', ','], google)
  assertBad(t, 'OIDC_ACME_SCOPES', ['email', 'profile,email', ','], acme)
  t.same(problems({ ...google, ...acme, GOOGLE_SCOPES: 'openid,email', OIDC_ACME_SCOPES: 'email, openid' }), [])
})

t.test('ids of providers are short words that are not ours', async t => {
  const bad = [
    'Acme', '1st', 'a-b', '_x', 'a.b', 'é', 'a b', 'x'.repeat(33), 'a,a', 'a,', 'login', 'me', 'token', 'verify', 'callback', 'dev', 'sessions',
    'account', 'refresh', 'logout', 'providers', 'authorize', 'revoke', 'introspect', 'userinfo', 'docs', 'openapi', 'google', '__proto__',
    'handstamp'
  ]
  for (const value of bad) t.ok(variablesOf({ OIDC_PROVIDERS: value }).includes('OIDC_PROVIDERS'), value)
})

t.test('lists of domains are domains', async t => {
  const bad = [
    'example.com,', 'exa mple.com', '*.example.com', 'https://example.com', 'ada@example.com', 'exämple.com', '-example.com', 'example..com',
    '..example.com'
  ]
  assertBad(t, 'ALLOWED_EMAIL_DOMAINS', bad)
  assertBad(t, 'GOOGLE_HD', bad, google)
  assertBad(t, 'OIDC_ACME_EMAIL_DOMAINS', bad, acme)
  assertGood(t, 'ALLOWED_EMAIL_DOMAINS', [
    ['Example.COM, .example.org', ['example.com', '.example.org']]
  ], config => config.emails.allowedDomains as string[])
})

t.test('lists of emails are emails, in their canonical form', async t => {
  for (const variable of ['ALLOWED_EMAILS', 'BLOCKED_EMAILS']) {
    assertBad(t, variable, ['ada', '@example.com', 'a@b@c', 'ada@example.com,eve', 'ada@example.com;eve@example.com', ','])
  }
  assertGood(t, 'ALLOWED_EMAILS', [
    ['Ada@Example.com, b@exämple.com', ['ada@example.com', 'b@xn--exmple-cua.com']]
  ], config => config.emails.allowed as string[])
  assertGood(t, 'BLOCKED_EMAILS', [['Eve@Example.com', ['eve@example.com']]], config => config.emails.blocked)
})

t.test('several providers, one of which may assert any email, are a warning', async t => {
  t.match(loadConfig({ ...google, ...acme }).warnings, [/OIDC_ACME_EMAIL_DOMAINS/])
  t.same(loadConfig({ ...google, ...acme, OIDC_ACME_EMAIL_DOMAINS: 'example.com' }).warnings, [])
  t.same(loadConfig(acme).warnings, [])
})

t.test('R78 the dev login is for this machine alone', async t => {
  assertBad(t, 'DEV_LOGIN', ['true'], live, /loopback/)
  assertBad(t, 'DEV_LOGIN', ['yes', '1', 'TRUE', 'on'])
  t.equal(loadConfig({ ...live, DEV_LOGIN: 'false' }).devLogin, false)
  t.equal(loadConfig(live).devLogin, false)
  t.equal(loadConfig(google).devLogin, false, 'off where there is a provider')
  t.equal(loadConfig({ ...google, DEV_LOGIN: 'true' }).devLogin, true)
})

t.test('R78 without a word of the operator the dev login is on only where no other machine can connect', async t => {
  for (const HOST of ['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '::1', '[::1]', '']) t.equal(loadConfig({ HOST }).devLogin, true, HOST)
  for (const HOST of ['0.0.0.0', '::', '[::]', '192.168.1.5', '10.0.0.1', 'fd00::1', 'dev.example.com', '127.evil.test', 'localhost.evil.test', '0']) {
    t.match(problems({ HOST }), [{ variable: 'GOOGLE_CLIENT_ID', reason: /other machines can connect to HOST=.*DEV_LOGIN=auto/ }], HOST)
    t.equal(loadConfig({ HOST, DEV_LOGIN: 'auto' }).devLogin, true, `auto at ${HOST}`)
    t.equal(loadConfig({ HOST, DEV_LOGIN: 'true' }).devLogin, true, `asked for by name at ${HOST}`)
    t.equal(loadConfig({ HOST, ...google }).devLogin, false)
  }
})

t.test('R78 DEV_LOGIN=auto needs a loopback PUBLIC_URL and no provider', async t => {
  t.equal(loadConfig({ DEV_LOGIN: 'auto' }).devLogin, true)
  t.equal(loadConfig({ ...google, DEV_LOGIN: 'auto' }).devLogin, false)
  t.equal(loadConfig({ ...live, DEV_LOGIN: 'auto' }).devLogin, false)
  t.same(variablesOf({ PUBLIC_URL: 'https://auth.example.com', DEV_LOGIN: 'auto' }), ['GOOGLE_CLIENT_ID'])
})

t.test('R78 a service that no user could sign in to does not start', async t => {
  t.match(problems({ PUBLIC_URL: 'https://auth.example.com' }), [{ variable: 'GOOGLE_CLIENT_ID', reason: /no user could sign in$/ }])
  t.match(problems({ DEV_LOGIN: 'false' }), [{ reason: /no user could sign in$/ }])
})

/** What a file of ours sets in the environment. */
const settingsOf = (path: string, each: RegExp): Environment =>
  Object.fromEntries([...readFileSync(path, 'utf8').matchAll(each)].map(([, name = '', value = '']) => [name, value]))

t.test('R78 the image as it is built serves no dev login, and the compose file publishes it on this machine alone', async t => {
  const image = settingsOf('Dockerfile', /^ +(HOST|PORT|DATA_DIR|DEV_LOGIN)=(\S+)/gm)
  t.equal(image['HOST'], '0.0.0.0')
  t.same(variablesOf(image), ['GOOGLE_CLIENT_ID'])
  const compose = readFileSync('docker-compose.yml', 'utf8')
  const { DEV_LOGIN } = settingsOf('docker-compose.yml', /^ +(DEV_LOGIN): \$\{\w+:-(\S+)\}$/gm)
  t.equal(loadConfig({ ...image, DEV_LOGIN, PUBLIC_URL: 'http://localhost:3000' }).devLogin, true)
  const ports = [...compose.matchAll(/^ +ports:\n((?: +- .*\n)+)/gm)].flatMap(([, list = '']) => list.trim().split('\n'))
  t.equal(ports.length, 1)
  for (const port of ports) t.match(port, /^ *- "127\.0\.0\.1:/)
})

// Tokens

t.test('R31 R41 tokens are as configured, within bounds', async t => {
  assertBad(t, 'TOKEN_TTL', ['0s', '10', '10 m', '1.5h', '25h', '2d', '-1m', '10M', 'm', '600', '99999999s', 'soon'])
  assertGood(t, 'TOKEN_TTL', [['30s', 30], ['10m', 600], ['24h', 86_400], ['1d', 86_400]], config => config.token.ttlSeconds)
  assertBad(t, 'SESSION_MAX_TTL', ['0d', '366d', '30'])
  assertBad(t, 'TOKEN_TYP', ['jwt', 'at+JWT', 'logout+jwt'])
  assertBad(t, 'SIGNING_ALG', ['HS256', 'none', 'rs256', 'RS512', 'PS256', 'ES384'])
  assertGood(t, 'SIGNING_ALG', [['RS256', 'RS256'], ['ES256', 'ES256'], ['EdDSA', 'EdDSA']], config => String(config.signingAlg))
  assertBad(t, 'TOKEN_AUDIENCE', [',', 'a,,b'])
  assertGood<string | string[]>(t, 'TOKEN_AUDIENCE', [['api', 'api'], ['a, b', ['a', 'b']]], config => config.token.audience)
  t.equal(loadConfig(live).token.audience, 'https://auth.example.com')
})

t.test('TOKEN_CLAIMS is a JSON object that replaces no claim of ours', async t => {
  assertBad(t, 'TOKEN_CLAIMS', ['x', '[]', 'null', '"a"', '7', '{"a":1', "{'a':1}", JSON.stringify({ filler: 'x'.repeat(1500) })])
  for (const claim of reservedClaims) {
    assertBad(t, 'TOKEN_CLAIMS', [`{"role":"x","${claim}":"x"}`], {}, new RegExp(claim))
  }
  assertGood(t, 'TOKEN_CLAIMS', [['{"role":"authenticated","a":{"b":[1]}}', { role: 'authenticated', a: { b: [1] } }]], config => config.token.claims)
})

// Names

t.test('R78 a near miss of a name is a problem with the suggestion', async t => {
  const slips = {
    PUBLICURL: 'PUBLIC_URL',
    PUBLIC_URI: 'PUBLIC_URL',
    GOOGLE_CLIENT_IDS: 'GOOGLE_CLIENT_ID',
    GOOGLE_CLIENT_SECERT: 'GOOGLE_CLIENT_SECRET',
    ALLOWED_ORIGIN: 'ALLOWED_ORIGINS',
    ALLOWED_EMAIL: 'ALLOWED_EMAILS',
    BLOCKED_EMIALS: 'BLOCKED_EMAILS',
    SECRETS: 'SECRET',
    SECRET_FIL: 'SECRET_FILE',
    TRUSTPROXY: 'TRUST_PROXY',
    REDIS_URI: 'REDIS_URL',
    OIDC_PROVIDER: 'OIDC_PROVIDERS',
    DEVLOGIN: 'DEV_LOGIN'
  }
  for (const [name, meant] of Object.entries(slips)) {
    t.match(problems({ [name]: 'x' }), [{ variable: name, reason: new RegExp(`did you mean ${meant}\\?`) }], name)
  }
})

t.test('what an environment is full of anyway is no near miss', async t => {
  const names = [
    'PATH', 'HOME', 'HOSTNAME', 'PWD', 'USER', 'LANG', 'TERM', 'SHELL', 'TZ', 'CI', 'NODE_ENV', 'NODE_OPTIONS', 'GITHUB_TOKEN', 'GITHUB_ACTOR',
    'GITHUB_ACTIONS', 'GITLAB_CI', 'REDIS_PORT', 'REDIS_HOST', 'REDIS_PASSWORD', 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT',
    'KUBERNETES_SERVICE_HOST', 'HANDSTAMP_PORT', 'LOGNAME', 'npm_config_port', 'port', 'HTTP_PROXY', 'LOG_FORMAT', 'DATABASE_URL', 'AWS_REGION',
    'APP_SECRET_KEY'
  ]
  t.same(problems(Object.fromEntries(names.map(name => [name, 'x']))), [])
})

t.test('R78 unknown names inside a group of ours are problems', async t => {
  t.match(problems({ ...acme, OIDC_ACME_COLOUR: 'red' }), [{ variable: 'OIDC_ACME_COLOUR', reason: /OIDC_<ID>_ISSUER/ }])
  t.match(problems({ ...acme, OIDC_ACME_ISSUR: 'x' }), [{ variable: 'OIDC_ACME_ISSUR', reason: /did you mean OIDC_ACME_ISSUER\?/ }])
  t.match(problems({ ...acme, OIDC_OTHER_CLIENT_ID: 'x' }), [{ variable: 'OIDC_OTHER_CLIENT_ID', reason: /does not list/ }])
  t.match(problems({ ...acme, OIDC_OTHER_CLIENT_SECRET_FILE: 'x' }), [{ variable: 'OIDC_OTHER_CLIENT_SECRET_FILE', reason: /does not list/ }])
  for (const name of ['OAUTH2_X_CLIENT_ID', 'OAUTH1_X_CLIENT_ID', 'CLIENT_APP_REDIRECT_URIS']) t.same(variablesOf({ [name]: 'x' }), [name])
})

t.test('the variables that are documented are those that are read', async t => {
  for (const name of Object.keys(variables)) t.same(variablesOf({ ...live, [`${name}X`]: 'x' }), [`${name}X`], name)
})

t.test('R78 a variable of the interface that this version does not know yet is a problem', async t => {
  for (const name of Object.keys(reserved)) t.same(variablesOf({ [name]: 'x' }), [name])
})

t.test('look-ups hold half of the threads at most, and two', async t => {
  for (const [size, threads] of [[undefined, 2], ['4', 2], ['64', 2], ['3', 1], ['2', 1], ['1', 0], ['0', 0], ['x', 0]] as const) {
    t.equal(loadConfig({ UV_THREADPOOL_SIZE: size }).lookupThreads, threads, size ?? 'as it is')
  }
})
