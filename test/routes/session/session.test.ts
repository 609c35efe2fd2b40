import { connect } from 'node:net'
import t from 'tap'
import type { Environment } from '../../../src/env/environment.ts'
import { buildTestApp, type Teardown } from '../../helpers/app.ts'
import { Browser, devSignIn } from '../../helpers/browser.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'

const app1 = 'https://app.example.com'
const wildcard = 'https://*.preview.example.com'
const allowing = { ALLOWED_ORIGINS: `${app1},${wildcard}` }
const json = { accept: 'application/json' }

/** Somebody signed in, and their token. */
async function scene (t: Teardown, env: Environment = {}) {
  const built = await buildTestApp(t, { SIGNING_ALG: 'ES256', ...env })
  const browser = new Browser(built.app, built.url)
  await devSignIn(browser)
  return { ...built, browser, token: browser.cookies.get('handstamp') ?? '' }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

// me

t.test('me says who is signed in by cookie', async t => {
  const { browser } = await scene(t)
  const answer = await browser.visit('/auth/me')
  t.equal(answer.status, 200)
  t.match(answer.headers['content-type'], 'application/json')
  const { sub, session, ...user } = answer.json()
  t.match(sub, /^dev\|/)
  t.same(user, { email: 'ada@example.com', email_verified: true, name: 'Ada', picture: null, provider: 'dev' })
  t.match(session.id, /^[\w-]{22}$/)
})

t.test('me names the absolute end of the session', async t => {
  const { browser } = await scene(t, { SESSION_MAX_TTL: '2d' })
  const expected = Math.floor(Date.now() / 1000) + 2 * 86_400
  const { session } = (await browser.visit('/auth/me')).json()
  t.ok(Number.isInteger(session.expires_at))
  t.ok(Math.abs(session.expires_at - expected) <= 5)
})

t.test('me shows null for what the provider did not say', async t => {
  const rogue = await rogueProvider(t)
  rogue.claims = { name: undefined }
  const { app, url } = await buildTestApp(t, rogue.env)
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/rogue')
  await browser.visit(`/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()}`)
  t.match((await browser.visit('/auth/me')).json(), { sub: 'rogue|7', name: null, picture: null })
})

t.test('me says who is signed in by bearer token', async t => {
  const { app, token } = await scene(t)
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const answer = await app.inject({ url: '/auth/me', headers: { authorization: `${scheme} ${token}` } })
    t.equal(answer.statusCode, 200)
    t.equal(answer.json().email, 'ada@example.com')
  }
})

t.test('me answers the same twice', async t => {
  const { browser } = await scene(t)
  t.same((await browser.visit('/auth/me')).json(), (await browser.visit('/auth/me')).json())
})

t.test('me answers HEAD without a body', async t => {
  const { browser } = await scene(t)
  const answer = await browser.visit('/auth/me', { method: 'HEAD' })
  t.equal(answer.status, 200)
  t.equal(answer.body, '')
})

t.test('the same token twice is one token', async t => {
  const { browser, token } = await scene(t)
  t.equal((await browser.visit('/auth/me', { headers: bearer(token) })).status, 200)
})

t.test('two different tokens are refused', async t => {
  const { app, url, browser } = await scene(t)
  const other = new Browser(app, url)
  const { access_token: token } = (await devSignIn(other, 'bob@example.com', { headers: json })).json()
  const answer = await browser.visit('/auth/me', { headers: bearer(token) })
  t.equal(answer.status, 400)
  t.equal(answer.json().code, 'invalid_request')
})

t.test('me without any token is not signed in', async t => {
  const { app } = await buildTestApp(t)
  const answer = await app.inject('/auth/me')
  t.equal(answer.statusCode, 401)
  t.equal(answer.headers['www-authenticate'], 'Bearer')
  t.equal(answer.json().code, 'not_signed_in')
})

