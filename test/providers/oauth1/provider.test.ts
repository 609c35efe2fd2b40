import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { signature } from '../../../src/providers/oauth1/signature.ts'
import type { Signature } from '../../../src/providers/descriptor.ts'
import { buildTestApp } from '../../helpers/app.ts'
import { Browser, type Page } from '../../helpers/browser.ts'
import { fakeProvider, form, reply, type FakeProvider, type Received } from '../../helpers/fake-provider.ts'

// A generic OAuth 1.0a provider that checks every signature it gets.

const temporary = 'oauth_token=temporary&oauth_token_secret=temporary-secret&oauth_callback_confirmed=true'
const lasting = 'oauth_token=lasting&oauth_token_secret=lasting-secret&user_id=7'
const person = { id: 7, email: 'ada@example.com', email_verified: true, name: 'Ada' }
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

interface Played {
  env?: Record<string, string>
  answers?: Record<string, unknown>
  callback?: Record<string, string>
}

/** The oauth_ parameters of a request, and its realm. */
function oauthOf ({ headers }: Received): Record<string, string> {
  const [, list = ''] = /^OAuth (.*)$/.exec(headers.authorization ?? '') ?? []
  return Object.fromEntries(list.split(', ').map(pair => {
    const [, name = '', value = ''] = /^(\w+)="([^"]*)"$/.exec(pair) ?? []
    return [name, decodeURIComponent(value)]
  }))
}

/** Whether this client and the holder of this token secret signed the request. */
function isSigned (fake: FakeProvider, request: Received, tokenSecret: string): boolean {
  const { oauth_signature: given, realm: _realm, ...oauth } = oauthOf(request)
  const url = new URL(`${fake.url}${request.path}?${request.query.toString()}`)
  const method = oauth['oauth_signature_method'] as Signature
  const clientSecret = method === 'RSA-SHA1' ? pem : 'client&secret'
  return given === signature(method, { method: request.method, url, form: Object.fromEntries(request.form), oauth }, { clientSecret, tokenSecret })
}

async function play (t: Test, { env = {}, answers = {}, callback = { oauth_token: 'temporary', oauth_verifier: 'a-verifier' } }: Played = {}) {
  const fake = await fakeProvider(t)
  const forHolderOf = (tokenSecret: string, answer: unknown) => (request: Received) =>
    isSigned(fake, request, tokenSecret) ? answer : reply(401, 'bad signature', 'text/plain')
  Object.assign(fake.answers, {
    'POST /request': forHolderOf('', form(temporary)),
    'POST /token': forHolderOf('temporary-secret', form(lasting)),
    'GET /me': forHolderOf('lasting-secret', person),
    ...answers
  })
  const own = {
    REQUEST_TOKEN_URL: `${fake.url}/request`,
    AUTHORIZATION_URL: `${fake.url}/authorize?lang=en`,
    TOKEN_URL: `${fake.url}/token`,
    PROFILE_URL: `${fake.url}/me?fields=all%20of%20them`,
    CLIENT_ID: 'id',
    CLIENT_SECRET: 'client&secret',
    ...env
  }
  const { app, url, log } = await buildTestApp(t, {
    OAUTH1_PROVIDERS: 'acme',
    ...Object.fromEntries(Object.entries(own).map(([name, value]) => [`OAUTH1_ACME_${name}`, value]))
  })
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/acme?login_hint=ada', { headers: { accept: 'application/json' } })
  const request = fake.requests[0]
  const callbackUrl = request ? oauthOf(request)['oauth_callback'] ?? '' : ''
  const finish = async (): Promise<Page> => {
    const back = new URL(callbackUrl)
    for (const [name, value] of Object.entries(callback)) back.searchParams.set(name, value)
    return browser.visit(back.href, { headers: { accept: 'application/json' } })
  }
  return { fake, start, finish, callbackUrl, log, url }
}

const code = (page: Page): string => (page.json() as { code: string }).code

for (const [method, env] of [
  ['HMAC-SHA1', {}],
  ['HMAC-SHA256', { SIGNATURE: 'HMAC-SHA256' }],
  ['RSA-SHA1', { SIGNATURE: 'RSA-SHA1', PRIVATE_KEY: pem.replaceAll('\n', '\\n'), CLIENT_SECRET: '' }],
  ['PLAINTEXT', { SIGNATURE: 'PLAINTEXT' }]
] as Array<[string, Record<string, string>]>) {
  t.test(`a login signed by ${method} becomes a token`, async t => {
    const { fake, start, finish, callbackUrl, url } = await play(t, { env: { ...env, REALM: 'Acme' } })
    const location = new URL(String(start.headers['location']))
    t.same(Object.fromEntries(location.searchParams), { lang: 'en', oauth_token: 'temporary', login_hint: 'ada' })
    t.match(callbackUrl, new RegExp(`^${url}/auth/acme/callback\\?state=[\\w-]{40,}$`))

    const page = await finish()
    t.match(page.json().user, { sub: 'acme|7', email: 'ada@example.com', name: 'Ada' })
    t.same(fake.requests.map(({ method, path }) => `${method} ${path}`), ['POST /request', 'POST /token', 'GET /me'])
    const [first, second, third] = fake.requests.map(oauthOf)
    t.match(first, { realm: 'Acme', oauth_consumer_key: 'id', oauth_signature_method: method, oauth_version: '1.0', oauth_timestamp: /^\d{10}$/ })
    t.match(second, { oauth_token: 'temporary', oauth_verifier: 'a-verifier' })
    t.match(third, { oauth_token: 'lasting' })
    t.equal(new Set([first, second, third].map(oauth => oauth?.['oauth_nonce'])).size, 3, 'a nonce is used once')
  })
}

