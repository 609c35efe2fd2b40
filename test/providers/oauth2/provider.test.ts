import t, { type Test } from 'tap'
import { buildTestApp } from '../../helpers/app.ts'
import { Browser, type Page } from '../../helpers/browser.ts'
import { fakeProvider, form, reply, type FakeProvider, type Received } from '../../helpers/fake-provider.ts'

// Generic OAuth 2 providers, configured as an operator does: every option of docs/providers.md.

const token = { access_token: 'an-access-token', token_type: 'Bearer' }
const person = { id: 7, email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace', picture: 'https://pictures.example/ada.png' }
const user = { sub: 'acme|7', email: 'ada@example.com', name: 'Ada Lovelace', picture: 'https://pictures.example/ada.png' }

interface Played {
  env?: Record<string, string>
  answers?: Record<string, unknown>
  /** Of the start. */
  query?: string
  callback?: Record<string, string>
}

async function play (t: Test, { env = {}, answers = {}, query = '', callback = { code: 'a-code' } }: Played = {}) {
  const fake = await fakeProvider(t)
  Object.assign(fake.answers, { '/token': token, '/me': person }, answers)
  const own = {
    AUTHORIZATION_URL: '{url}/authorize',
    TOKEN_URL: '{url}/token',
    PROFILE_URL: '{url}/me',
    CLIENT_ID: 'id',
    CLIENT_SECRET: 's3:cr t',
    ...env
  }
  const named = Object.entries(own).map(([name, value]) => [`OAUTH2_ACME_${name}`, value.replace('{url}', fake.url)] as const)
  const { app, url, log } = await buildTestApp(t, { OAUTH2_PROVIDERS: 'acme', ...Object.fromEntries(named) })
  const browser = new Browser(app, url)
  const start = await browser.visit(`/auth/acme${query}`)
  const authorization = new URL(String(start.headers['location']))
  const back = new URLSearchParams({ state: authorization.searchParams.get('state') ?? '', ...callback })
  const page = await browser.visit(`/auth/acme/callback?${back.toString()}`, { headers: { accept: 'application/json' } })
  return { fake, authorization: authorization.searchParams, page, log, url }
}

const tokenCall = ({ requests }: FakeProvider): Received | undefined => requests.find(({ path }) => path === '/token')
const profileCall = ({ requests }: FakeProvider): Received | undefined => requests.find(({ path }) => path === '/me')
const code = (page: Page): string => (page.json() as { code: string }).code

t.test('a login becomes a token: PKCE, the secret in the body, a bearer profile call', async t => {
  const { fake, authorization, page, url } = await play(t)
  t.match(page.json().user, user)
  t.match(Object.fromEntries(authorization), { client_id: 'id', redirect_uri: `${url}/auth/acme/callback`, code_challenge_method: 'S256' })
  t.notOk(authorization.has('scope'), 'no scopes unless asked for')
  t.match(Object.fromEntries(tokenCall(fake)?.form ?? []), {
    grant_type: 'authorization_code', code: 'a-code', client_id: 'id', client_secret: 's3:cr t', code_verifier: /^[\w-]{43}$/
  })
  t.equal(tokenCall(fake)?.headers['authorization'], undefined)
  t.match(profileCall(fake)?.headers, { authorization: 'Bearer an-access-token', 'accept-encoding': 'identity' })
})

t.test('static authorization parameters, scopes with their separator, and an address with a query', async t => {
  const { authorization } = await play(t, {
    env: { AUTHORIZATION_URL: '{url}/authorize?tenant=acme', PARAMS: '{"access_type":"online"}', SCOPES: 'profile,email', SCOPE_SEPARATOR: ';' }
  })
  t.match(Object.fromEntries(authorization), { tenant: 'acme', access_type: 'online', scope: 'profile;email' })
})

t.test('parameters of one login are handed on, and only the four', async t => {
  const { authorization } = await play(t, { query: '?login_hint=ada&prompt=login&hd=example.com&ui_locales=de&scope=admin&client_id=x' })
  t.match(Object.fromEntries(authorization), { login_hint: 'ada', prompt: 'login', hd: 'example.com', ui_locales: 'de', client_id: 'id' })
  t.notOk(authorization.has('scope'))
})

t.test('what one login asks for stands in place of the static parameter, not beside it', async t => {
  const env = { PARAMS: '{"prompt":"consent","access_type":"online"}' }
  const { authorization } = await play(t, { env, query: '?prompt=login' })
  t.same([authorization.getAll('prompt'), authorization.get('access_type')], [['login'], 'online'])
  const { authorization: usual } = await play(t, { env })
  t.same(usual.getAll('prompt'), ['consent'])
})

t.test('R1 every login has a state and a PKCE challenge of its own', async t => {
  const { authorization: one } = await play(t)
  const { authorization: other } = await play(t)
  for (const name of ['state', 'code_challenge']) t.not(one.get(name), other.get(name), name)
})

t.test('client authentication of the token call', async t => {
  const cases: Array<[string, string, string | undefined, string | undefined]> = [
    ['post', 'POST', 's3:cr t', undefined],
    ['basic', 'POST', undefined, `Basic ${Buffer.from('id:s3%3Acr+t').toString('base64')}`],
    ['none', 'POST', undefined, undefined],
    ['post', 'GET', 's3:cr t', undefined],
    ['basic', 'GET', undefined, `Basic ${Buffer.from('id:s3%3Acr+t').toString('base64')}`],
    ['none', 'GET', undefined, undefined]
  ]
  for (const [TOKEN_AUTH, TOKEN_METHOD, secret, basic] of cases) {
    await t.test(`${TOKEN_AUTH} by ${TOKEN_METHOD}`, async t => {
      const { fake, page } = await play(t, {
        env: { TOKEN_AUTH, TOKEN_METHOD, TOKEN_PARAMS: '{"audience":"api"}', ...(TOKEN_AUTH === 'none' && { CLIENT_SECRET: '' }) }
      })
      t.match(page.json().user, user)
      const call = tokenCall(fake)
      const parameters = TOKEN_METHOD === 'GET' ? call?.query : call?.form
      t.equal(call?.method, TOKEN_METHOD)
      t.match(Object.fromEntries(parameters ?? []), {
        grant_type: 'authorization_code', code: 'a-code', audience: 'api', code_verifier: /./, redirect_uri: /\/auth\/acme\/callback$/
      })
      t.equal(parameters?.get('client_secret') ?? undefined, secret)
      t.equal(call?.headers['authorization'], basic)
    })
  }
})

t.test('a token address with a query keeps it', async t => {
  const { fake } = await play(t, { env: { TOKEN_URL: '{url}/token?v=2', TOKEN_METHOD: 'GET' } })
  t.equal(tokenCall(fake)?.query.get('v'), '2')
  t.equal(tokenCall(fake)?.query.get('code'), 'a-code')
})

for (const TOKEN_METHOD of ['POST', 'GET']) {
  t.test(`answers of the token endpoint in every dress, by ${TOKEN_METHOD}`, async t => {
    const json = JSON.stringify(token)
    for (const [what, answer] of [
      ['JSON', token],
      ['JSON labelled as text', reply(200, json, 'text/html; charset=utf-8')],
      ['JSON labelled as a script', reply(200, json, 'text/javascript')],
      ['JSON with spaces around it', reply(200, `\n ${json}\n`)],
      ['a form', form('access_token=an-access-token&token_type=bearer')],
      ['a form labelled as text', form('access_token=an-access-token&expires=5184000', 'text/plain')],
      ['without a token_type', { access_token: 'an-access-token' }],
      ['status 201', reply(201, token)]
    ] as const) {
      const { page } = await play(t, { env: { TOKEN_METHOD }, answers: { '/token': answer } })
      t.match(page.json().user, user, what)
    }
  })

  t.test(`R16 what is no token answer signs nobody in, by ${TOKEN_METHOD}`, async t => {
    for (const [what, answer] of [
      ['an error with status 200', { error: 'invalid_grant' }],
      ['an error beside a token', { ...token, error: 'invalid_grant' }],
      ['an error as a form', form('error=invalid_grant&error_description=x')],
      ['an error with status 400', reply(400, { error: 'invalid_grant' })],
      ['status 500', reply(500, token)],
      ['a redirect', reply(302, token)],
      ['no access_token', { token_type: 'Bearer' }],
      ['an empty access_token', { ...token, access_token: '' }],
      ['an access_token of another type', { ...token, access_token: 7 }],
      ['another token_type', { ...token, token_type: 'mac' }],
      ['a token_type of another type', { ...token, token_type: ['Bearer'] }],
      ['HTML with status 502', reply(502, '<html>Sorry</html>', 'text/html')],
      ['HTML', reply(200, '<html>Sorry</html>', 'text/html')],
      ['nothing', reply(200, '')],
      ['half of it', reply(200, '{"access_token":"an-acc')],
      ['a member that comes twice', reply(200, '{"access_token":"a","access_token":"b","token_type":"Bearer"}')],
      ['a form parameter that comes twice', form('access_token=a&access_token=b&token_type=bearer')],
      ['an array', [token]],
      ['64 KiB and more', { ...token, more: 'x'.repeat(64 * 1024) }]
    ] as const) {
      const { page, fake } = await play(t, { env: { TOKEN_METHOD }, answers: { '/token': answer } })
      t.equal(code(page), 'provider_error', what)
      t.equal(fake.requests.length, 1, `${what}: a code is never sent twice`)
    }
  })
}

t.test('the profile call by another word or a query parameter', async t => {
  const byWord = await play(t, { env: { PROFILE_AUTH: 'scheme:OAuth' }, answers: { '/token': { ...token, token_type: 'oauth' } } })
  t.match(byWord.page.json().user, user)
  t.equal(profileCall(byWord.fake)?.headers['authorization'], 'OAuth an-access-token')

  const byQuery = await play(t, { env: { PROFILE_AUTH: 'query:oauth2_token', PROFILE_URL: '{url}/me?format=json' } })
  t.match(byQuery.page.json().user, user)
  t.equal(profileCall(byQuery.fake)?.headers['authorization'], undefined)
  t.same(Object.fromEntries(profileCall(byQuery.fake)?.query ?? []), { format: 'json', oauth2_token: 'an-access-token' })
})

t.test('dotted paths lead to everything, through arrays too', async t => {
  const { page } = await play(t, {
    env: {
      SUBJECT: 'data.0.uid',
      EMAIL: 'data.0.contact.mail',
      EMAIL_VERIFIED: 'data.0.contact.ok',
      NAME_CLAIM: 'data.0.who',
      PICTURE_CLAIM: 'data.0.photo.url'
    },
    answers: { '/me': { data: [{ uid: 'u-1', contact: { mail: 'ada@example.com', ok: true }, who: 'Ada', photo: { url: 'https://pictures.example/1' } }] } }
  })
  t.match(page.json().user, { sub: 'acme|u-1', email: 'ada@example.com', name: 'Ada', picture: 'https://pictures.example/1' })
})

t.test('a profile that is an array will do', async t => {
  const { page } = await play(t, { env: { SUBJECT: '0.id', EMAIL: '0.email', EMAIL_VERIFIED: '0.email_verified' }, answers: { '/me': [person] } })
  t.match(page.json().user, { sub: 'acme|7' })
})

t.test('R25 the subject is the exact text of what the provider has, or there is no login', async t => {
  for (const [id, sub] of [['7', 'acme|7'], ['9007199254740991', 'acme|9007199254740991'], ['"0042"', 'acme|0042'], ['-1', 'acme|-1']] as const) {
    const { page } = await play(t, { answers: { '/me': reply(200, `{"id":${id},"email":"ada@example.com","email_verified":true}`) } })
    t.equal(page.json().user.sub, sub, id)
  }
  for (const id of ['9007199254740993', '12345678901234567890', '1.5', 'true', 'null', '""', '[7]', '{}', '"a\\u0000b"', '"é"', `"${'x'.repeat(252)}"`]) {
    const { page } = await play(t, { answers: { '/me': reply(200, `{"id":${id},"email":"ada@example.com","email_verified":true}`) } })
    t.equal(code(page), 'provider_error', id)
  }
  const { page } = await play(t, { env: { SUBJECT: 'toString' } })
  t.equal(code(page), 'provider_error', 'what every object has is no subject')
})

t.test('R24 R30 an email counts only where the provider says `true`', async t => {
  const cases: Array<[unknown, string]> = [
    [false, 'email_not_verified'], ['true', 'email_not_verified'], [1, 'email_not_verified'], [null, 'email_not_verified'],
    [undefined, 'email_not_verified'], [['true'], 'email_not_verified'], [{}, 'email_not_verified']
  ]
  for (const [flag, refused] of cases) {
    const { page } = await play(t, { answers: { '/me': { ...person, email_verified: flag } } })
    t.equal(code(page), refused, String(flag))
  }
  for (const [email, refused] of [
    [undefined, 'email_missing'], [null, 'email_missing'], ['', 'email_missing'], [['ada@example.com'], 'email_invalid']
  ] as const) {
    const { page } = await play(t, { answers: { '/me': { ...person, email } } })
    t.equal(code(page), refused, String(email))
  }
})

t.test('R24 EMAIL_VERIFIED=always trusts a provider without a flag, for the domains that are listed', async t => {
  const env = { EMAIL_VERIFIED: 'always', EMAIL_DOMAINS: 'example.com' }
  const { page } = await play(t, { env, answers: { '/me': { id: 7, email: 'ada@example.com' } } })
  t.match(page.json().user, { email: 'ada@example.com' })
  const stranger = await play(t, { env, answers: { '/me': { id: 7, email: 'eve@evil.test' } } })
  t.equal(code(stranger.page), 'email_not_allowed')
})

t.test('R24 EMAIL_VERIFIED=always overrules no flag that says no, beside the email or at the top', async t => {
  const env = { EMAIL_VERIFIED: 'always', EMAIL_DOMAINS: 'example.com', EMAIL: 'user.email' }
  const email = 'ada@example.com'
  for (const [profile, verified] of [
    [{ user: { email, email_verified: false } }, false],
    [{ user: { email, verified_email: 0 } }, false],
    [{ user: { email }, email_verified: 'false' }, false],
    [{ user: { email, email_verified: null } }, true],
    [{ user: { email, email_verified: 'true' } }, true],
    [{ user: { email, verified: false } }, true] // whatever that is about
  ] as const) {
    const { page } = await play(t, { env, answers: { '/me': { id: 7, ...profile } } })
    t.equal(page.status === 200 ? 'ok' : code(page), verified ? 'ok' : 'email_not_verified', JSON.stringify(profile))
  }
})

t.test('R24 only emails of EMAIL_DOMAINS are taken from a provider that has them', async t => {
  const { page } = await play(t, { env: { EMAIL_DOMAINS: 'example.org' } })
  t.equal(code(page), 'email_not_allowed')
})

t.test('a member whose name has dots in it is found by its whole name, and nested ones as ever', async t => {
  const claim = (name: string) => `https://acme.example/${name}`
  const env = { SUBJECT: claim('id'), EMAIL: `user.${claim('email')}`, EMAIL_VERIFIED: claim('email.verified'), NAME_CLAIM: 'user.names.0.full.name' }
  const profile = {
    [claim('id')]: 'p-7',
    [claim('email.verified')]: true,
    user: { [claim('email')]: 'ada@example.com', names: [{ 'full.name': 'Ada' }] }
  }
  const { page } = await play(t, { env, answers: { '/me': profile } })
  t.match(page.json().user, { sub: 'acme|p-7', email: 'ada@example.com', name: 'Ada' })
  const nested = { id: 7, email: 'ada@example.com', user: { email_verified: false }, 'user.email_verified': true }
  const shadowed = await play(t, { env: { EMAIL_VERIFIED: 'user.email_verified' }, answers: { '/me': nested } })
  t.equal(code(shadowed.page), 'email_not_verified', 'what is nested comes first')
  const polluted = await play(t, { env: { EMAIL: '__proto__.email', EMAIL_VERIFIED: 'constructor.name' }, answers: { '/me': person } })
  t.equal(code(polluted.page), 'email_missing', 'only what the document has')
})

t.test('R17 the profile call is bounded: JSON by its label, 64 KiB, no redirects, one more try', async t => {
  for (const [what, answer, refused] of [
    ['HTML', reply(200, '<html></html>', 'text/html'), 'provider_error'],
    ['JSON labelled as text', reply(200, person, 'text/plain'), 'provider_error'],
    ['a redirect', reply(302, person), 'provider_error'],
    ['a member twice', reply(200, '{"id":1,"id":2}'), 'provider_error'],
    ['too much', { ...person, more: 'x'.repeat(64 * 1024) }, 'provider_error'],
    ['not found', reply(404, {}), 'provider_error']
  ] as const) {
    const { page } = await play(t, { answers: { '/me': answer } })
    t.equal(code(page), refused, what)
  }
  let calls = 0
  const { page } = await play(t, { answers: { '/me': () => calls++ === 0 ? reply(503, {}) : person } })
  t.match(page.json().user, user, 'a passing fault is tried once more')
  t.equal(calls, 2)
})

t.test('R8 refusals of the provider in every shape become ours, and no token is asked for', async t => {
  for (const [callback, refused] of [
    [{ error: 'access_denied', code: 'a-code' }, 'access_denied'],
    [{ error: 'user_cancelled_login' }, 'access_denied'],
    [{ error: 'access_denied', error_reason: 'user_denied', error_code: '200' }, 'access_denied'],
    [{ error_reason: 'user_denied' }, 'access_denied'],
    [{ denied: 'a-token' }, 'access_denied'],
    [{ error: 'server_error', error_description: '<script>' }, 'provider_unavailable'],
    [{ error: 'temporarily_unavailable', code: 'a-code' }, 'provider_unavailable'],
    [{ error: 'access_denied', error_reason: 'server_error' }, 'access_denied'],
    [{ error_reason: 'something' }, 'provider_error'],
    [{ error_code: '1349126' }, 'provider_error'],
    [{}, 'invalid_request']
  ] as Array<[Record<string, string>, string]>) {
    const { page, fake } = await play(t, { callback })
    t.equal(code(page), refused, JSON.stringify(callback))
    t.same(fake.requests, [], JSON.stringify(callback))
    t.notMatch(page.body, 'script')
  }
})

t.test('R75 neither log nor answer shows what the provider gave or we gave it', async t => {
  const leaks = reply(400, { error: 'invalid_grant', secret: 'leaked-by-provider' })
  for (const answers of [{}, { '/token': leaks }, { '/me': leaks }]) {
    const { log, page, authorization } = await play(t, { answers, env: { TOKEN_METHOD: 'GET', PROFILE_AUTH: 'query:token' } })
    const state = authorization.get('state') ?? '?'
    for (const secret of ['an-access-token', 's3:cr', 's3%3Acr', 'a-code', 'leaked-by-provider', state, 'ada@example.com']) {
      t.notMatch(log(), secret)
    }
    t.notMatch(page.body, 'leaked-by-provider')
  }
})

t.test('R82 a provider that is down fails its own logins alone', async t => {
  const { page } = await play(t, { env: { TOKEN_URL: 'http://127.0.0.1:1/token' } })
  t.equal(code(page), 'provider_unavailable')
  const direct = await play(t, { env: { TOKEN_URL: 'http://127.0.0.1:1/token', TOKEN_METHOD: 'GET' } })
  t.equal(code(direct.page), 'provider_unavailable')
})
