import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { inflateSync } from 'node:zlib'
import t from 'tap'
import type { Environment } from '../../../src/env/environment.ts'
import { EmbeddedStore } from '../../../src/stores/embedded/embedded-store.ts'
import { StoreError } from '../../../src/stores/store.ts'
import { audited, buildTestApp, listeningTestApp, type Teardown } from '../../helpers/app.ts'
import { Browser, devSignIn } from '../../helpers/browser.ts'
import { eventually } from '../../helpers/eventually.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'
import { openTestState } from '../../helpers/state.ts'
import { subjectIdOf } from '../../../src/sessions/refresh-tokens.ts'

const post = { method: 'POST', json: {} } as const

/** Somebody signed in, and what their browser does next. */
async function scene (t: Teardown, env: Environment = {}) {
  const built = await buildTestApp(t, env)
  const browser = new Browser(built.app, built.url)
  const login = await devSignIn(browser)
  const token = () => browser.cookies.get('handstamp') ?? ''
  const refreshToken = () => browser.cookies.get('handstamp-refresh') ?? ''
  const refresh = (cookie = refreshToken(), headers = {}) => built.app.inject({
    method: 'POST', url: '/auth/refresh', headers: { cookie: `handstamp-refresh=${cookie}`, origin: built.url, ...headers }
  })
  const me = (bearer = token()) => built.app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${bearer}` } })
  return { ...built, browser, login, token, refreshToken, refresh, me }
}

const cookieLine = (headers: Record<string, unknown>, name: string): string | undefined =>
  [headers['set-cookie'] ?? []].flat().map(String).find(line => line.startsWith(`${name}=`))

/** The next removal from the store fails. */
function failToRemoveOnce (t: Pick<typeof import('tap').t, 'intercept'>): void {
  const { remove } = EmbeddedStore.prototype
  let fails = 1
  t.intercept(EmbeddedStore.prototype, 'remove', {
    async value (this: EmbeddedStore, key: string) {
      if (fails-- > 0) throw new StoreError('away')
      return remove.call(this, key)
    }
  })
}

// Cookies

t.test('R60 a login sets the refresh cookie for the idle time, and the access cookie for the token\'s', async t => {
  for (const [PUBLIC_URL, prefix, secure] of [['http://localhost:3000', '', ''], ['https://localhost:3000', '__Host-', ' Secure;']] as const) {
    const { app, url } = await buildTestApp(t, { PUBLIC_URL, DEV_LOGIN: 'true', SESSION_IDLE_TTL: '5d' })
    const { headers } = await devSignIn(new Browser(app, url))
    t.match(cookieLine(headers, `${prefix}handstamp-refresh`), new RegExp(`^\\S{100,130}; Max-Age=(432000|431999); Path=/; HttpOnly;${secure} SameSite=Lax$`))
    t.match(cookieLine(headers, `${prefix}handstamp`), new RegExp(`; Max-Age=59[45]; Path=/; HttpOnly;${secure} SameSite=Lax$`))
  }
})

t.test('R60 with COOKIE_DOMAIN the refresh cookie stays with this host alone', async t => {
  const { app, url } = await buildTestApp(t, { PUBLIC_URL: 'https://auth.example.com', GOOGLE_CLIENT_ID: 'x', GOOGLE_CLIENT_SECRET: 'y', COOKIE_DOMAIN: 'example.com' })
  const { headers } = await new Browser(app, url).visit('/auth/logout', { ...post, headers: { origin: url } })
  t.match(cookieLine(headers, '__Secure-handstamp'), 'Domain=example.com')
  t.notMatch(cookieLine(headers, '__Host-handstamp-refresh'), 'Domain')
})

// Refreshing

t.test('R47 R51 a refresh gives a new token of the same session, in the answer and in the cookies', async t => {
  const { refresh, token, refreshToken } = await scene(t)
  const [before, old] = [decodeJwt(token()), refreshToken()]
  const answer = await refresh()
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store' })
  const { access_token: access, ...rest } = answer.json()
  t.match(rest, { token_type: 'Bearer', expires_in: 595, user: { email: 'ada@example.com' } })
  t.notOk('refresh_token' in rest)
  t.equal(cookieLine(answer.headers, 'handstamp')?.split(';')[0], `handstamp=${access}`)
  const next = cookieLine(answer.headers, 'handstamp-refresh')?.split(';')[0]?.split('=')[1]
  t.not(next, old)
  const after = decodeJwt(access)
  t.same([after['sid'], after.sub, after['auth_time']], [before['sid'], before.sub, before['auth_time']])
  t.not(after.jti, before.jti)
})

t.test('R47 R48 a token that was used gets the same successor for ten seconds, later twice in a day, and then ends the session', async t => {
  const { refresh, refreshToken, travel, me, log } = await scene(t)
  const first = refreshToken()
  const [one, two] = [await refresh(first), await refresh(first)]
  const successor = (answer: typeof one) => cookieLine(answer.headers, 'handstamp-refresh')?.split(';')[0]
  t.equal(successor(one), successor(two))
  t.equal((await me(two.json().access_token)).statusCode, 200)
  t.equal(audited(log()).length, 1, 'which is nothing to remember')

  travel(11)
  const repeated = [await refresh(first), await refresh(first)]
  for (const answer of repeated) {
    t.equal(answer.statusCode, 200)
    t.equal(successor(answer), successor(one))
  }
  const late = await refresh(first)
  t.match(late.json(), { status: 401, code: 'invalid_refresh_token' })
  const facts = { ip: '127.0.0.1', provider: 'dev', sid: decodeJwt(one.json().access_token)['sid'] }
  t.match(audited(log()), [
    { audit: 'login_succeeded' },
    { audit: 'refresh_repeated', level: 30, reqId: String, ...facts },
    { audit: 'refresh_repeated', level: 30, ...facts },
    { audit: 'refresh_token_reused', level: 40, reqId: late.json().request_id, ...facts }
  ])
  t.match(late.headers['www-authenticate'], 'Bearer')
  for (const name of ['handstamp', 'handstamp-refresh']) t.match(cookieLine(late.headers, name), 'Max-Age=0')
  t.equal((await me(one.json().access_token)).json().code, 'revoked_token')
  t.equal((await refresh(successor(one)?.split('=')[1])).json().code, 'invalid_refresh_token')
  t.equal(audited(log()).length, 4)
})

t.test('R48 what was never issued is refused and ends nothing', async t => {
  const { refresh, refreshToken } = await scene(t)
  const real = Buffer.from(refreshToken(), 'base64url')
  const changed = (at: number) => { const bytes = Buffer.from(real); bytes[at] = (bytes[at] ?? 0) ^ 1; return bytes.toString('base64url') }
  for (const forged of ['x', 'A'.repeat(103), `${refreshToken()}A`, refreshToken().slice(0, -1), ...[0, 10, 26, 28, 30, 60, 61, 76].map(changed)]) {
    t.equal((await refresh(forged)).json().code, 'invalid_refresh_token', forged)
  }
  t.equal((await refresh()).statusCode, 200)
})

t.test('R66 without a refresh cookie, or with two, there is no refresh', async t => {
  const { app, url, refresh, refreshToken, token } = await scene(t)
  const none = await app.inject({ method: 'POST', url: '/auth/refresh', headers: { origin: url, cookie: `handstamp=${token()}` } })
  t.equal(none.json().code, 'invalid_refresh_token')
  t.equal((await refresh(`${refreshToken()}; handstamp-refresh=planted`)).json().code, 'invalid_refresh_token')
  t.equal((await refresh()).statusCode, 200, 'R66 and nothing was lost')
})

t.test('R62 only our own origin and those of ALLOWED_ORIGINS refresh', async t => {
  const { refresh } = await scene(t, { ALLOWED_ORIGINS: 'https://app.example.com,https://*.preview.example.com' })
  for (const headers of [{ origin: 'https://evil.test' }, { origin: 'https://a.preview.example.com' }, { origin: 'null' },
    { origin: 'null', 'sec-fetch-site': 'same-site' }]) {
    t.match((await refresh(undefined, headers)).json(), { status: 403, code: 'cross_site_request' }, JSON.stringify(headers))
  }
  const answer = await refresh(undefined, { origin: 'https://app.example.com' })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'access-control-allow-origin': 'https://app.example.com', 'access-control-allow-credentials': 'true' })
})

t.test('R50 a session ends when nobody uses it, and in any case at its absolute end', async t => {
  const idle = await scene(t, { SESSION_IDLE_TTL: '1h', SESSION_MAX_TTL: '3h' })
  idle.travel(3590)
  t.equal((await idle.browser.visit('/auth/refresh', post)).status, 200)
  idle.travel(3601)
  t.equal((await idle.browser.visit('/auth/refresh', post)).status, 401)

  const busy = await scene(t, { SESSION_IDLE_TTL: '1h', SESSION_MAX_TTL: '3h' })
  for (let time = 0; time < 3; time++) {
    busy.travel(3000)
    t.equal((await busy.browser.visit('/auth/refresh', post)).status, 200)
  }
  const last = await busy.browser.visit('/auth/refresh', post)
  t.match(cookieLine(last.headers, 'handstamp-refresh'), /Max-Age=1[78]\d\d;/, 'the cookie ends with the session')
  busy.travel(1801)
  t.equal((await busy.browser.visit('/auth/refresh', post)).json().code, 'invalid_refresh_token')
})

t.test('R75 no refresh token is in any log', async t => {
  const { browser, refreshToken, log } = await scene(t)
  const tokens = [refreshToken()]
  for (let time = 0; time < 3; time++) {
    await browser.visit('/auth/refresh', post)
    tokens.push(refreshToken())
  }
  t.equal(new Set(tokens).size, 4)
  for (const token of tokens) t.notMatch(log(), token)
})

// The sign-in page goes on with a live session

t.test('the sign-in page refreshes a live session and goes straight on', async t => {
  const { browser, travel, refreshToken } = await scene(t, { ALLOWED_ORIGINS: 'https://app.example.com' })
  travel(3600)
  const before = refreshToken()
  const answer = await browser.visit('/auth/login?return_to=https://app.example.com/home')
  t.same([answer.status, answer.headers['location']], [303, 'https://app.example.com/home'])
  t.not(refreshToken(), before)
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('the sign-in page is shown to whoever has no session any more, and clears what is left of it', async t => {
  const { browser, travel } = await scene(t)
  travel(15 * 86_400)
  const answer = await browser.visit('/auth/login')
  t.equal(answer.status, 200)
  t.match(answer.body, 'Continue with')
  t.equal(browser.cookies.has('handstamp-refresh'), false)
})

t.test('a browser that fetches ahead refreshes nothing', async t => {
  const { browser, travel, refreshToken } = await scene(t)
  travel(3600)
  const before = refreshToken()
  t.equal((await browser.visit('/auth/login', { headers: { 'sec-purpose': 'prefetch' } })).status, 200)
  t.equal(refreshToken(), before)
})

// Another site sends the browser to the sign-in page

const crossSite = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

t.test('R48 a navigation that another site began rotates nothing: the page loads itself once, and then goes on', async t => {
  const { browser, travel, refreshToken, log } = await scene(t)
  travel(3600)
  browser.cookies.delete('handstamp') // as browsers do
  const before = refreshToken()
  const address = '/auth/login?return_to=%2Fpage%3Fa%3D1%26b%3D2'
  for (let time = 0; time < 5; time++) {
    const answer = await browser.visit(address, { headers: crossSite })
    t.equal(answer.status, 200)
    t.match(answer.headers, { refresh: '0', vary: 'Cookie, Sec-Fetch-Site', 'cache-control': 'no-store' })
    t.match(answer.headers, { 'cross-origin-opener-policy': 'same-origin', 'x-frame-options': 'DENY' })
    t.notOk(answer.headers['set-cookie'])
    t.match(answer.body, 'href="/auth/login?return_to=%2Fpage%3Fa%3D1%26b%3D2"')
    travel(60)
  }
  t.equal(refreshToken(), before)
  const again = await browser.visit(address, { headers: { ...crossSite, 'sec-fetch-site': 'same-origin' } })
  t.same([again.status, again.headers['location'], again.headers['refresh']], [303, '/page?a=1&b=2', undefined])
  t.not(refreshToken(), before)
  t.equal(audited(log()).length, 1)
})

t.test('R48 who sent the browser decides: ourselves, the person and trusted origins refresh, others do not', async t => {
  const { app, url, browser, refreshToken } = await scene(t, { ALLOWED_ORIGINS: 'https://app.example.com,https://*.preview.example.com' })
  const friends = [
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-site', referer: 'https://app.example.com/' },
    { 'sec-fetch-site': 'none', referer: 'https://evil.test/' },
    {},
    { referer: `${url}/auth/account` },
    { referer: 'https://app.example.com/page' }
  ]
  const strangers = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site', referer: `${url}/` },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'same-site', referer: 'https://evil.example.com/' },
    { 'sec-fetch-site': 'same-site', referer: 'https://a.preview.example.com/' },
    { 'sec-fetch-site': 'same-site', referer: 'about:blank' },
    { 'sec-fetch-site': '' },
    { referer: 'https://evil.test/' },
    { referer: 'https://app.example.com.evil.test/' },
    { referer: 'not an address' }
  ]
  const visit = (headers: Record<string, string>) =>
    app.inject({ url: '/auth/login', headers: { accept: 'text/html', cookie: `handstamp-refresh=${refreshToken()}`, ...headers } })
  for (const headers of strangers) {
    const answer = await visit(headers)
    t.match([answer.statusCode, answer.headers['refresh'], answer.headers['set-cookie']], [200, '0', undefined], JSON.stringify(headers))
  }
  for (const headers of friends) {
    const before = refreshToken()
    const answer = await browser.visit('/auth/login', { headers })
    t.equal(answer.status, 303, JSON.stringify(headers))
    t.not(refreshToken(), before)
  }
})

t.test('R48 a navigation that another site began goes straight on with a good access cookie, and rotates nothing', async t => {
  const { browser, refreshToken } = await scene(t)
  const before = refreshToken()
  const answer = await browser.visit('/auth/login?return_to=/page', { headers: crossSite })
  t.same([answer.status, answer.headers['location']], [303, '/page'])
  t.equal(refreshToken(), before)
  t.notOk(answer.headers['set-cookie'])
})

t.test('R48 a navigation that another site began shows the sign-in page to whoever has no refresh cookie, or fetches ahead', async t => {
  const { app, browser } = await scene(t)
  const none = await app.inject({ url: '/auth/login', headers: { accept: 'text/html', ...crossSite } })
  t.match(none.body, 'Continue with')
  t.equal(none.headers['refresh'], undefined)
  browser.cookies.delete('handstamp')
  const ahead = await browser.visit('/auth/login', { headers: { ...crossSite, 'sec-purpose': 'prefetch' } })
  t.match(ahead.body, 'Continue with')
  t.equal(ahead.headers['refresh'], undefined)
})

t.test('the sign-in page is counted like a refresh when it brings a refresh cookie, and only then', async t => {
  const { app, url, browser } = await scene(t, { RATE_LIMIT: '8' })
  for (let time = 0; time < 20; time++) t.equal((await app.inject({ url: '/auth/login', headers: { accept: 'text/html' } })).statusCode, 200)
  for (let time = 0; time < 4; time++) t.equal((await browser.visit('/auth/refresh', post)).status, 200)
  for (let time = 0; time < 2; time++) t.equal((await browser.visit('/auth/login')).status, 303)
  for (let time = 0; time < 2; time++) t.equal((await browser.visit('/auth/login', { headers: crossSite })).status, 303)
  const answer = await browser.visit('/auth/login')
  t.equal(answer.status, 429)
  t.match(answer.headers, { 'retry-after': /^\d+$/, 'content-type': /^text\/html/ })
  t.equal((await browser.visit('/auth/refresh', post)).status, 429)
  t.equal((await new Browser(app, url).visit('/auth/login')).status, 200)
})

// Sessions

t.test('R65 another login in the same browser begins another session and ends the one before', async t => {
  const { browser, token, refresh, refreshToken, me } = await scene(t)
  const [old, oldRefresh] = [token(), refreshToken()]
  await devSignIn(browser, 'grace@example.com')
  t.not(decodeJwt(token())['sid'], decodeJwt(old)['sid'])
  t.equal((await me(old)).json().code, 'revoked_token')
  t.equal((await refresh(oldRefresh)).statusCode, 401)
})

t.test('a person sees where they are signed in, and signs out somewhere else', async t => {
  const { app, url, browser } = await scene(t)
  const phone = new Browser(app, url)
  await devSignIn(phone, 'ada@example.com', { headers: { 'user-agent': 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Mobile Safari/604.1' } })
  await devSignIn(new Browser(app, url), 'grace@example.com')

  const { sessions } = (await browser.visit('/auth/sessions')).json()
  t.equal(sessions.length, 2, 'and nobody else\'s')
  const [here] = sessions.filter(({ current }: { current: boolean }) => current)
  const [there] = sessions.filter(({ current }: { current: boolean }) => !current)
  t.equal(here.device, 'Unknown device')
  t.match(there, { device: 'Safari on iPhone', expires_at: there.created_at + 30 * 86_400, last_used_at: there.created_at })
  t.match((await browser.visit('/auth/account')).body, 'Safari on iPhone')

  t.equal((await browser.visit(`/auth/sessions/${there.id}`, { method: 'DELETE', headers: { origin: url } })).status, 204)
  t.equal((await phone.visit('/auth/me')).json().code, 'revoked_token')
  t.equal((await phone.visit('/auth/refresh', post)).status, 401)
  t.equal((await browser.visit('/auth/me')).status, 200)
  t.match((await browser.visit(`/auth/sessions/${there.id}`, { method: 'DELETE', headers: { origin: url } })).json(), { status: 404, code: 'not_found' })
})

t.test('a person with very many sessions sees them by the page, at no more cost than those with a hundred', async t => {
  const { app, browser, dataDir, token } = await scene(t, { SESSIONS_PER_PERSON: '1000' })
  const { sub = '', sid } = decodeJwt(token())
  const { store } = await openTestState(t, { DATA_DIR: dataDir })
  const folder = `sessions/${subjectIdOf(sub)}/`
  const text = await store.get(`${folder}${String(sid)}`) ?? ''
  const fill = (from: number, to: number) => Promise.all(Array.from({ length: to - from }, (_, number) =>
    store.put(folder + String(from + number).padStart(22, 'x'), text, Math.floor(store.now() / 1000) + 86_400)))
  const cookie = `handstamp=${token()}`
  const get = (url: string) => app.inject({ url, headers: { cookie, accept: 'text/html' } })
  const cost = async (url: string) => {
    const costs: number[] = []
    for (let time = 0; time < 15; time++) {
      const before = process.cpuUsage()
      t.equal((await get(url)).statusCode, 200)
      const { user, system } = process.cpuUsage(before)
      costs.push(user + system)
    }
    return costs.sort((one, other) => one - other)[5] ?? 0
  }
  const urls = ['/auth/sessions', '/auth/account']
  await fill(0, 99)
  for (const url of urls) await cost(url)
  const few = [await cost('/auth/sessions'), await cost('/auth/account')]
  await fill(99, 6_000)
  for (const [index, url] of urls.entries()) {
    const many = await cost(url)
    t.ok(many < 4 * (few[index] ?? 0), `${url}: ${many} us, and ${few[index]} us with a hundred`)
  }

  const seen = new Set<string>()
  let from: string | undefined
  do {
    const { sessions, next } = (await get(`/auth/sessions${from === undefined ? '' : `?from=${from}`}`)).json()
    t.ok(sessions.length <= 101)
    if (from === undefined) t.match(sessions[0], { id: sid, current: true })
    for (const { id, current } of sessions) {
      t.equal(current, id === sid)
      seen.add(id)
    }
    from = next
  } while (from !== undefined)
  t.equal(seen.size, 6_001)
  const page = await get('/auth/account')
  t.ok([100, 101].includes([...page.body.matchAll(/<li>/g)].length))
  t.match(page.body, 'this one')
  t.match(page.body, 'There are more')
  for (const bad of ['', '%20', '../x', 'x'.repeat(65), 'a&from=b']) t.equal((await get(`/auth/sessions?from=${bad}`)).json().code, 'invalid_request', bad)
  const { id } = (await browser.visit('/auth/me')).json().session
  t.equal(id, sid)
})

t.test('the oldest session ends when one more begins than SESSIONS_PER_PERSON, and the log says for which', async t => {
  const { app, url, browser, token, me, log } = await scene(t, { SESSIONS_PER_PERSON: '2' })
  const tokens = [token()]
  for (let number = 0; number < 2; number++) {
    const other = new Browser(app, url)
    await devSignIn(other)
    tokens.push(other.cookies.get('handstamp') ?? '')
  }
  t.equal((await me(tokens[0])).json().code, 'revoked_token')
  t.equal((await browser.visit('/auth/refresh', post)).status, 401)
  for (const token of tokens.slice(1)) t.equal((await me(token)).statusCode, 200)
  const [first, , third] = tokens.map(token => decodeJwt(token)['sid'])
  t.match(audited(log()).filter(({ audit }) => audit === 'session_ended'), [{ sid: first, by: third, limit: 2, provider: 'dev' }])
})

t.test('the list of sessions and the account page are counted', async t => {
  const { browser } = await scene(t, { RATE_LIMIT: '6' })
  for (let time = 0; time < 3; time++) for (const path of ['/auth/sessions', '/auth/account']) t.equal((await browser.visit(path)).status, 200)
  for (const path of ['/auth/sessions', '/auth/account']) t.equal((await browser.visit(path)).status, 429)
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('nobody ends a session of somebody else', async t => {
  const { app, url, browser } = await scene(t)
  const other = new Browser(app, url)
  await devSignIn(other, 'grace@example.com')
  const { session } = (await other.visit('/auth/me')).json()
  t.equal((await browser.visit(`/auth/sessions/${session.id}`, { method: 'DELETE', headers: { origin: url } })).status, 404)
  t.equal((await other.visit('/auth/me')).status, 200)
})

t.test('R62 ending a session by cookie takes our origin, by bearer it does not', async t => {
  const { app, browser, token } = await scene(t)
  const { session } = (await browser.visit('/auth/me')).json()
  const path = `/auth/sessions/${session.id}`
  t.equal((await browser.visit(path, { method: 'DELETE', headers: { origin: 'https://evil.test' } })).json().code, 'cross_site_request')
  const ended = await app.inject({ method: 'DELETE', url: path, headers: { authorization: `Bearer ${token()}` } })
  t.equal(ended.statusCode, 204)
  t.match(cookieLine(ended.headers, 'handstamp'), 'Max-Age=0', 'it was this one')
})

t.test('R52 signing out ends the session by the refresh token alone when the access token is over', async t => {
  const { browser, travel, refreshToken, refresh } = await scene(t)
  travel(3600)
  browser.cookies.delete('handstamp') // as browsers do
  const token = refreshToken()
  t.equal((await browser.visit('/auth/logout', post)).status, 204)
  for (const name of ['handstamp', 'handstamp-refresh']) t.notOk(browser.cookies.has(name))
  t.equal((await refresh(token)).json().code, 'invalid_refresh_token')
})

t.test('R52 signing out everywhere ends every session of the person, and nobody else\'s', async t => {
  const { app, url, browser } = await scene(t)
  const [phone, other] = [new Browser(app, url), new Browser(app, url)]
  await devSignIn(phone)
  await devSignIn(other, 'grace@example.com')
  t.equal((await browser.visit('/auth/logout', { method: 'POST', json: { everywhere: true } })).status, 204)
  t.equal((await phone.visit('/auth/me')).json().code, 'revoked_token')
  t.equal((await phone.visit('/auth/refresh', post)).status, 401)
  t.equal((await other.visit('/auth/refresh', post)).status, 200)
})

t.test('R52 an access token that is over signs its own session out, and no other', async t => {
  for (const everywhere of [false, true]) {
    const { app, url, token, refresh, travel } = await scene(t)
    const other = new Browser(app, url)
    await devSignIn(other)
    travel(3600)
    const headers = { authorization: `Bearer ${token()}` }
    t.equal((await app.inject({ method: 'POST', url: '/auth/logout', headers, payload: { everywhere } })).statusCode, 204)
    t.equal((await refresh()).statusCode, 401)
    t.equal((await other.visit('/auth/refresh', post)).status, 200)
  }
})

t.test('R52 signing out everywhere can be tried again until all of it is done', async t => {
  const { app, url, browser } = await scene(t)
  const other = new Browser(app, url)
  await devSignIn(other)
  failToRemoveOnce(t)
  const everywhere = { method: 'POST', json: { everywhere: true } } as const
  t.equal((await browser.visit('/auth/logout', everywhere)).status, 503)
  t.equal((await browser.visit('/auth/me')).status, 200, 'it can still say who it is')
  t.equal((await browser.visit('/auth/logout', everywhere)).status, 204)
  t.equal((await other.visit('/auth/refresh', post)).status, 401)
  t.equal((await browser.visit('/auth/me')).status, 401)
})

t.test('TOKEN_STATUS that is turned off leaves no token with a list that nobody serves', async t => {
  const { app, browser, dataDir } = await scene(t, { TOKEN_STATUS: 'true' })
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  await app.close()
  const later = await buildTestApp(t, { DATA_DIR: dataDir })
  const answer = await later.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: later.url } })
  t.notOk('status' in decodeJwt(answer.json().access_token))
})

t.test('R56 R77 whoever is blocked loses the session at the next refresh, and that is audited', async t => {
  const { app, browser, dataDir, token } = await scene(t)
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  await app.close()
  const later = await buildTestApp(t, { DATA_DIR: dataDir, BLOCKED_EMAILS: 'ada@example.com' })
  const refresh = () => later.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: later.url } })
  t.match((await refresh()).json(), { status: 403, code: 'email_not_allowed' })
  t.match((await refresh()).json(), { code: 'invalid_refresh_token' }, 'and it is gone')
  const { sid } = decodeJwt(token())
  t.match(audited(later.log()), [{ audit: 'session_ended', ip: '127.0.0.1', sid, provider: 'dev', code: 'email_not_allowed' }])
  t.equal(audited(later.log()).length, 1)
})

t.test('a session of a provider that is no longer there ends: the dev login does not live on in production', async t => {
  const { app, browser, dataDir } = await scene(t)
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  await app.close()
  const later = await buildTestApp(t, { DATA_DIR: dataDir, GOOGLE_CLIENT_ID: 'x', GOOGLE_CLIENT_SECRET: 'y' })
  const answer = await later.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: later.url } })
  t.equal(answer.json().code, 'email_not_allowed')
})

t.test('L35 R77 a session whose token became too large ends at the refresh, and that is audited', async t => {
  const rogue = await rogueProvider(t)
  rogue.claims = { name: 'x'.repeat(1_400) }
  const before = await buildTestApp(t, rogue.env)
  const other = new Browser(before.app, before.url)
  const start = await other.visit('/auth/rogue')
  const query = new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()
  t.equal((await other.visit(`/auth/rogue/callback?${query}`)).status, 303)
  const held = [...other.cookies].map(pair => pair.join('=')).join('; ')
  await before.app.close()
  const after = await buildTestApp(t, { ...rogue.env, DATA_DIR: before.dataDir, TOKEN_CLAIMS: JSON.stringify({ note: 'x'.repeat(1_400) }) })
  const refresh = () => after.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie: held, origin: after.url } })
  t.match((await refresh()).json(), { status: 502, code: 'provider_error' })
  t.match((await refresh()).json(), { status: 401, code: 'invalid_refresh_token' })
  t.match(audited(after.log()), [{ audit: 'session_ended', provider: 'rogue', code: 'provider_error' }])
})

t.test('a login that cannot end the session before it leaves no session of its own', async t => {
  const { app, url, browser } = await scene(t)
  failToRemoveOnce(t)
  t.equal((await devSignIn(browser)).status, 503)
  const other = new Browser(app, url)
  await devSignIn(other)
  t.equal((await other.visit('/auth/sessions')).json().sessions.length, 1)
})

t.test('R52 a bearer token from before TOKEN_TTL was shorter signs out', async t => {
  const { app, browser, token, dataDir } = await scene(t)
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  await app.close()
  const later = await buildTestApp(t, { DATA_DIR: dataDir, TOKEN_TTL: '5m' })
  const headers = { authorization: `Bearer ${token()}` }
  t.equal((await later.app.inject({ url: '/auth/me', headers })).json().code, 'invalid_token')
  t.equal((await later.app.inject({ method: 'POST', url: '/auth/logout', headers })).statusCode, 204)
  const refresh = await later.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: later.url } })
  t.equal(refresh.json().code, 'invalid_refresh_token')
})

t.test('L35 a login whose token would be too large leaves no session', async t => {
  const rogue = await rogueProvider(t)
  const { app, url } = await buildTestApp(t, rogue.env)
  const signIn = async (browser: Browser, name: string) => {
    rogue.claims = { name }
    const start = await browser.visit('/auth/rogue')
    const query = new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()
    return (await browser.visit(`/auth/rogue/callback?${query}`)).status
  }
  const browser = new Browser(app, url)
  t.equal(await signIn(browser, 'x'.repeat(4_000)), 502)
  t.equal(await signIn(browser, 'Ada'), 303)
  t.equal((await browser.visit('/auth/sessions')).json().sessions.length, 1)
})

// Status lists

/** Whether a token's session has ended, as a verifier sees it. */
async function hasEnded (url: string, token: string): Promise<boolean> {
  const { status } = decodeJwt(token) as { status: { status_list: { idx: number, uri: string } } }
  const { idx, uri } = status.status_list
  const answer = await fetch(uri)
  const { payload, protectedHeader } = await jwtVerify(await answer.text(), createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`)), {
    typ: 'statuslist+jwt', subject: uri, issuer: url
  })
  const { bits, lst } = payload['status_list'] as { bits: number, lst: string }
  if (bits !== 1 || protectedHeader.alg !== 'ES256') throw new Error('another list')
  return ((inflateSync(Buffer.from(lst, 'base64url'))[idx >> 3] ?? 0) >> (idx & 7) & 1) === 1
}

