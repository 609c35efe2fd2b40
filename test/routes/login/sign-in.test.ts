import { createHash } from 'node:crypto'
import t from 'tap'
import { buildTestApp, type Teardown } from '../../helpers/app.ts'
import { Browser, devSignIn, unescapeHtml, type Page } from '../../helpers/browser.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'

const allowing = { ALLOWED_ORIGINS: 'https://app.example.com,http://localhost:5173,https://*.preview.example.com' }

async function scene (t: Teardown, env: Record<string, string> = {}) {
  const built = await buildTestApp(t, env)
  return { ...built, browser: new Browser(built.app, built.url) }
}

const links = ({ body }: Page): string[] => [...body.matchAll(/<a class="choice" href="([^"]*)"/g)].map(([, href = '']) => unescapeHtml(href))

t.test('the sign-in page lists the configured providers as plain links', async t => {
  const rogue = await rogueProvider(t)
  const { browser } = await scene(t, { ...rogue.env, OIDC_ROGUE_NAME: 'Rogue & Sons', DEV_LOGIN: 'true' })
  const page = await browser.visit('/auth/login')
  t.equal(page.status, 200)
  t.same(links(page), ['/auth/rogue', '/auth/dev'])
  t.match(page.body, 'Continue with Rogue &amp; Sons')
  t.match(page.headers['vary'], 'Cookie')
})

t.test('the providers are listed for a sign-in page of one\'s own', async t => {
  const { app } = await scene(t)
  const answer = await app.inject('/auth/providers')
  t.same(answer.json(), { providers: [{ id: 'dev', name: 'Development login', url: '/auth/dev' }] })
})

t.test('the sign-in page hands the return_to on', async t => {
  const { browser } = await scene(t, allowing)
  for (const [given, kept] of [['/page?a=b&c=d#e', '/page?a=b&c=d#e'], ['https://app.example.com/x', 'https://app.example.com/x']] as const) {
    const [link = ''] = links(await browser.visit(`/auth/login?${new URLSearchParams({ return_to: given }).toString()}`))
    t.equal(new URL(link, 'http://x').pathname, '/auth/dev')
    t.equal(new URL(link, 'http://x').searchParams.get('return_to'), kept)
  }
})

t.test('a login from the sign-in page ends at its return_to', async t => {
  const { browser } = await scene(t)
  const [link = ''] = links(await browser.visit('/auth/login?return_to=/dashboard'))
  const page = await browser.follow(link)
  const chosen = await browser.submit(page, { email: 'ada@example.com' })
  const done = await browser.visit(String(chosen.headers['location']))
  t.equal(done.headers['location'], '/dashboard')
})

t.test('whoever is signed in goes straight on', async t => {
  const { browser } = await scene(t, allowing)
  await devSignIn(browser)
  for (const [query, location] of [
    ['', '/auth/account'],
    ['?return_to=/page', '/page'],
    ['?return_to=https://app.example.com', 'https://app.example.com/']
  ] as const) {
    const answer = await browser.visit(`/auth/login${query}`)
    t.equal(answer.status, 303)
    t.equal(answer.headers['location'], location)
  }
})

t.test('DEFAULT_RETURN_TO is where the signed-in go without a return_to', async t => {
  const { browser } = await scene(t, { DEFAULT_RETURN_TO: '/home' })
  await devSignIn(browser)
  t.equal((await browser.visit('/auth/login')).headers['location'], '/home')
})

t.test('a bad cookie shows the sign-in page', async t => {
  const { browser } = await scene(t)
  t.equal((await browser.visit('/auth/login', { headers: { cookie: 'handstamp=x' } })).status, 200)
})