t.test('R66 two cookies of our name count as none', async t => {
  const { app, token } = await scene(t)
  for (const cookie of [`handstamp=${token}; handstamp=${token}`, `handstamp=${token};handstamp =x`, `handstamp=; handstamp=${token}`]) {
    const answer = await app.inject({ url: '/auth/me', headers: { cookie } })
    t.equal(answer.statusCode, 401, cookie.slice(-20))
    t.equal(answer.json().code, 'not_signed_in')
  }
})

t.test('R70 a malformed Authorization header is 401', async t => {
  const { app, token } = await scene(t)
  for (const authorization of ['Bearer', 'Bearer ', 'bearer', 'Bearer  ', `Bearer  ${token}`, `Bearer ${token} `, `Bearer\t${token}`, `Bearer ${token} x`,
    `Bearer ${token},${token}`, `Bearer ${token}, Basic YTpi`, `Bearer "${token}"`, `Bearer ${token};`, 'Bearer =', 'Bearer ==', 'Bearer é', 'Bearer %00',
    'Bearer {}', 'Bearer null', 'Bearer undefined', 'Bearer __proto__', 'Bearer ../..', `Bearer ${'x'.repeat(20_000)}`, `Bearer ${'.'.repeat(5000)}`]) {
    const answer = await app.inject({ url: '/auth/me', headers: { authorization } })
    t.equal(answer.statusCode, 401, authorization.slice(0, 30))
    t.equal(answer.json().code, 'invalid_token')
    t.match(answer.headers['www-authenticate'], /^Bearer/)
  }
})

t.test('R70 another Authorization scheme is no token of ours', async t => {
  const { app, token } = await scene(t)
  for (const authorization of ['', ' ', 'Basic YTpi', 'Basic', 'Negotiate abc',
    `Token ${token}`, `DPoP ${token}`, `Bearerx ${token}`, `Bearer:${token}`, token]) {
    const answer = await app.inject({ url: '/auth/me', headers: { authorization } })
    t.equal(answer.statusCode, 401, authorization.slice(0, 30))
    t.equal(answer.json().code, 'not_signed_in')
  }
})

t.test('Basic credentials for a proxy in front do not disturb the cookie', async t => {
  const { browser } = await scene(t)
  t.equal((await browser.visit('/auth/me', { headers: { authorization: 'Basic YTpi' } })).status, 200)
})

t.test('R52 a bearer token that is too long to be one signs nobody out, and is no error', async t => {
  const { app } = await buildTestApp(t)
  const headers = { authorization: `Bearer a.b.${'x'.repeat(10_000)}` }
  t.equal((await app.inject({ method: 'POST', url: '/auth/logout', headers })).statusCode, 204)
})

t.test('R70 a malformed bearer token is not saved by a good cookie', async t => {
  const { browser } = await scene(t)
  for (const authorization of ['Bearer', 'Bearer x', 'Bearer a.b']) {
    t.match((await browser.visit('/auth/me', { headers: { authorization } })).json(), { status: 401, code: 'invalid_token' })
  }
})

t.test('R70 two Authorization headers are 401, whichever is good', async t => {
  const { app, url } = await buildTestApp(t)
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const browser = new Browser(app, url)
  const { access_token: token } = (await devSignIn(browser, 'ada@example.com', { headers: json })).json()
  const good = `Authorization: Bearer ${token}`
  for (const headers of [[good, good], [good, 'authorization: Bearer x'], ['Authorization: Basic YTpi', good], [good, 'AUTHORIZATION:']]) {
    const answer = await overTheWire(address, ['GET /auth/me HTTP/1.1', 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n'))
    t.match(answer, /^HTTP\/1\.1 401 /)
    t.match(answer, '"code":"invalid_token"')
  }
})

// logout

t.test('R52 logout ends the session and answers 204', async t => {
  const { app, browser, token } = await scene(t)
  const answer = await browser.visit('/auth/logout', { method: 'POST', json: {} })
  t.equal(answer.status, 204)
  t.equal(answer.body, '')
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(token) })).json().code, 'revoked_token')
})

t.test('logout needs no body', async t => {
  const { browser, url } = await scene(t)
  t.equal((await browser.visit('/auth/logout', { method: 'POST', headers: { origin: url } })).status, 204)
  t.equal((await browser.visit('/auth/me')).status, 401)
})