t.test('with TOKEN_STATUS a verifier sees in a signed list that a session has ended, within two seconds', async t => {
  const { app, url } = await listeningTestApp(t, { TOKEN_STATUS: 'true' })
  const [ada, grace] = [new Browser(app, url), new Browser(app, url)]
  await devSignIn(ada)
  await devSignIn(grace, 'grace@example.com')
  const tokenOf = (browser: Browser) => browser.cookies.get('handstamp') ?? ''
  const [adas, graces] = [tokenOf(ada), tokenOf(grace)]
  t.notOk(await hasEnded(url, adas))

  await ada.visit('/auth/logout', post)
  const from = Date.now()
  await eventually('the list says so', () => hasEnded(url, adas))
  t.ok(Date.now() - from < 2_500)
  t.notOk(await hasEnded(url, graces))
  const { uri } = (decodeJwt(adas) as { status: { status_list: { uri: string } } }).status.status_list
  const list = await fetch(uri)
  t.match(Object.fromEntries(list.headers), {
    'content-type': 'application/statuslist+jwt', 'cache-control': 'public, max-age=10', 'access-control-allow-origin': '*'
  })
  t.ok((await list.text()).length < 1_000, 'sixteen kibibytes of nothing take no room')
})

t.test('a session from before TOKEN_STATUS gets its place with the next refresh, and keeps it', async t => {
  const { app, browser, dataDir, token } = await scene(t)
  t.notOk('status' in decodeJwt(token()))
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  await app.close()
  const later = await buildTestApp(t, { DATA_DIR: dataDir, TOKEN_STATUS: 'true' })
  const place = async (cookie: string) => {
    const answer = await later.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: later.url } })
    const next = [answer.headers['set-cookie'] ?? []].flat().map(line => line.split(';')[0]).join('; ')
    return { next, status: decodeJwt(answer.json().access_token)['status'] }
  }
  const first = await place(cookie)
  t.match(first.status, { status_list: { idx: Number, uri: `${later.url}/.well-known/token-status/0` } })
  t.same((await place(first.next)).status, first.status)
})