// Every spelling of "not here": [what, return_to]
const bad: Array<[string, string]> = [
  ['another site', 'https://evil.test'],
  ['another site with a path', 'https://evil.test/auth/account'],
  ['scheme-relative', '//evil.test'],
  ['scheme-relative with our host behind', '//evil.test/localhost:3000'],
  ['three slashes', '///evil.test'],
  ['four slashes', '////evil.test'],
  ['just two slashes', '//'],
  ['backslash', '/\\evil.test'],
  ['two backslashes', '\\\\evil.test'],
  ['slash and backslash further in', '/a\\..\\\\evil.test'],
  ['backslash after the scheme', 'https:\\\\evil.test'],
  ['tab', '/\t/evil.test'],
  ['newline', '/\n/evil.test'],
  ['carriage return', '/\r/evil.test'],
  ['CRLF and a header', '/a\r\nSet-Cookie: a=b'],
  ['null', '/\u0000'],
  ['leading space', ' /page'],
  ['leading space before a site', ' https://evil.test'],
  ['trailing space', '/page '],
  ['dots that leave two slashes', '/a/..//evil.test'],
  ['encoded dots that leave two slashes', '/a/%2e%2e//evil.test'],
  ['dot that leaves two slashes', '/.//evil.test'],
  ['userinfo', 'https://app.example.com@evil.test'],
  ['userinfo with a password', 'https://app.example.com:443@evil.test'],
  ['userinfo at an allowed origin', 'https://user@app.example.com/'],
  ['empty userinfo', 'https://@app.example.com/'],
  ['empty userinfo with a colon', 'https://:@app.example.com/'],
  ['suffix look-alike', 'https://app.example.com.evil.test'],
  ['prefix look-alike', 'https://evil-app.example.com'],
  ['the look-alike without a dot', 'https://appXexample.com'],
  ['parent of an allowed host', 'https://example.com'],
  ['sub-domain of an allowed host', 'https://x.app.example.com'],
  ['trailing dot', 'https://app.example.com./'],
  ['another port', 'https://app.example.com:8443'],
  ['another port of ours', 'http://localhost:3001/'],
  ['no port of ours', 'http://localhost/'],
  ['another scheme', 'http://app.example.com'],
  ['another scheme of ours', 'https://localhost:3000/'],
  ['another spelling of our host', 'http://127.0.0.1:3000/'],
  ['two labels for a wildcard', 'https://a.b.preview.example.com'],
  ['no label for a wildcard', 'https://preview.example.com'],
  ['empty label for a wildcard', 'https://.preview.example.com'],
  ['look-alike of a wildcard', 'https://xpreview.example.com'],
  ['wildcard with another port', 'https://a.preview.example.com:8443'],
  ['wildcard over http', 'http://a.preview.example.com'],
  ['wildcard with a suffix', 'https://a.preview.example.com.evil.test'],
  ['international look-alike', 'https://аpp.example.com'],
  ['fullwidth full stop', 'https://app.example。com'],
  ['fullwidth slash', 'https://evil.test／app.example.com'],
  ['another site with a non-ASCII path', 'https://evil.test/sé'],
  ['one that is too long once it is normalised', `/${'あ'.repeat(300)}`],
  ['a space of another script', '/s\u3000e'],
  ['a mark that turns text around', '/s\u202ee'],
  ['fullwidth slash in the scheme', 'https:／／app.example.com'],
  ['javascript', 'javascript:alert(1)'],
  ['javascript in capitals', 'JavaScript:alert(1)'],
  ['javascript that looks like ours', 'javascript://localhost:3000/%0aalert(1)'],
  ['data', 'data:text/html,x'],
  ['blob', 'blob:http://localhost:3000/x'],
  ['file', 'file:///etc/passwd'],
  ['a custom scheme', 'myapp://callback'],
  ['ftp', 'ftp://app.example.com/'],
  ['scheme without slashes', 'https:evil.test'],
  ['scheme with one slash', 'https:/evil.test'],
  ['scheme with three slashes', 'https:///evil.test'],
  ['our scheme without a host', 'http:page'],
  ['a host without scheme', 'evil.test'],
  ['a relative path', 'page'],
  ['a relative path upwards', '../page'],
  ['a query alone', '?x'],
  ['a fragment alone', '#x'],
  ['empty', ''],
  ['too long', `/${'x'.repeat(2048)}`],
  ['our logout', '/auth/logout'],
  ['our logout by its URL', 'http://localhost:3000/auth/logout'],
  ['our sign-in page', '/auth/login'],
  ['our sign-in page inside itself', '/auth/login?return_to=/auth/login'],
  ['encoded letter in our prefix', '/%61uth/logout'],
  ['encoded letter in our page', '/auth/%6cogout'],
  ['encoded slash in our prefix', '/auth%2flogout'],
  ['dots into our prefix', '/auth/account/../logout'],
  ['encoded dots into our prefix', '/auth/account/%2e%2e/logout'],
  ['dots out of another folder', '/x/../auth/logout'],
  ['capitals of our prefix', '/AUTH/logout'],
  ['our prefix alone', '/auth'],
  ['our prefix with a slash', '/auth/'],
  ['a start', '/auth/dev'],
  ['a callback', '/auth/dev/callback?code=a&state=b'],
  ['below the account page', '/auth/account/'],
  ['capitals and an encoded letter of our prefix', '/%41UTH/logout'],
  ['encoded dots and slash into our prefix', '/x%2f%2e%2e%2fauth/logout'],
  ['encoded dots into our prefix from the root', '/%2e%2e%2fauth/logout'],
  ['an encoded slash before our prefix', '/%2fauth/logout'],
  ['an encoded backslash before our prefix', '/%5cauth/logout'],
  ['an encoded backslash in our prefix', '/auth%5clogout'],
  ['another spelling of our account page', '/auth/%61ccount'],
  ['broken percent-encoding', '/%'],
  ['broken percent-encoding further in', '/a%2/b'],
  ['percent-encoding of no hex digits', '/%zz']
]