t.test('R52 logout clears the cookies with the attributes they were set with', async t => {
  for (const [PUBLIC_URL, name, attributes] of [
    ['http://localhost:3000', 'handstamp', ['Path=/', 'HttpOnly', 'SameSite=Lax']],
    ['https://localhost:3000', '__Host-handstamp', ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']]
  ] as const) {
    const { app } = await buildTestApp(t, { PUBLIC_URL })
    const browser = new Browser(app, PUBLIC_URL)
    const set = setCookies((await devSignIn(browser)).headers['set-cookie'])
    const cleared = setCookies((await browser.visit('/auth/logout', { method: 'POST', json: {} })).headers['set-cookie'])
    t.same([...cleared.keys()].sort(), [name, `${name}-refresh`])
    t.same(set.get(name)?.attributes, new Set(attributes))
    t.equal(set.get(name)?.maxAge, '595')
    for (const cookie of cleared.values()) {
      t.same(cookie.attributes, new Set(attributes))
      t.equal(cookie.value, '')
      t.equal(cookie.maxAge, '0')
    }
    t.notOk(browser.cookies.has(name))
  }
})

t.test('R52 R60 with COOKIE_DOMAIN only the access cookie is shared, and logout clears it there', async t => {
  const { app } = await buildTestApp(t, { PUBLIC_URL: 'https://auth.app.localhost', COOKIE_DOMAIN: 'app.localhost' })
  const browser = new Browser(app, 'https://auth.app.localhost')
  await devSignIn(browser)
  const cleared = setCookies((await browser.visit('/auth/logout', { method: 'POST', json: {} })).headers['set-cookie'])
  t.ok(cleared.get('__Secure-handstamp')?.attributes.has('Domain=app.localhost'))
  t.notMatch([...cleared.get('__Host-handstamp-refresh')?.attributes ?? []].join(';'), 'Domain')
  t.notOk(cleared.has('__Host-handstamp'))
})

t.test('R52 R60 an access cookie from before COOKIE_DOMAIN goes with the next login or logout', async t => {
  const { app } = await buildTestApp(t, { PUBLIC_URL: 'https://auth.app.localhost', COOKIE_DOMAIN: 'app.localhost' })
  const browser = new Browser(app, 'https://auth.app.localhost')
  for (const visit of [() => devSignIn(browser), () => browser.visit('/auth/logout', { method: 'POST', json: {} })]) {
    browser.cookies.set('__Host-handstamp', 'of before')
    const { headers } = await visit()
    const { value, attributes } = setCookies(headers['set-cookie']).get('__Host-handstamp') ?? {}
    t.equal(value, '')
    t.equal([...attributes ?? []].join(';'), 'Path=/;HttpOnly;Secure;SameSite=Lax')
    t.notOk(browser.cookies.has('__Host-handstamp'))
  }
})

t.test('logout by form goes to the sign-in page', async t => {
  const { browser } = await scene(t)
  const answer = await browser.visit('/auth/logout', { method: 'POST', form: {} })
  t.equal(answer.status, 303)
  t.equal(answer.headers['location'], '/auth/login')
  t.equal((await browser.visit('/auth/me')).status, 401)
})

t.test('logout by form goes to an allowed return_to', async t => {
  const { app, url } = await buildTestApp(t, allowing)
  const preview = 'https://pr-1.preview.example.com'
  for (const [target, location] of [['/bye?x=1', '/bye?x=1'], [`${app1}/bye`, `${app1}/bye`], [preview, `${preview}/`]] as const) {
    const browser = new Browser(app, url)
    await devSignIn(browser)
    const answer = await browser.visit('/auth/logout', { method: 'POST', form: { return_to: target } })
    t.equal(answer.status, 303)
    t.equal(answer.headers['location'], location)
  }
})

t.test('R44 logout goes nowhere else', async t => {
  const { browser } = await scene(t, allowing)
  for (const target of ['https://evil.test', '//evil.test', '/\\evil.test', 'javascript:alert(1)', `${app1}.evil.test`, '/auth/logout', '', ' ',
    '/a/..//evil.test']) {
    const answer = await browser.visit('/auth/logout', { method: 'POST', form: { return_to: target }, headers: json })
    t.equal(answer.status, 400, target)
    t.equal(answer.json().code, 'invalid_return_to')
    t.notOk(answer.headers['location'])
  }
})

t.test('the button of the account page signs out', async t => {
  const { browser } = await scene(t)
  const account = await browser.visit('/auth/account')
  const answer = await browser.submit(account, {}, { origin: 'null', 'sec-fetch-site': 'same-origin' })
  t.equal(answer.status, 303)
  t.equal((await browser.visit('/auth/me')).status, 401)
})

for (const [kind, body] of [['JSON true', { json: { everywhere: true } }], ['a form', { form: { everywhere: 'true' } }]] as const) {
  t.test(`R56 everywhere by ${kind} ends all sessions of the user and nobody else's`, async t => {
    const { app, url } = await buildTestApp(t)
    const [phone, laptop, bob] = [new Browser(app, url), new Browser(app, url), new Browser(app, url)]
    await devSignIn(phone, 'ada@example.com')
    await devSignIn(laptop, 'ada@example.com')
    await devSignIn(bob, 'bob@example.com')
    await phone.visit('/auth/logout', { method: 'POST', ...body })
    t.equal((await laptop.visit('/auth/me')).json().code, 'revoked_token')
    t.equal((await bob.visit('/auth/me')).status, 200)
  })
}

t.test('logout without everywhere leaves the other devices signed in', async t => {
  const { app, url } = await buildTestApp(t)
  for (const body of [{}, { everywhere: false }, { everywhere: 'false' }]) {
    const [phone, laptop] = [new Browser(app, url), new Browser(app, url)]
    await devSignIn(phone)
    await devSignIn(laptop)
    await phone.visit('/auth/logout', { method: 'POST', json: body })
    t.equal((await phone.visit('/auth/me')).status, 401)
    t.equal((await laptop.visit('/auth/me')).status, 200)
  }
})

t.test('everywhere is true or false and nothing else', async t => {
  const { browser } = await scene(t)
  for (const everywhere of ['yes', 1, null, [], {}, 'TRUE', [true]]) {
    const answer = await browser.visit('/auth/logout', { method: 'POST', json: { everywhere } })
    t.equal(answer.status, 400, JSON.stringify(everywhere))
    t.equal(answer.json().code, 'invalid_request')
  }
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('a service logs out by bearer token, without cookie and Origin', async t => {
  const { app, token } = await scene(t)
  t.equal((await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(token) })).statusCode, 204)
  t.equal((await app.inject({ url: '/auth/me', headers: bearer(token) })).json().code, 'revoked_token')
})

t.test('R62 a cookie beside the bearer token brings the Origin check back', async t => {
  const { browser, token } = await scene(t)
  const answer = await browser.visit('/auth/logout', { method: 'POST', headers: { ...bearer(token), origin: 'https://evil.test' } })
  t.equal(answer.status, 403)
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('R52 logout ends every session that is presented, also those of two people', async t => {
  const { app, url, browser } = await scene(t)
  const other = new Browser(app, url)
  const { access_token: token } = (await devSignIn(other, 'bob@example.com', { headers: json })).json()
  const answer = await browser.visit('/auth/logout', { method: 'POST', json: {}, headers: bearer(token) })
  t.equal(answer.status, 204)
  t.equal((await browser.visit('/auth/me')).status, 401)
  t.equal((await other.visit('/auth/me')).json().code, 'revoked_token')
})

t.test('R52 whoever is not signed in any more is signed out all the same', async t => {
  const { browser, url, travel } = await scene(t)
  travel(601)
  const answer = await browser.visit('/auth/logout', { method: 'POST', headers: { origin: url } })
  t.equal(answer.status, 204)
  t.notOk(browser.cookies.has('handstamp'))
  t.equal((await browser.visit('/auth/logout', { method: 'POST', headers: { origin: url } })).status, 204)
})

t.test('R77 a logout is in the log', async t => {
  const { browser, log } = await scene(t)
  await browser.visit('/auth/logout', { method: 'POST', json: {} })
  t.match(log(), '"audit":"logged_out"')
})

t.test('R62 a logout that another site may have sent is refused', async t => {
  const { app, url } = await buildTestApp(t, allowing)
  const origins = {
    absent: undefined,
    null: 'null',
    ours: url,
    allowed: app1,
    wildcard: 'https://pr-1.preview.example.com',
    'literal wildcard': wildcard,
    evil: 'https://evil.test',
    empty: '',
    'upper case': app1.toUpperCase(),
    suffix: `${app1}.evil.test`
  }
  const browser = new Browser(app, url)
  for (const [name, origin] of Object.entries(origins)) {
    for (const site of [undefined, 'same-origin', 'same-site', 'cross-site', 'none', 'Same-Origin', '']) {
      if (!browser.cookies.has('handstamp')) await devSignIn(browser)
      const headers = { ...(origin !== undefined && { origin }), ...(site !== undefined && { 'sec-fetch-site': site }) }
      const answer = await browser.visit('/auth/logout', { method: 'POST', headers })
      const good = name === 'ours' || name === 'allowed' || ((name === 'absent' || name === 'null') && site === 'same-origin')
      t.equal(answer.status, good ? 204 : 403, `Origin ${name}, Sec-Fetch-Site ${site}`)
      if (!good) t.equal(answer.json().code, 'cross_site_request')
      t.equal((await browser.visit('/auth/me')).status, good ? 401 : 200)
    }
  }
})

t.test('R62 bodies that a foreign form can send are refused', async t => {
  const { browser, url } = await scene(t)
  for (const type of ['text/plain', 'text/plain; charset=utf-8', 'TEXT/PLAIN', 'multipart/form-data; boundary=x', 'application/xml',
    'text/json', 'x', 'application/jsonx']) {
    const answer = await app415(browser, url, type)
    t.equal(answer.status, 415, type)
    t.equal(answer.json().code, 'unsupported_media_type')
  }
  t.equal((await browser.visit('/auth/me')).status, 200)
})

const app415 = (browser: Browser, origin: string, type: string) =>
  browser.visit('/auth/logout', { method: 'POST', json: { everywhere: true }, headers: { 'content-type': type, origin } })

t.test('R52 a GET signs nobody out', async t => {
  const { browser } = await scene(t)
  const answer = await browser.visit('/auth/logout')
  t.ok([404, 405].includes(answer.status))
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('bodies that are not what they say are refused', async t => {
  const { app, url } = await buildTestApp(t)
  const bodies = ['{', ' ', '[]', '"x"', '{"__proto__":{"everywhere":true}}', '{"constructor":{"prototype":{}}}', '{"return_to":1}']
    .map(body => ['application/json', body] as const)
  for (const [type, payload] of [...bodies, ['application/x-www-form-urlencoded', 'return_to=/a&return_to=/b'] as const]) {
    const answer = await app.inject({ method: 'POST', url: '/auth/logout', headers: { 'content-type': type, origin: url }, payload })
    t.equal(answer.statusCode, 400, payload)
    t.equal(answer.json().code, 'invalid_request')
  }
})

// CORS

const origins = {
  ours: 'http://localhost:3000',
  exact: app1,
  wildcard: 'https://pr-1.preview.example.com',
  'literal wildcard': wildcard,
  evil: 'https://evil.test',
  null: 'null',
  suffix: `${app1}.evil.test`,
  port: `${app1}:8443`,
  'other scheme': 'http://app.example.com'
}

t.test('R46 preflights of me and logout are answered for exact origins alone', async t => {
  const { app } = await buildTestApp(t, allowing)
  for (const path of ['/auth/me', '/auth/logout', '/auth/me?x=1']) {
    for (const [name, origin] of Object.entries(origins)) {
      const { headers } = await app.inject({ method: 'OPTIONS', url: path, headers: { origin, 'access-control-request-method': 'POST' } })
      const allowed = name === 'ours' || name === 'exact'
      t.equal(headers['access-control-allow-origin'], allowed ? origin : undefined, `${path} ${name}`)
      if (allowed) {
        t.equal(headers['access-control-allow-credentials'], 'true')
        t.match(headers['access-control-allow-methods'], 'POST')
        t.match(headers['vary'], 'Origin')
      }
    }
  }
})

t.test('R70 an OPTIONS that is no preflight is refused as any other method is', async t => {
  const { app, url } = await buildTestApp(t)
  for (const headers of [{}, { origin: url }, { 'access-control-request-method': 'GET' }, { origin: '', 'access-control-request-method': '' }]) {
    const answer = await app.inject({ method: 'OPTIONS', url: '/auth/me', headers })
    t.equal(answer.statusCode, 405)
    t.equal(answer.headers['allow'], 'GET, HEAD')
    t.equal(answer.json().code, 'method_not_allowed')
  }
})

t.test('R46 answers of me and logout can be read by exact origins alone', async t => {
  const { app } = await buildTestApp(t, allowing)
  for (const [method, url] of [['GET', '/auth/me'], ['POST', '/auth/logout']] as const) {
    for (const [name, origin] of Object.entries(origins)) {
      const { headers } = await app.inject({ method, url, headers: { origin } })
      const allowed = name === 'ours' || name === 'exact'
      t.equal(headers['access-control-allow-origin'], allowed ? origin : undefined, `${method} ${url} ${name}`)
      t.equal(headers['vary'], 'Cookie, Sec-Fetch-Site, Origin')
    }
  }
})

t.test('R46 no other route lets any origin in', async t => {
  const { app } = await buildTestApp(t, allowing)
  for (const url of ['/auth/dev', '/auth/dev/callback?state=x', '/auth/providers', '/auth/login', '/auth/account', '/auth/nothing', '/auth/dev/authorize',
    '/auth/openapi.json', '/', '/livez', '/auth/me/', '/auth/me/x.css', '/auth/authorize']) {
    for (const origin of Object.values(origins)) {
      for (const method of ['GET', 'OPTIONS', 'POST'] as const) {
        const { headers } = await app.inject({ method, url, headers: { origin, 'access-control-request-method': 'GET' } })
        for (const name of Object.keys(headers)) t.notOk(name.startsWith('access-control-'), `${method} ${url} ${origin} ${name}`)
      }
    }
  }
})

t.test('R46 any origin may read what is public, and that alone', async t => {
  const { app } = await buildTestApp(t, allowing)
  for (const document of ['jwks.json', 'openid-configuration', 'oauth-authorization-server']) {
    const { headers } = await app.inject({ url: `/.well-known/${document}`, headers: { origin: 'https://evil.test' } })
    t.equal(headers['access-control-allow-origin'], '*')
    t.notOk(headers['access-control-allow-credentials'])
  }
})

/** What a server answers to these bytes, until it closes. */
function overTheWire (address: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(new URL(address).port), '127.0.0.1', () => socket.write(request))
    socket.on('data', chunk => { answer += String(chunk) }).on('close', () => resolve(answer)).on('error', reject)
  })
}

interface SetCookie {
  value: string
  maxAge: string | undefined
  /** All but Max-Age and Expires, which say what is done and not where. */
  attributes: Set<string>
}

/** The session cookies of an answer; those of a flow are left out. */
function setCookies (header: string | string[] | undefined): Map<string, SetCookie> {
  const cookies = new Map<string, SetCookie>()
  for (const line of [header ?? []].flat().filter(line => !line.includes('-flow-'))) {
    const [pair = '', ...attributes] = line.split('; ')
    const [name = '', value = ''] = pair.split('=')
    cookies.set(name, {
      value,
      maxAge: attributes.find(attribute => attribute.startsWith('Max-Age='))?.slice(8),
      attributes: new Set(attributes.filter(attribute => !/^(Max-Age|Expires)=/.test(attribute)))
    })
  }
  return cookies
}