t.test('a start that gets no good temporary token is refused, and sets no cookie', async t => {
  for (const [what, answer, refused] of [
    ['a callback that is not confirmed', form('oauth_token=t&oauth_token_secret=s'), 'provider_error'],
    ['a callback that is denied', form('oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=false'), 'provider_error'],
    ['no token', form('oauth_token_secret=s&oauth_callback_confirmed=true'), 'provider_error'],
    ['an empty token', form('oauth_token=&oauth_token_secret=s&oauth_callback_confirmed=true'), 'provider_error'],
    ['no secret', form('oauth_token=t&oauth_callback_confirmed=true'), 'provider_error'],
    ['a token twice', form('oauth_token=t&oauth_token=u&oauth_token_secret=s&oauth_callback_confirmed=true'), 'provider_error'],
    ['a refusal', reply(401, 'Failed to validate oauth signature and token', 'text/plain'), 'provider_error'],
    ['HTML', reply(200, '<html></html>', 'text/html'), 'provider_error'],
    ['too much', form(`oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true&more=${'x'.repeat(64 * 1024)}`), 'provider_error']
  ] as const) {
    const { start } = await play(t, { answers: { 'POST /request': answer } })
    t.equal(code(start), refused, what)
    t.same(start.headers['set-cookie'] ?? [], [], what)
  }
  const { start } = await play(t, { env: { REQUEST_TOKEN_URL: 'http://127.0.0.1:1/request' } })
  t.equal(code(start), 'provider_unavailable')
  t.ok(start.headers['retry-after'])
})

t.test('the callback must bring the temporary token of this login, and a verifier', async t => {
  for (const [what, callback, refused] of [
    ['another token', { oauth_token: 'other', oauth_verifier: 'v' }, 'flow_mismatch'],
    ['no token', { oauth_verifier: 'v' }, 'invalid_request'],
    ['no verifier', { oauth_token: 'temporary' }, 'invalid_request'],
    ['a code of OAuth 2', { code: 'x' }, 'invalid_request'],
    ['denied', { denied: 'temporary' }, 'access_denied'],
    ['denied, and a token beside it', { denied: 'temporary', oauth_token: 'temporary', oauth_verifier: 'v' }, 'access_denied'],
    ['a problem', { oauth_problem: 'x', error: 'server_error' }, 'provider_unavailable'],
    ['another state', { oauth_token: 'temporary', oauth_verifier: 'v', state: 'x'.repeat(45) }, 'flow_not_found']
  ] as Array<[string, Record<string, string>, string]>) {
    const { fake, finish } = await play(t, { callback })
    t.equal(code(await finish()), refused, what)
    t.equal(fake.requests.length, 1, `${what}: nothing is asked`)
  }
})

t.test('R4 a callback works once', async t => {
  const { fake, finish } = await play(t)
  t.equal((await finish()).status, 200)
  t.not((await finish()).status, 200)
  t.equal(fake.requests.filter(({ path }) => path === '/token').length, 1)
})

t.test('Tumblr as it documents itself goes all the way, and signs nobody in: it gives no email', async t => {
  // https://www.tumblr.com/docs/en/api/v2#userinfo--get-a-users-information
  const blog = { name: 'ada', title: 'Ada', url: 'https://ada.tumblr.com/', uuid: 't:KNlEmGDhNtIZ1ghyWmwqIA', primary: true, followers: 1815 }
  const info = { meta: { status: 200, msg: 'OK' }, response: { user: { name: 'ada', likes: 606, following: 263, default_post_format: 'html', blogs: [blog] } } }
  const env = { SUBJECT: 'response.user.blogs.0.uuid', EMAIL_VERIFIED: 'always', EMAIL_DOMAINS: 'example.com' }
  const { fake, finish } = await play(t, { env: { ...env, EMAIL: 'response.user.email' }, answers: { 'GET /me': info } })
  t.equal(code(await finish()), 'email_missing')
  t.same(fake.requests.map(({ path }) => path), ['/request', '/token', '/me'])
  const named = await play(t, { env: { ...env, EMAIL: 'response.user.name' }, answers: { 'GET /me': info } })
  t.equal(code(await named.finish()), 'email_invalid', 'a name is no email')
})

t.test('R75 neither the flow\'s cookie nor the log shows the temporary token\'s secret', async t => {
  const { start, finish, log } = await play(t)
  t.notMatch(String(start.headers['set-cookie']), 'temporary')
  t.notMatch(String(start.headers['location']), 'secret')
  await finish()
  for (const secret of ['temporary-secret', 'lasting-secret', 'a-verifier', 'client&secret', 'oauth_signature']) t.notMatch(log(), secret)
})

t.test('R24 only emails of its domains are accepted from a provider that has a list of them', async t => {
  const page = await (await play(t, { env: { EMAIL_DOMAINS: 'elsewhere.example' } })).finish()
  t.equal(code(page), 'email_not_allowed')
})