t.test('R44 the sign-in page refuses a return_to that is not ours or allowed', async t => {
  const { browser } = await scene(t, allowing)
  for (const [what, returnTo] of bad) {
    const answer = await browser.visit(`/auth/login?${new URLSearchParams({ return_to: returnTo }).toString()}`)
    t.equal(answer.status, 400, what)
    t.match(answer.body, 'invalid_return_to')
    t.notOk(answer.headers['location'])
  }
})

t.test('R44 the signed-in are not sent there either', async t => {
  const { browser } = await scene(t, allowing)
  await devSignIn(browser)
  for (const [what, returnTo] of bad) {
    const answer = await browser.visit(`/auth/login?${new URLSearchParams({ return_to: returnTo }).toString()}`)
    t.equal(answer.status, 400, what)
    t.notOk(answer.headers['location'])
  }
})

t.test('R44 a start refuses a return_to that is not ours or allowed, and sets no cookie', async t => {
  const { browser } = await scene(t, allowing)
  for (const [what, returnTo] of bad) {
    const answer = await browser.visit(`/auth/dev?${new URLSearchParams({ return_to: returnTo }).toString()}`, { headers: { accept: '*/*' } })
    t.equal(answer.status, 400, what)
    t.equal(answer.json().code, 'invalid_return_to')
    t.notOk(answer.headers['location'])
    t.notOk(answer.headers['set-cookie'])
  }
})

t.test('R44 a return_to that is named twice is refused', async t => {
  const { browser } = await scene(t)
  for (const path of ['/auth/login', '/auth/dev']) {
    const answer = await browser.visit(`${path}?return_to=/a&return_to=/b`, { headers: { accept: '*/*' } })
    t.equal(answer.status, 400)
    t.equal(answer.json().code, 'invalid_request')
  }
})

t.test('R44 a good return_to is used in its normalised form', async t => {
  const { browser } = await scene(t, allowing)
  await devSignIn(browser)
  for (const [given, normalised] of [
    ['/', '/'],
    ['/page', '/page'],
    ['/a/../b', '/b'],
    ['/a//b', '/a//b'],
    ['/page?next=//evil.test', '/page?next=//evil.test'],
    ['/page#//evil.test', '/page#//evil.test'],
    ['/authors', '/authors'],
    ['/docs/My%20File.pdf', '/docs/My%20File.pdf'],
    ['/wiki/caf%E9', '/wiki/caf%E9'],
    ['/%ff', '/%ff'],
    ['/a%09b%0d%0aSet-Cookie:%20x%00', '/a%09b%0d%0aSet-Cookie:%20x%00'],
    ['/a%2Fb%5Cc', '/a%2Fb%5Cc'],
    ['/%2f%2fevil.test', '/%2f%2fevil.test'],
    ['/%5c%5cevil.test', '/%5c%5cevil.test'],
    ['/%2561uth/logout', '/%2561uth/logout'],
    ['/x%2fauth/logout', '/x%2fauth/logout'],
    ['/100%25?q=100%', '/100%25?q=100%'],
    ['/a%2e%2e/b', '/a%2e%2e/b'],
    ['/p?a=%20b+c&d=%E9&&e', '/p?a=%20b+c&d=%E9&&e'],
    ['/sé?q=ü', '/s%C3%A9?q=%C3%BC'],
    ['/／evil.test', '/%EF%BC%8Fevil.test'],
    ['https://app.example.com?q=ä', 'https://app.example.com/?q=%C3%A4'],
    ['https://app.example.com/ß', 'https://app.example.com/%C3%9F'],
    ['/a@b', '/a@b'],
    ['/auth/account', '/auth/account'],
    ['/auth/authorize?client_id=x', '/auth/authorize?client_id=x'],
    ['http://localhost:3000/page', '/page'],
    ['https://app.example.com', 'https://app.example.com/'],
    ['HTTPS://APP.example.com/Path', 'https://app.example.com/Path'],
    ['https://app.example.com:443/x', 'https://app.example.com/x'],
    ['http://localhost:5173/x?y#z', 'http://localhost:5173/x?y#z'],
    ['https://pr-7.preview.example.com/x', 'https://pr-7.preview.example.com/x']
  ] as const) {
    const answer = await browser.visit(`/auth/login?${new URLSearchParams({ return_to: given }).toString()}`)
    t.equal(answer.status, 303, given)
    t.equal(answer.headers['location'], normalised)
  }
})

