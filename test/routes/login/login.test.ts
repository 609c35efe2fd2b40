import t, { type Test } from 'tap'
import { refusals, type RefusalCode } from '../../../src/errors.ts'
import { buildTestApp } from '../../helpers/app.ts'
import { Browser, type Page } from '../../helpers/browser.ts'
import { facebook } from '../../helpers/facebook.ts'
import { fakeProvider } from '../../helpers/fake-provider.ts'
import { callbackOf, login, rogueScene, type RogueScene } from '../../helpers/rogue-login.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'

const json = { accept: 'application/json' }
const visit = ({ browser }: RogueScene, address: string, headers: Record<string, string> = json): Promise<Page> => browser.visit(address, { headers })

/** Visits, and asserts a refusal that costs no call to the provider. */
async function assertRefused (t: Test, scene: RogueScene, address: string, [status, code]: readonly [number, string], what: string, headers = json) {
  const calls = scene.rogue.requests.length
  const refused = await visit(scene, address, headers)
  t.equal(refused.status, status, what)
  t.equal(refused.json().code, code, what)
  t.notMatch(String(refused.headers['set-cookie']), /handstamp=[^;]/, what)
  t.equal(scene.rogue.requests.length, calls, `${what}: nothing was asked`)
}

const withQuery = (address: string, changes: Record<string, string | undefined>): string => {
  const url = new URL(address, 'http://localhost')
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  return url.pathname + url.search
}

// Whose answer it is

t.test('R2 a callback without the flow cookie was not started here', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const stranger = new Browser(scene.app, scene.url)
  await assertRefused(t, { ...scene, browser: stranger }, address, [400, 'flow_not_found'], 'a stranger')
  await callbackOf(scene, { browser: stranger })
  await assertRefused(t, { ...scene, browser: stranger }, address, [400, 'flow_not_found'], 'a stranger with a flow of their own')
  t.equal((await visit(scene, address)).status, 200, 'and the flow is whole for whoever began it')
})

t.test('R1 a callback needs the whole state of a flow of this browser', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const state = new URL(address, scene.url).searchParams.get('state') ?? ''
  for (const [changed, code] of [
    [`${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`, 'flow_mismatch'],
    [state.slice(0, -1), 'flow_mismatch'],
    [`${state}A`, 'flow_mismatch'],
    [state.slice(0, 16), 'flow_mismatch'],
    [state.toUpperCase(), 'flow_not_found'],
    [state.slice(1), 'flow_not_found'],
    ['x', 'flow_not_found'],
    ['__proto__', 'flow_not_found'],
    [`${state}; x`, 'flow_not_found'],
    [`${state}\u0000`, 'flow_not_found'],
    ['null', 'flow_not_found']
  ] as const) await assertRefused(t, scene, withQuery(address, { state: changed }), [400, code], changed)
  t.equal((await visit(scene, address)).status, 200)
})

t.test('R6 the callback of one provider does not take a flow of another', async t => {
  const rogue = await rogueProvider(t)
  const other = await rogueProvider(t)
  rogue.env = {
    ...rogue.env,
    OIDC_PROVIDERS: 'rogue,other',
    OIDC_OTHER_ISSUER: other.issuer,
    OIDC_OTHER_CLIENT_ID: 'other-client',
    OIDC_OTHER_CLIENT_SECRET: 'other-secret',
    DEV_LOGIN: 'true'
  }
  const scene = await rogueScene(t, {}, rogue)
  const address = await callbackOf(scene)
  for (const provider of ['other', 'dev']) {
    await assertRefused(t, scene, address.replace('/rogue/', `/${provider}/`), [400, 'flow_mismatch'], provider)
  }
  await assertRefused(t, scene, address.replace('/rogue/', '/nobody/'), [404, 'unknown_provider'], 'nobody')
  t.notOk(other.requests.includes('/token'))
  t.equal((await visit(scene, address)).status, 200)
})