t.test('there are no lists without TOKEN_STATUS, and none that no session has a place in', async t => {
  const without = await buildTestApp(t)
  t.equal((await without.app.inject('/.well-known/token-status/0')).statusCode, 404)
  const { app, url } = await buildTestApp(t, { TOKEN_STATUS: 'true' })
  t.equal((await app.inject('/.well-known/token-status/0')).statusCode, 404)
  await devSignIn(new Browser(app, url))
  for (const [list, status] of [['1', 404], ['999999999', 404], ['-1', 400], ['00', 400], ['x', 400], ['1e3', 400]] as const) {
    t.equal((await app.inject(`/.well-known/token-status/${list}`)).statusCode, status, list)
  }
})

// Keys change under a stream of verifications

t.test('L26 while keys rotate, verifiers with warm and with cold caches refuse no token', async t => {
  const { app, url, dataDir } = await listeningTestApp(t)
  const { keys } = await openTestState(t, { DATA_DIR: dataDir, PUBLIC_URL: url })
  const browser = new Browser(app, url)
  await devSignIn(browser)
  const remote = () => createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`), { cooldownDuration: 60_000 })
  const signedBy = new Set<string | undefined>()
  const verify = async (token: string, keySet: ReturnType<typeof remote>) => {
    const { protectedHeader } = await jwtVerify(token, keySet, { issuer: url, audience: url })
    signedBy.add(protectedHeader.kid)
  }
  const token = async () => {
    await browser.visit('/auth/refresh', post)
    return browser.cookies.get('handstamp') ?? ''
  }

  const all: string[] = []
  for (let rotation = 0; rotation < 3; rotation++) {
    const warm = remote() // it has the set of before the rotation, and does not ask again
    all.push(await token())
    await verify(all.at(-1) ?? '', warm)
    const before = keys.current.kid
    await keys.rotate(true) // the next key has been in the set that `warm` has
    t.not(keys.current.kid, before)
    await eventually('the service signs with the next key', async () => {
      const next = await token()
      all.push(next)
      await verify(next, warm)
      await verify(next, remote())
      return decodeProtectedHeader(next).kid === keys.current.kid
    })
  }
  const cold = remote()
  for (const token of all) await verify(token, cold)
  t.equal(signedBy.size, 4, 'four keys have signed, and nothing was refused')
})

t.test('the sign-in page asks again where the refresh token is no good, though the access token is', async t => {
  const { browser } = await scene(t)
  browser.cookies.set('handstamp-refresh', 'garbage')
  const page = await browser.visit('/auth/login')
  t.equal(page.status, 200)
  t.equal(page.headers['vary'], 'Cookie, Sec-Fetch-Site')
  t.notOk(browser.cookies.has('handstamp'), 'not sent on without what it came with')
  const { browser: other } = await scene(t)
  const on = await other.visit('/auth/login')
  t.equal(on.status, 303)
  t.equal(on.headers['vary'], 'Cookie, Sec-Fetch-Site')
})

t.test('while the store is away, whoever is signed in passes the sign-in page with the cookies they have', async t => {
  const { browser, refreshToken } = await scene(t)
  const before = refreshToken()
  t.intercept(EmbeddedStore.prototype, 'replaceLine', { value: async () => { throw new StoreError('away') } })
  t.equal((await browser.visit('/auth/login')).status, 303)
  t.equal(refreshToken(), before)
  t.ok(browser.cookies.has('handstamp'))
})

t.test('R77 a sign-out names every session it ended, and only those', async t => {
  const { app, url, browser, token, refreshToken, log } = await scene(t)
  const [one, two] = [token(), refreshToken()]
  const other = new Browser(app, url)
  await devSignIn(other, 'grace@example.com')
  const [its, third] = [other.cookies.get('handstamp') ?? '', new Browser(app, url)]
  await devSignIn(third, 'grace@example.com')
  const sid = (text: string) => decodeJwt(text)['sid']
  const logout = (cookie: string, everywhere = false) =>
    app.inject({ method: 'POST', url: '/auth/logout', headers: { cookie, origin: url }, payload: { everywhere } })
  const lines = () => audited(log()).slice(3).map(({ audit, sid, by, sessions }) => [audit, sid, by ?? sessions])

  await logout(`handstamp=${one}; handstamp-refresh=${other.cookies.get('handstamp-refresh') ?? ''}`)
  t.same(lines(), [['logged_out', sid(its), 2], ['session_ended', sid(one), sid(its)]])
  for (let time = 0; time < 3; time++) await logout(`handstamp=${one}; handstamp-refresh=${two}`)
  t.equal(lines().length, 2, 'it had ended')
  await logout(`handstamp=${one}; handstamp-refresh=${third.cookies.get('handstamp-refresh') ?? ''}`, true)
  t.same(lines().slice(2), [['logged_out', sid(third.cookies.get('handstamp') ?? ''), 1]])
  t.equal((await browser.visit('/auth/refresh', post)).status, 401)
})