t.test('R44 a path of our origin goes through a login as it was written', async t => {
  const { browser } = await scene(t)
  for (const path of ['/docs/My%20File.pdf', '/wiki/caf%E9', '/a%2Fb%5Cc?d=%0a#%20']) {
    t.equal((await devSignIn(browser, 'ada@example.com', { returnTo: path })).headers['location'], path)
  }
})

t.test('the signed-in find nothing of an earlier error at their return_to, and all else as it was', async t => {
  const { browser } = await scene(t, { ...allowing, DEFAULT_RETURN_TO: '/home?error_code=x&tab=1' })
  await devSignIn(browser)
  const target = async (query: string) => (await browser.visit(`/auth/login${query}`)).headers['location']
  t.equal(await target(''), '/home?tab=1')
  for (const [given, cleaned] of [
    ['/page?error=a&error_description=b+c&error_code=d', '/page'],
    ['/page?x=%20y+z&error=a&error=b&v#f?error=kept', '/page?x=%20y+z&v#f?error=kept'],
    ['https://app.example.com/?%65rror=a&e=1&error%5fcode', 'https://app.example.com/?e=1'],
    ['/page?errors=1&my_error=2&Error=3&??error=4', '/page?errors=1&my_error=2&Error=3&??error=4']
  ] as const) {
    t.equal(await target(`?${new URLSearchParams({ return_to: given }).toString()}`), cleaned)
    t.equal((await devSignIn(browser, 'ada@example.com', { returnTo: given })).headers['location'], cleaned, 'by a login')
  }
})

t.test('the account page says who is signed in and how to sign out', async t => {
  const { browser } = await scene(t)
  await devSignIn(browser)
  const page = await browser.visit('/auth/account')
  t.equal(page.status, 200)
  for (const text of ['ada@example.com', 'Ada', 'Development login', 'dev|', 'Your sessions', 'this one', 'action="/auth/logout"']) t.match(page.body, text)
  t.match(page.headers['vary'], 'Cookie')
})

t.test('the account page sends whoever is signed out to sign in', async t => {
  const { browser, app } = await scene(t)
  const signIn = '/auth/login?return_to=%2Fauth%2Faccount'
  t.equal((await app.inject('/auth/account')).headers['location'], signIn)
  await devSignIn(browser)
  await browser.visit('/auth/logout', { method: 'POST', json: {} })
  for (const [name, value] of Object.entries({ handstamp: 'x', 'handstamp-refresh': 'x' })) browser.cookies.set(name, value)
  const answer = await browser.visit('/auth/account')
  t.equal(answer.status, 303)
  t.equal(answer.headers['location'], signIn)
})

t.test('the account page of whoever has only a refresh token shows itself, and asks no other page', async t => {
  const { browser, app, travel } = await scene(t)
  await devSignIn(browser)
  travel(601)
  const page = await browser.visit('/auth/account')
  t.equal(page.status, 200)
  t.match(page.body, 'ada@example.com')
  t.equal((await browser.visit('/auth/me')).status, 200, 'with a new access token')
  browser.cookies.delete('handstamp')
  const refresh = browser.cookies.get('handstamp-refresh')
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-purpose': 'prefetch' }]) {
    const other = await browser.visit('/auth/account', { headers: headers as Record<string, string> })
    t.equal(other.headers['location'], '/auth/login?return_to=%2Fauth%2Faccount', 'it is not refreshed for another site')
    t.equal(browser.cookies.get('handstamp-refresh'), refresh)
  }
  const forged = await app.inject({ url: '/auth/account', headers: { cookie: 'handstamp-refresh=x' } })
  t.equal(forged.headers['location'], '/auth/login?return_to=%2Fauth%2Faccount')
})