t.test('R9 parameters of an answer that are missing, doubled, empty or too long are refused', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const long = 'x'.repeat(4097)
  for (const [what, query] of [
    ['no code', withQuery(address, { code: undefined })],
    ['no state', withQuery(address, { state: undefined })],
    ['nothing', '/auth/rogue/callback'],
    ...['code', 'state', 'iss', 'error'].flatMap(name => [
      [`empty ${name}`, withQuery(address, { [name]: '' })],
      [`${name} of 4 KiB and more`, withQuery(address, { [name]: long })],
      [`${name} twice`, `${withQuery(address, { [name]: 'a' })}&${name}=b`],
      [`the same ${name} twice`, `${address}&${name}=a&${name}=a`],
      [`${name} and ${name} without a value`, `${withQuery(address, { [name]: 'a' })}&${name}`]
    ])
  ] as Array<[string, string]>) await assertRefused(t, scene, query, [400, 'invalid_request'], what)
  t.equal((await visit(scene, address)).status, 200, 'the flow is whole')
})

t.test('other parameters of an answer are ignored, however odd', async t => {
  const scene = await rogueScene(t)
  for (const more of ['scope=openid&authuser=0&prompt=none&session_state=x', 'code[]=x&state[a]=x&__proto__[x]=y', 'x=&x=&x=', `x=${'y'.repeat(3000)}`]) {
    t.equal((await visit(scene, `${await callbackOf(scene)}&${more}`)).status, 200, more.slice(0, 40))
  }
})

// What the answer says

t.test('R8 an error is the whole answer: no code is traded, and no word of it is repeated', async t => {
  const scene = await rogueScene(t)
  for (const [error, status, code] of [
    ['access_denied', 403, 'access_denied'],
    ['login_required', 403, 'access_denied'],
    ['consent_required', 403, 'access_denied'],
    ['interaction_required', 403, 'access_denied'],
    ['server_error', 503, 'provider_unavailable'],
    ['temporarily_unavailable', 503, 'provider_unavailable'],
    ['temporarily_unavailable ', 502, 'provider_error'],
    ['invalid_scope', 502, 'provider_error'],
    ['<script>alert(1)</script>', 502, 'provider_error'],
    ['__proto__', 502, 'provider_error']
  ] as const) {
    const more = { error, error_description: '<b>words of the provider</b>', error_uri: 'https://evil.test/' }
    for (const headers of [json, { accept: 'text/html' }]) {
      const refused = await visit(scene, withQuery(await callbackOf(scene), more), headers)
      t.equal(refused.status, status, error)
      t.match(refused.body, code)
      t.equal(refused.headers['retry-after'] !== undefined, status === 503, error)
      t.notMatch(refused.body + JSON.stringify(refused.headers), /words of the provider|evil\.test|script|__proto__/)
    }
  }
  t.same(scene.rogue.tokenForms, [])
  t.notMatch(scene.log(), 'words of the provider')
})

t.test('R8 a failed login goes back to where it was started, in our own words', async t => {
  const scene = await rogueScene(t, { ALLOWED_ORIGINS: 'https://app.example.com' })
  const { rogue } = scene
  const failures: Array<[error: string, code: RefusalCode, more: Record<string, string>, break_: () => void]> = [
    ['access_denied', 'access_denied', { error: 'access_denied', error_description: 'theirs' }, () => {}],
    ['server_error', 'provider_error', { error: 'invalid_scope' }, () => {}],
    ['temporarily_unavailable', 'provider_unavailable', { error: 'server_error' }, () => {}],
    ['temporarily_unavailable', 'provider_unavailable', { error: 'temporarily_unavailable' }, () => {}],
    ['invalid_request', 'issuer_mismatch', { iss: 'https://evil.test' }, () => {}],
    ['server_error', 'invalid_id_token', {}, () => { rogue.claims = { nonce: 'x' } }],
    ['access_denied', 'email_missing', {}, () => { rogue.claims = { email: undefined } }],
    ['access_denied', 'email_invalid', {}, () => { rogue.claims = { email: 'a@b@c' } }],
    ['access_denied', 'email_not_verified', {}, () => { rogue.claims = { email_verified: false } }],
    ['server_error', 'provider_error', {}, () => { rogue.token = { access_token: '' } }]
  ]
  for (const returnTo of ['/page?tab=1#top', '/My%20File?a=%20b+c&error_description=old&tab=1', 'https://app.example.com/page?tab=1#top', 'https://app.example.com/?error=old&error_code=old']) {
    for (const [error, code, more, break_] of failures) {
      Object.assign(rogue, { claims: {}, token: {} })
      break_()
      const path = `/auth/rogue?${new URLSearchParams({ return_to: returnTo }).toString()}`
      const page = await visit(scene, withQuery(await callbackOf(scene, { path }), more))
      t.equal(page.status, 303, code)
      const [target, asked] = [new URL(String(page.headers['location']), scene.url), new URL(returnTo, scene.url)]
      t.equal(target.origin + target.pathname + target.hash, asked.origin + asked.pathname + asked.hash)
      t.match(Object.fromEntries(target.searchParams), { error, error_code: code, error_description: refusals[code][1] })
      t.equal(target.searchParams.get('tab'), asked.searchParams.get('tab'))
      t.equal(target.search.includes('a=%20b+c'), asked.search.includes('a=%20b+c'), 'the rest is as it was written')
      t.equal([...target.searchParams.keys()].length, new Set(target.searchParams.keys()).size, 'nothing twice')
      t.notOk(scene.browser.cookies.has('handstamp'))
    }
  }
})

