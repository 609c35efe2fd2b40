import t from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import { buildTestApp, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'

const frontend = 'https://app.example.com'
const allowing = { PUBLIC_URL: 'http://localhost:3000', ALLOWED_ORIGINS: frontend }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

/** A page of an allowed origin, and the person who is signed in there. */
async function scene (t: Teardown, env: Environment = {}) {
  const built = await buildTestApp(t, { ...allowing, ...env })
  const browser = new Browser(built.app, built.url)
  await devSignIn(browser)
  const cookie = () => [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const refreshed = async () => {
    const answer = await browser.visit('/auth/refresh', { method: 'POST', json: {} })
    return String(answer.json().access_token)
  }
  return { ...built, browser, cookie, refreshed, token: String(browser.cookies.get('handstamp')) }
}

t.test('a call with a content type and no body is a call without a body', async t => {
  const { app, cookie, browser } = await scene(t)
  const { sessions: [{ id }] } = (await browser.visit('/auth/sessions')).json()
  for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain', 'multipart/form-data', 'x/y']) {
    const call = (method: 'POST' | 'DELETE', url: string) =>
      app.inject({ method, url, headers: { cookie: cookie(), origin: frontend, 'content-type': type, 'content-length': '0' } })
    t.equal((await call('DELETE', '/auth/sessions/other')).statusCode, 404, `DELETE, ${type}`)
    const refresh = await call('POST', '/auth/refresh')
    t.equal(refresh.statusCode, 200, `refresh, ${type}`)
    for (const { name, value } of refresh.cookies) browser.cookies.set(name, value)
  }
  for (const [method, url] of [['DELETE', `/auth/sessions/${id}`], ['POST', '/auth/logout']] as const) {
    const headers = { cookie: cookie(), origin: frontend, 'content-type': 'application/json' }
    t.equal((await app.inject({ method, url, headers })).statusCode, 204)
  }
})

t.test('a script that posts a form is answered without a redirect, and a page with one', async t => {
  for (const [headers, status] of [
    [{ 'sec-fetch-mode': 'cors' }, 204],
    [{ 'sec-fetch-mode': 'same-origin', accept: 'text/html' }, 204],
    [{ accept: '*/*' }, 204],
    [{ accept: 'application/json' }, 204],
    [{ 'sec-fetch-mode': 'navigate', accept: 'text/html' }, 303],
    [{ accept: 'text/html,*/*;q=0.8' }, 303],
    [{}, 303]
  ] as const) {
    const { app, cookie, url } = await scene(t)
    const sent = { ...form, cookie: cookie(), origin: url, ...headers }
    const answer = await app.inject({ method: 'POST', url: '/auth/logout', headers: sent, payload: 'return_to=/bye' })
    t.equal(answer.statusCode, status, JSON.stringify(headers))
    t.equal(answer.headers['location'], status === 303 ? '/bye' : undefined)
  }
})

t.test('R52 a page that still shows an old token is signed out by its good cookie', async t => {
  const foreign = (await scene(t)).token
  for (const bearer of ['x.y.z', 'nonsense', '', foreign]) {
    const { app, cookie, browser } = await scene(t)
    const headers = { cookie: cookie(), origin: frontend, authorization: `Bearer ${bearer}` }
    t.equal((await app.inject({ method: 'POST', url: '/auth/logout', headers })).statusCode, 204)
    t.equal((await browser.visit('/auth/me')).status, 401)
  }
})

t.test('two tokens of one session are no conflict, and those of two sessions are', async t => {
  const { app, cookie, token, refreshed, travel } = await scene(t)
  await refreshed()
  const me = (bearer: string) => app.inject({ url: '/auth/me', headers: { cookie: cookie(), authorization: `Bearer ${bearer}` } })
  t.equal((await me(token)).statusCode, 200)
  const other = await scene(t)
  t.equal((await me(other.token)).json().code, 'invalid_request')
  travel(650)
  await refreshed()
  t.equal((await me(token)).statusCode, 200, 'the one that has expired does not matter')
})

t.test('R46 a page can read each refusal, and when to come again', async t => {
  const { app, cookie } = await scene(t, { RATE_LIMIT: '1' })
  const call = (method: 'GET' | 'POST' | 'DELETE' | 'PUT', url: string, more = {}) =>
    app.inject({ method, url, headers: { origin: frontend, cookie: cookie(), ...more } })
  for (const [answer, status] of [
    [await call('GET', '/auth/me', { cookie: '' }), 401],
    [await call('PUT', '/auth/me'), 405],
    [await app.inject({ method: 'POST', url: '/auth/logout', headers: { origin: frontend, 'content-type': 'text/html' }, payload: '<p>' }), 415],
    [await call('POST', '/auth/refresh', { cookie: '' }), 401],
    [await call('GET', `/auth/me?${'a=b&'.repeat(101)}`), 400],
    [await call('GET', `/auth/me?${'a'.repeat(8_200)}`), 414],
    [await call('POST', '/auth/refresh'), 429],
    [await call('DELETE', '/auth/sessions/x'), 429]
  ] as const) {
    t.equal(answer.statusCode, status, answer.body)
    t.equal(answer.headers['access-control-allow-origin'], frontend, String(status))
    t.equal(answer.headers['access-control-allow-credentials'], 'true')
    t.match(answer.headers['access-control-expose-headers'], 'Retry-After')
  }
  const stranger = await call('GET', '/auth/me', { origin: 'https://evil.test' })
  t.equal(stranger.headers['access-control-allow-origin'], undefined)
})

t.test('R46 any page may ask for leave to read the public documents', async t => {
  const { app } = await buildTestApp(t)
  for (const url of ['/.well-known/jwks.json', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
    const headers = { origin: 'https://any.test', 'access-control-request-method': 'GET', 'access-control-request-headers': 'cache-control, x-a' }
    const answer = await app.inject({ method: 'OPTIONS', url, headers })
    t.equal(answer.statusCode, 204)
    t.match(answer.headers, {
      'access-control-allow-origin': '*', 'access-control-allow-methods': /GET/, 'access-control-allow-headers': 'cache-control, x-a'
    })
    t.equal(answer.headers['access-control-allow-credentials'], undefined)
    const odd = await app.inject({ method: 'OPTIONS', url, headers: { ...headers, 'access-control-request-headers': 'a: b' } })
    t.equal(odd.headers['access-control-allow-headers'], undefined, 'what is no list of names is not repeated')
  }
})

t.test('everywhere is decided by the refresh cookie, not by an access cookie that a sibling host can set', async t => {
  const ada = await scene(t)
  const bob = new Browser(ada.app, ada.url)
  await devSignIn(bob, 'bob@example.com')
  const elsewhere = new Browser(ada.app, ada.url)
  await devSignIn(elsewhere, 'bob@example.com')
  // Bob's cookie was put in place of Ada's: she signs out everywhere.
  const cookie = `handstamp=${bob.cookies.get('handstamp')}; handstamp-refresh=${ada.browser.cookies.get('handstamp-refresh')}`
  const answer = await ada.app.inject({ method: 'POST', url: '/auth/logout', headers: { cookie, origin: ada.url }, payload: { everywhere: true } })
  t.equal(answer.statusCode, 204)
  t.equal((await elsewhere.visit('/auth/me')).status, 200, 'the other sessions of Bob go on')
  t.equal((await ada.browser.visit('/auth/me')).status, 401)
})

t.test('everywhere by the refresh token of a session that ended ends nobody else\'s sessions, by an access token alone its person\'s', async t => {
  const ada = await scene(t)
  const bob = new Browser(ada.app, ada.url)
  await devSignIn(bob, 'bob@example.com')
  const elsewhere = new Browser(ada.app, ada.url)
  await devSignIn(elsewhere, 'bob@example.com')
  const ended = ada.browser.cookies.get('handstamp-refresh')
  await ada.browser.visit('/auth/logout', { method: 'POST', json: {} })
  const everywhere = (cookie: string) =>
    ada.app.inject({ method: 'POST', url: '/auth/logout', headers: { cookie, origin: ada.url }, payload: { everywhere: true } })
  await everywhere(`handstamp=${bob.cookies.get('handstamp')}; handstamp-refresh=${ended}`)
  t.equal((await elsewhere.visit('/auth/me')).status, 200)
  await devSignIn(bob, 'bob@example.com')
  await everywhere(`handstamp=${bob.cookies.get('handstamp')}`)
  t.equal((await elsewhere.visit('/auth/me')).status, 401)
  for (const browser of [bob, elsewhere]) await devSignIn(browser, 'bob@example.com')
  const authorization = `Bearer ${bob.cookies.get('handstamp')}`
  await ada.app.inject({ method: 'POST', url: '/auth/logout', headers: { authorization }, payload: { everywhere: true } })
  t.equal((await elsewhere.visit('/auth/me')).status, 401)
})

t.test('R77 a URL that cannot be decoded is in the log like any other refusal', async t => {
  const { app, log } = await buildTestApp(t, allowing)
  t.equal((await app.inject({ url: '/auth/%zz' })).statusCode, 400)
  t.match(log(), /"route":"none","status":400,"code":"invalid_request","ip":"127\.0\.0\.1","msg":"request"/)
})

t.test('R77 a refusal is in the log with its code and whom it was for', async t => {
  const { app, log } = await buildTestApp(t, { ...allowing, RATE_LIMIT: '1' })
  const lines = () => log().split('\n').filter(Boolean).map(line => JSON.parse(line)).filter(({ msg }) => msg === 'request')
  for (let time = 0; time < 2; time++) await app.inject({ method: 'POST', url: '/auth/refresh', headers: { origin: frontend, cookie: 'handstamp-refresh=x' } })
  await app.inject({ url: '/auth/me', headers: { authorization: 'Bearer a.b.c' } })
  await app.inject({ method: 'POST', url: '/auth/logout', headers: { origin: 'https://evil.test', cookie: 'handstamp=x' } })
  t.match(lines(), [
    { status: 401, code: 'invalid_refresh_token', ip: '127.0.0.1' },
    { status: 429, code: 'rate_limited', ip: '127.0.0.1' },
    { status: 401, code: 'invalid_token', ip: '127.0.0.1' },
    { status: 429, code: 'rate_limited', ip: '127.0.0.1' }
  ])
})

t.test('a page on another site is told why it is not signed in, and the operator once for each origin', async t => {
  const { app, log } = await buildTestApp(t, allowing)
  const call = (headers: Record<string, string>) => app.inject({ url: '/auth/me', headers: { origin: frontend, 'sec-fetch-mode': 'cors', ...headers } })
  for (let time = 0; time < 3; time++) t.match((await call({ 'sec-fetch-site': 'cross-site' })).json(), { code: 'not_signed_in', detail: /another site/ })
  t.notMatch((await call({ 'sec-fetch-site': 'same-site' })).json().detail, /another site/)
  t.notMatch((await call({})).json().detail, /another site/)
  const warnings = () => log().split('\n').filter(line => line.includes('a page on another site'))
  t.equal(warnings().length, 1)
  t.match(warnings()[0], frontend)
  for (let stranger = 0; stranger < 50; stranger++) await call({ 'sec-fetch-site': 'cross-site', origin: `https://a${stranger}.test` })
  await call({ 'sec-fetch-site': 'cross-site', origin: 'not an origin' })
  t.ok(warnings().length <= 20, 'strangers do not fill the log')
})