t.test('HEAD on a page says what GET would, and refreshes nothing', async t => {
  const { browser, app } = await scene(t)
  await devSignIn(browser)
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  const refreshOnly = `handstamp-refresh=${browser.cookies.get('handstamp-refresh')}`
  for (const [url, headers, status] of [
    ['/', {}, 302],
    ['/auth/login', {}, 200],
    ['/auth/login', { cookie }, 303],
    ['/auth/login', { cookie: refreshOnly }, 200],
    ['/auth/login?return_to=//evil.test', {}, 400],
    ['/auth/account', {}, 303],
    ['/auth/account', { cookie }, 200],
    ['/auth/account', { cookie: refreshOnly }, 303],
    ['/auth/docs', {}, 200],
    ['/auth/openapi.json', {}, 200],
    ['/auth/openapi.yaml', {}, 200]
  ] as const) {
    const answer = await app.inject({ method: 'HEAD', url, headers: { accept: 'text/html', ...headers } })
    t.equal(answer.statusCode, status, `${url} ${JSON.stringify(headers).slice(0, 30)}`)
    t.equal(answer.body, '')
    t.notOk(answer.headers['set-cookie'])
  }
  t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).status, 200, 'the refresh token is as good as before')
})

// What went wrong before

t.test('a login that failed on the way to the account page says so on the sign-in page', async t => {
  const rogue = await rogueProvider(t)
  const google = { GOOGLE_CLIENT_ID: 'rogue-client', GOOGLE_CLIENT_SECRET: 'rogue-secret', GOOGLE_ISSUER: rogue.issuer }
  const { browser } = await scene(t, { ...google, ...rogue.env, BLOCKED_EMAILS: 'ada@example.com' })
  const way = 'return_to=%2Fauth%2Faccount'
  for (const [change, sentence, choices] of [
    [{ error: 'access_denied' }, 'The sign-in was cancelled or denied at the provider.', [`/auth/google?${way}`, `/auth/rogue?${way}`]],
    [{}, 'This email address may not sign in here.', [`/auth/google?${way}&prompt=select_account`, `/auth/rogue?${way}`]]
  ] as const) {
    const first = await browser.follow('/auth/account')
    const [, link = ''] = links(first)
    const answer = rogue.consent(String((await browser.visit(link)).headers['location']))
    const shown = await browser.follow(`/auth/rogue/callback?${new URLSearchParams({ ...answer, ...change }).toString()}`)
    t.equal(shown.status, 200)
    t.equal(new URL(shown.url).pathname, '/auth/login')
    t.match(shown.body, `role="status">${sentence}`)
    t.same(links(shown), choices)
  }
})

t.test('a login that failed while somebody is signed in says so on their account page', async t => {
  const { browser, travel } = await scene(t)
  await devSignIn(browser)
  const cancel = async (headers: Record<string, string> = {}) => {
    const page = await browser.follow('/auth/dev?return_to=/auth/account')
    return browser.follow(String((await browser.submit(page, { cancel: '1' })).headers['location']), { headers })
  }
  const page = await cancel()
  t.equal(page.status, 200)
  for (const text of ['cancelled or denied at the provider', 'ada@example.com']) t.match(page.body, text)
  travel(700)
  const later = await cancel({ 'sec-fetch-site': 'cross-site' })
  t.equal(new URL(later.url).pathname, '/auth/login', 'another site sent the browser, and nothing is refreshed for it')
  const reloaded = await browser.follow(later.url)
  t.equal(new URL(reloaded.url).pathname, '/auth/account')
  for (const text of ['cancelled or denied at the provider', 'ada@example.com']) t.match(reloaded.body, text)
  travel(700)
  const last = await cancel()
  for (const text of ['cancelled or denied at the provider', 'ada@example.com']) t.match(last.body, text)
})