t.test('a login that fails leaves an earlier session as it was', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  scene.rogue.claims = { email_verified: false }
  t.equal((await login(scene)).status, 403)
  t.equal((await scene.browser.visit('/auth/me')).status, 200)
})

// What it ends with

t.test('R11 a login ends with 303, also where it began with a path of ours', async t => {
  const scene = await rogueScene(t, { ALLOWED_ORIGINS: 'https://app.example.com', DEFAULT_RETURN_TO: '/home' })
  for (const [query, location] of [['', '/home'], ['?return_to=/page', '/page'], ['?return_to=https://app.example.com', 'https://app.example.com/']] as const) {
    const done = await visit(scene, await callbackOf(scene, { path: `/auth/rogue${query}` }), { accept: 'text/html' })
    t.equal(done.status, 303)
    t.equal(done.headers['location'], location)
  }
})

t.test('a program that asks for JSON gets the token response, but a return_to wins', async t => {
  const scene = await rogueScene(t)
  const answer = await visit(scene, await callbackOf(scene))
  t.match(answer.headers['content-type'], 'application/json')
  t.match(answer.json(), { access_token: /^[\w-]+\.[\w-]+\.[\w-]+$/, token_type: 'Bearer', expires_in: 595 })
  t.same(answer.json().user, { sub: 'rogue|7', email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace', picture: null, provider: 'rogue' })
  t.equal((await visit(scene, await callbackOf(scene, { path: '/auth/rogue?return_to=/page' }))).headers['location'], '/page')
})

t.test('a provider that adds a fragment to the callback does not get it into the target', async t => {
  const fake = await fakeProvider(t)
  const { app, url } = await buildTestApp(t, { ...facebook(fake), DEFAULT_RETURN_TO: '/home' })
  const browser = new Browser(app, url)
  for (const [query, change, target] of [
    ['', {}, '/home#'],
    ['?return_to=/page%3Fa%3Db', {}, '/page?a=b#'],
    ['?return_to=/page%23top', {}, '/page#top'],
    ['?return_to=/page', { error: 'access_denied' }, /^\/page\?error=access_denied&[^#]+#$/]
  ] as const) {
    const start = await browser.visit(`/auth/facebook${query}`)
    const sent = await browser.visit(String(start.headers['location']))
    const back = new URL(String(sent.headers['location']))
    for (const [name, value] of Object.entries(change)) back.searchParams.set(name, value)
    t.equal(back.hash, '#_=_')
    for (let time = 0; time < 2; time++) {
      if (time === 0 || Object.keys(change).length === 0) t.match((await browser.visit(back.href)).headers['location'], target, `time ${time}`)
    }
  }
})

t.test('R65 a login replaces whatever session cookies the browser brought', async t => {
  const scene = await rogueScene(t)
  for (const name of ['handstamp', 'handstamp-refresh']) scene.browser.cookies.set(name, 'planted')
  const done = await login(scene)
  const set = [done.headers['set-cookie'] ?? []].flat()
  t.match(set.find(line => line.startsWith('handstamp=')), /^handstamp=[\w.-]{100,}; .*Max-Age=595/)
  t.ok(set.some(line => line.startsWith('handstamp-refresh=')), 'the refresh cookie is set or cleared')
  t.notMatch(set.join(), 'planted')
  t.notOk([...scene.browser.cookies.values()].includes('planted'))

  const first = scene.browser.cookies.get('handstamp')
  await login(scene)
  t.not(scene.browser.cookies.get('handstamp'), first)
})

t.test('R61 no cookie of a login is SameSite=None', async t => {
  const scene = await rogueScene(t, { PUBLIC_URL: 'https://localhost:3000' })
  const start = await scene.browser.visit('/auth/rogue')
  const address = `/auth/rogue/callback?${new URLSearchParams(scene.rogue.consent(String(start.headers['location']))).toString()}`
  const done = await visit(scene, address)
  const lines = [start, done].flatMap(page => [page.headers['set-cookie'] ?? []].flat())
  t.ok(lines.length >= 3)
  for (const line of lines) t.match(line, /^__Host-handstamp[\w-]*=[^;]*;.*; SameSite=Lax/)
})

// Once

t.test('R4 a failed login is over too', async t => {
  const scene = await rogueScene(t)
  scene.rogue.claims = { email_verified: false }
  const address = await callbackOf(scene)
  t.equal((await visit(scene, address)).json().code, 'email_not_verified')
  scene.rogue.claims = {}
  await assertRefused(t, scene, address, [400, 'flow_already_used'], 'again')
  const denied = await callbackOf(scene)
  t.equal((await visit(scene, withQuery(denied, { error: 'access_denied' }))).json().code, 'access_denied')
  await assertRefused(t, scene, denied, [400, 'flow_already_used'], 'a code after the denial')
})

t.test('R4 a restart does not make a used flow usable again', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const cookies = new Map(scene.browser.cookies)
  await visit(scene, address)
  await scene.app.close()
  const after = await rogueScene(t, { DATA_DIR: scene.dataDir }, scene.rogue)
  for (const [name, value] of cookies) after.browser.cookies.set(name, value)
  t.equal((await visit(after, address)).json().code, 'flow_already_used')
  t.equal(scene.rogue.tokenForms.length, 1)
})

// Who may come here, and how

t.test('R63 a callback that is framed, embedded or fetched ahead is refused, and the real one works', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const destinations = ['iframe', 'frame', 'fencedframe', 'embed', 'object', 'script', 'image', 'style', 'worker', 'serviceworker', 'track']
  for (const headers of [
    ...destinations.map(destination => ({ 'sec-fetch-dest': destination })),
    { 'sec-purpose': 'prefetch' },
    { 'sec-purpose': 'prefetch;prerender' },
    { purpose: 'prefetch' }
  ]) await assertRefused(t, scene, address, [403, 'cross_site_request'], JSON.stringify(headers), { ...json, ...headers } as typeof json)
  t.equal((await visit(scene, address, { ...json, 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status, 200)
})

t.test('R4 a HEAD or another method claims nothing', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
    t.equal((await scene.browser.visit(address, { method, headers: json })).status, 405, method)
  }
  t.same(scene.rogue.tokenForms, [])
  t.equal((await visit(scene, address)).status, 200)
})

t.test('R70 a callback of garbage touches no flow', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  for (const query of ['state=%', 'state=%00&code=%00', 'state=a%0d%0aSet-Cookie:x', `state=${'a'.repeat(4096)}&code=a`, 'state=💥', 'state=%ff%fe']) {
    const refused = await visit(scene, `/auth/rogue/callback?${query}`)
    t.equal(refused.status, 400, query.slice(0, 30))
  }
  t.equal((await visit(scene, address)).status, 200)
})

t.test('L29 a hundred logins at the same moment: everybody gets their own subject, cookie and session', async t => {
  const scene = await rogueScene(t)
  const people = Array.from({ length: 100 }, (_, index) => ({
    browser: new Browser(scene.app, scene.url),
    claims: { sub: `person-${index}`, email: `person-${index}@example.com`, name: `Person ${index}` }
  }))
  const addresses = await Promise.all(people.map(person => callbackOf(scene, person)))
  const done = await Promise.all(people.map(({ browser }, index) => browser.visit(addresses[index] ?? '', { headers: json })))
  const seen = await Promise.all(people.map(({ browser }) => browser.visit('/auth/me')))
  for (const [index, { claims }] of people.entries()) {
    const expected = { sub: `rogue|${claims.sub}`, email: claims.email, name: claims.name }
    t.match(done[index]?.json().user, expected)
    t.match(seen[index]?.json(), expected)
  }
  t.equal(new Set(seen.map(page => page.json().session.id)).size, 100)
  t.equal(scene.rogue.tokenForms.length, 100)
  t.equal(new Set(scene.rogue.tokenForms.map(form => form.get('code_verifier'))).size, 100)
})
