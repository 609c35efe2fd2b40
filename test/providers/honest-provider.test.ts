import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import t from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import { buildTestApp, freePort, type Teardown } from '../helpers/app.ts'
import { Browser, type Page } from '../helpers/browser.ts'
import { consentAt, honestProvider, type HonestOptions } from '../helpers/honest-provider.ts'

const json = { accept: 'application/json' }

interface Setting {
  id?: 'honest' | 'google'
  options?: HonestOptions
  env?: Environment
}

async function scene (t: Teardown, { id = 'honest', options = {}, env = {} }: Setting = {}) {
  const honest = await honestProvider(t, options)
  const built = await buildTestApp(t, { SIGNING_ALG: 'ES256', ...(id === 'google' ? honest.envAsGoogle : honest.env), ...env })
  const browser = new Browser(built.app, built.url)
  /** Through the provider's pages to the address it sends the browser back to. */
  const consent = (login = 'ada', path = `/auth/${id}`) => consentAt(browser, path, login, `${built.url}/auth/${id}/callback`)
  const signIn = async (login?: string, path?: string): Promise<Page> => browser.visit(await consent(login, path), { headers: json })
  return { ...built, honest, browser, consent, signIn }
}

t.test('a person signs in at a certified provider, and a service verifies the token with the public keys alone', async t => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const honest = await honestProvider(t, { url })
  const { app } = await buildTestApp(t, { ...honest.env, PUBLIC_URL: url, SIGNING_ALG: '' })
  await app.listen({ port, host: 'localhost' })
  const browser = new Browser(app, url)
  const done = await browser.visit(await consentAt(browser, '/auth/honest?return_to=/welcome', 'ada', `${url}/auth/honest/callback`))
  t.equal(done.status, 303)
  t.equal(done.headers['location'], '/welcome')

  const token = browser.cookies.get('handstamp') ?? ''
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`)), { issuer: url, audience: url, algorithms: ['RS256'] })
  t.match(payload, { sub: 'honest|ada', email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace', provider: 'honest' })
})

t.test('the same happens with Google and nothing else changes', async t => {
  for (const emailInIdToken of [true, false]) {
    const { honest, signIn, browser } = await scene(t, { id: 'google', options: { emailInIdToken }, env: { GOOGLE_HD: 'example.com' } })
    honest.accounts['ada'] = { ...honest.accounts['ada'], hd: 'example.com', picture: 'https://img.example.com/ada.png' }
    const answer = (await signIn()).json()
    t.match(answer.user, { sub: 'google|ada', email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace', provider: 'google' })
    t.match(decodeJwt(answer.access_token), { hd: 'example.com', picture: 'https://img.example.com/ada.png' })
    t.match((await browser.visit('/auth/me')).json(), { sub: 'google|ada' })
  }
})

t.test('R1 the start asks for a code with state, nonce and S256, and the provider accepts nothing less', async t => {
  const { browser, honest, url } = await scene(t)
  const metadata = (await browser.visit(`${honest.issuer}/.well-known/openid-configuration`)).json()
  t.match(metadata, { code_challenge_methods_supported: ['S256'], authorization_response_iss_parameter_supported: true })
  const start = new URL(String((await browser.visit('/auth/honest')).headers['location']))
  const asked = Object.fromEntries(start.searchParams)
  t.match(asked, { response_type: 'code', client_id: 'honest-client', redirect_uri: `${url}/auth/honest/callback`, code_challenge_method: 'S256' })
  t.same(asked['scope']?.split(' '), ['openid', 'email', 'profile'])
  t.match(asked['code_challenge'], /^[\w-]{43}$/)
  for (const name of ['state', 'nonce']) t.ok((asked[name]?.length ?? 0) >= 22, name)

  start.searchParams.delete('code_challenge')
  start.searchParams.delete('code_challenge_method')
  const refused = await browser.visit(start.href)
  t.match(new URL(String(refused.headers['location'])).searchParams.get('error'), 'invalid_request')
  t.ok(honest.requests.includes('GET /auth'))
})

t.test('R1 the code is traded with the verifier that fits the challenge, and with no other', async t => {
  const { browser, consent, honest } = await scene(t)
  const one = new URL(await consent())
  const other = new URL(await consent())
  const mixed = new URL(one)
  mixed.searchParams.set('code', String(other.searchParams.get('code')))
  const refused = await browser.visit(mixed.href, { headers: json })
  t.equal(refused.status, 502)
  t.equal(refused.json().code, 'provider_error')
  t.equal(honest.requests.filter(request => request === 'POST /token').length, 1, 'it was the provider that refused')
})

t.test('R14 an email that is in userinfo alone is fetched from there once', async t => {
  const { honest, signIn } = await scene(t)
  t.match((await signIn()).json(), { user: { email: 'ada@example.com' } })
  t.equal(honest.requests.filter(request => request === 'GET /me').length, 1)
})

t.test('R14 an email that the id_token carries costs no further request', async t => {
  const { honest, signIn } = await scene(t, { options: { emailInIdToken: true } })
  t.match((await signIn()).json(), { user: { email: 'ada@example.com' } })
  t.notOk(honest.requests.includes('GET /me'))
})

t.test('R24 an email that the provider has not verified is refused, wherever it says so', async t => {
  for (const emailInIdToken of [true, false]) {
    const { honest, signIn, browser } = await scene(t, { options: { emailInIdToken } })
    for (const [verified, email, code] of [[false, 'ada@example.com', 'email_not_verified'], ['true', 'ada@example.com', 'email_not_verified'],
      [1, 'ada@example.com', 'email_not_verified'], [undefined, 'ada@example.com', 'email_not_verified'], [true, undefined, 'email_missing']] as const) {
      honest.accounts['ada'] = { ...(email && { email }), ...(verified !== undefined && { email_verified: verified }) }
      const refused = await signIn()
      t.equal(refused.status, 403, `${String(verified)} ${email}`)
      t.equal(refused.json().code, code)
      t.notOk(browser.cookies.has('handstamp'))
    }
  }
})

t.test('R7 an answer without iss is refused, as this provider promises to send it', async t => {
  const { browser, consent, honest } = await scene(t)
  for (const iss of [undefined, 'https://evil.test', `${honest.issuer}/`, '']) {
    const callback = new URL(await consent())
    t.equal(callback.searchParams.get('iss'), honest.issuer)
    callback.searchParams.delete('iss')
    if (iss !== undefined) callback.searchParams.set('iss', iss)
    const refused = await browser.visit(callback.href, { headers: json })
    t.equal(refused.status, 400, String(iss))
    t.equal(refused.json().code, iss === '' ? 'invalid_request' : 'issuer_mismatch')
  }
  t.notOk(honest.requests.includes('POST /token'))
})

t.test('a login that is cancelled at the provider goes back to where it was started, and no code is traded', async t => {
  const { browser, honest, url } = await scene(t, { env: { ALLOWED_ORIGINS: 'https://app.example.com' } })
  const page = await browser.follow('/auth/honest?return_to=https://app.example.com/home?tab=1%23top')
  const [, abort = ''] = /href="([^"]*\/abort)"/.exec(page.body) ?? []
  const cancelled = await browser.follow(abort, {}, location => location.startsWith(url))
  const done = await browser.visit(String(cancelled.headers['location']))
  t.equal(done.status, 303)
  const target = new URL(String(done.headers['location']))
  t.equal(target.origin + target.pathname + target.hash, 'https://app.example.com/home#top')
  t.match(Object.fromEntries(target.searchParams), { tab: '1', error: 'access_denied', error_code: 'access_denied', error_description: /cancelled or denied/ })
  t.notOk(honest.requests.includes('POST /token'))
  t.notOk(browser.cookies.has('handstamp'))
})

t.test('whoever is known to the provider already comes back without a page', async t => {
  const { browser, signIn, url } = await scene(t)
  await signIn()
  const back = await browser.follow('/auth/honest?prompt=none', {}, location => location.startsWith(url))
  t.equal((await browser.visit(String(back.headers['location']), { headers: json })).json().user.sub, 'honest|ada')
})

t.test('prompt=none at a provider that does not know the person is a denial', async t => {
  const { browser, url } = await scene(t)
  const back = await browser.follow('/auth/honest?prompt=none', {}, location => location.startsWith(url))
  const done = await browser.visit(String(back.headers['location']), { headers: json })
  t.equal(done.status, 403)
  t.equal(done.json().code, 'access_denied')
})

t.test('a login_hint arrives at the provider', async t => {
  const { browser } = await scene(t)
  const page = await browser.follow('/auth/honest?login_hint=ada%40example.com')
  t.match(page.body, 'value="ada@example.com"')
})

t.test('R25 the subject is the provider\'s own id, whatever email the person has', async t => {
  const { honest, signIn } = await scene(t)
  const first = (await signIn()).json().user
  honest.accounts['ada'] = { email: 'countess@example.org', email_verified: true }
  honest.accounts['mallory'] = { email: 'ada@example.com', email_verified: true }
  t.match((await signIn('ada', '/auth/honest?prompt=login')).json().user, { sub: first.sub, email: 'countess@example.org' })
  t.match((await signIn('mallory', '/auth/honest?prompt=login')).json().user, { sub: 'honest|mallory', email: 'ada@example.com' })
})

t.test('a wrong client secret is the operator\'s problem: the login fails and the log says where', async t => {
  const { consent, browser, log } = await scene(t, { env: { OIDC_HONEST_CLIENT_SECRET: 'not-the-secret' } })
  const refused = await browser.visit(await consent(), { headers: json })
  t.equal(refused.json().code, 'provider_error')
  t.match(log(), '401')
  t.notMatch(log(), 'not-the-secret')
})