t.test('R74 the sign-in page says nothing but our own sentences', async t => {
  const { browser } = await scene(t)
  for (const code of ['', 'x', '__proto__', 'constructor', 'toString', '<b>', 'access_denied ']) {
    const page = await browser.visit(`/auth/login?${new URLSearchParams({ error_code: code, error_description: 'theirs' }).toString()}`)
    t.equal(page.status, 200, code)
    t.notMatch(page.body, /role="status"|theirs/)
  }
})

// COOKIE_DOMAIN

/** Production and staging, whose cookie domains are nested, and tokens of theirs. */
async function nested (t: Teardown) {
  const staging = await scene(t, { PUBLIC_URL: 'https://auth.staging.app.localhost', COOKIE_DOMAIN: 'staging.app.localhost' })
  const production = await scene(t, { PUBLIC_URL: 'https://auth.app.localhost', COOKIE_DOMAIN: 'app.localhost' })
  const tokenOf = async ({ app, url }: typeof staging, email: string) => {
    const browser = new Browser(app, url)
    await devSignIn(browser, email)
    return { token: browser.cookies.get('__Secure-handstamp') ?? '', refreshToken: browser.cookies.get('__Host-handstamp-refresh') ?? '' }
  }
  const [ada, grace] = [await tokenOf(staging, 'ada@example.com'), await tokenOf(staging, 'grace@example.com')]
  const foreign = await tokenOf(production, 'ada@example.com')
  const ask = (url: string, tokens: string[], refreshToken = '') => staging.app.inject({
    url,
    headers: { accept: 'text/html', cookie: [...tokens.map(token => `__Secure-handstamp=${token}`), `__Host-handstamp-refresh=${refreshToken}`].join('; ') }
  })
  return { travel: staging.travel, ask, ada, other: grace.token, foreign: foreign.token }
}

t.test('R66 of several cookies with a domain the only good one counts', async t => {
  const { ask, ada: { token }, other, foreign, travel } = await nested(t)
  const me = async (...tokens: string[]) => {
    const answer = await ask('/auth/me', tokens)
    return answer.statusCode === 200 ? answer.json().email : answer.json().code
  }
  t.equal(await me(token), 'ada@example.com')
  t.equal(await me(foreign), 'invalid_token')
  for (const tokens of [[token, foreign], [foreign, token], ['x', token, foreign, ''], [token, token]]) t.equal(await me(...tokens), 'ada@example.com')
  for (const tokens of [[foreign, 'x'], [token, other], [other, foreign, token], Array<string>(9).fill(token)]) t.equal(await me(...tokens), 'not_signed_in')
  travel(601)
  t.equal(await me(token, foreign), 'not_signed_in', 'one that has expired is not good')
})

t.test('whatever access cookies a browser has and keeps, the sign-in page and the account page do not send it to and fro', async t => {
  const { ask, ada: { token, refreshToken }, other, foreign } = await nested(t)
  for (const tokens of [[], [token], [token, foreign], [foreign, token], [foreign, 'x'], [token, other], [foreign], ['x', 'y', 'z']]) {
    for (const start of ['/auth/account', '/auth/login', '/auth/login?return_to=%2Fauth%2Faccount']) {
      const visited: string[] = []
      for (let address = start; ;) {
        const answer = await ask(address, tokens, refreshToken)
        visited.push(`${answer.statusCode} ${address}`)
        if (answer.statusCode !== 303 || visited.length > 5) break
        address = String(answer.headers['location'])
      }
      t.match(visited.at(-1), /^200 \/auth\/account$/)
      t.ok(visited.length <= 2, visited.join(', '))
    }
  }
})

t.test('the account page names a provider that is no longer configured by its id', async t => {
  const rogue = await rogueProvider(t)
  const first = await scene(t, rogue.env)
  const start = await first.browser.visit('/auth/rogue')
  await first.browser.visit(`/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()}`)
  await first.app.close()
  const { app } = await scene(t, { DATA_DIR: first.dataDir })
  const page = await app.inject({ url: '/auth/account', headers: { cookie: `handstamp=${first.browser.cookies.get('handstamp')}` } })
  t.match(page.body, '<dd>rogue</dd>')
})

t.test('the address itself leads to the sign-in page', async t => {
  const { app } = await scene(t)
  const answer = await app.inject('/')
  t.equal(answer.statusCode, 302)
  t.equal(answer.headers['location'], '/auth/login')
})

t.test('pages show hostile names as text', async t => {
  const hostile = '"><script>alert(1)</script><img src=x onerror=\'alert(2)\'>&amp;'
  const shown = '&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;alert(2)&#39;&gt;&amp;amp;'
  const rogue = await rogueProvider(t)
  rogue.claims = { name: hostile, sub: hostile }
  const { browser } = await scene(t, { ...rogue.env, OIDC_ROGUE_NAME: hostile })
  t.match((await browser.visit('/auth/login')).body, `Continue with ${shown}`)
  const start = await browser.visit('/auth/rogue')
  await browser.visit(`/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()}`)
  const account = await browser.visit('/auth/account')
  t.match(account.body, `<dd>${shown}</dd>`)
  t.match(account.body, `<dd>rogue|${shown}</dd>`)
  t.notMatch(account.body, /<script|<img/)
})

t.test('the dev page shows a hostile query as text', async t => {
  const { browser } = await scene(t)
  const start = await browser.visit('/auth/dev')
  const address = new URL(String(start.headers['location']))
  for (const name of ['state', 'nonce', 'code_challenge']) address.searchParams.set(name, '"><script>alert(1)</script>')
  address.searchParams.set('more', '\'"><script>')
  const page = await browser.visit(address.href)
  t.equal(page.status, 200)
  t.notMatch(page.body, /<script|"">/)
})

t.test('R74 error pages show nothing of what the caller sent', async t => {
  const { browser } = await scene(t)
  for (const path of ['/auth/login?return_to=<script>', '/auth/dev/callback?state=<script>&error=<script>&error_description=<script>', '/auth/<script>']) {
    const page = await browser.visit(path)
    t.ok(page.status >= 400)
    t.notMatch(page.body, /script/i)
  }
})

t.test('R67 every page allows its own style, its own forms and nothing else', async t => {
  const { browser } = await scene(t)
  const pages = [await browser.visit('/auth/login'), await browser.follow('/auth/dev'), await browser.visit('/auth/login?return_to=//x')]
  await devSignIn(browser)
  pages.push(await browser.visit('/auth/account'))
  for (const page of pages) {
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(page.body) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    t.equal(page.headers['content-security-policy'],
      `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`)
    t.equal(page.headers['x-frame-options'], 'DENY')
    t.equal(page.headers['cross-origin-opener-policy'], 'same-origin')
    t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
    t.equal(page.headers['cache-control'], 'no-store')
    t.notMatch(page.body, /<script|style=|onclick|<img|<link/)
  }
})

t.test('R67 the dev page lets its form lead on to the foreign origin of this flow alone', async t => {
  const { browser } = await scene(t, allowing)
  for (const [returnTo, source] of [['https://app.example.com/x?y', 'https://app.example.com'], ['http://localhost:5173/', 'http://localhost:5173'],
    ['https://pr-1.preview.example.com/', 'https://pr-1.preview.example.com'], ['/page', undefined]] as const) {
    const page = await browser.follow(`/auth/dev?${new URLSearchParams({ return_to: returnTo }).toString()}`)
    t.match(page.headers['content-security-policy'], `form-action 'self'${source ? ` ${source}` : ''};`)
  }
})

t.test('the dev page answers only what our own start asks', async t => {
  const { browser } = await scene(t)
  const address = new URL(String((await browser.visit('/auth/dev')).headers['location']))
  const changes = { client_id: 'other', redirect_uri: 'https://evil.test', response_type: 'token', code_challenge_method: 'plain' }
  for (const [name, value] of Object.entries(changes)) {
    const changed = new URL(address)
    changed.searchParams.set(name, value)
    for (const method of ['GET', 'POST'] as const) {
      const answer = await browser.visit(changed.href, { method, headers: { accept: '*/*' }, ...(method === 'POST' && { form: { email: 'ada@example.com' } }) })
      t.equal(answer.status, 400, `${method} ${name}`)
      t.equal(answer.json().code, 'invalid_request')
    }
  }
})

t.test('the dev page can be cancelled', async t => {
  const { browser } = await scene(t)
  const page = await browser.follow('/auth/dev')
  const done = await browser.follow(String((await browser.submit(page, { cancel: '1' })).headers['location']))
  t.equal(done.status, 403)
  t.match(done.body, 'access_denied')
})
