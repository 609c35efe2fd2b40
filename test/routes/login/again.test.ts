import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t from 'tap'
import { audited, buildTestApp, temporaryFolder } from '../../helpers/app.ts'
import { Browser, type Page } from '../../helpers/browser.ts'
import { eventually } from '../../helpers/eventually.ts'
import { fakeProvider, form } from '../../helpers/fake-provider.ts'
import { callbackOf, login, rogueScene, type RogueScene } from '../../helpers/rogue-login.ts'

// Callbacks that come twice: by a provider's script, a double click, the back button, a tab of yesterday.

const json = { accept: 'application/json' }
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const visit = (browser: Browser, address: string, headers: Record<string, string> = json): Promise<Page> => browser.visit(address, { headers })
const started = ({ log }: RogueScene) => audited(log()).filter(({ audit }) => audit === 'login_succeeded').length

/** Another tab of the same browser: what one answer sets, the other has not heard of when it asks. */
function copyOf (scene: RogueScene, { cookies }: Browser = scene.browser): Browser {
  const copy = new Browser(scene.app, scene.url)
  for (const [name, value] of cookies) copy.cookies.set(name, value)
  return copy
}

/** Holds the provider's token answers back until it is told. */
function heldBack ({ rogue }: RogueScene) {
  let release = () => {}
  const released = new Promise<void>(resolve => { release = resolve })
  const { '/token': answer } = rogue.answers
  rogue.handlers['/token'] = async (...request) => {
    await released
    await answer?.(...request)
  }
  return release
}

const sid = (page: Page): string => JSON.parse(Buffer.from(page.json().access_token.split('.')[1], 'base64url').toString()).sid

t.test('R4 of fifty callbacks at the same moment one begins a session, with one token request, and all get it', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const all = await Promise.all(Array.from({ length: 50 }, () => visit(copyOf(scene), address)))
  t.same(all.map(({ status }) => status), Array(50).fill(200))
  t.equal(new Set(all.map(sid)).size, 1)
  t.equal(scene.rogue.tokenForms.length, 1)
  t.equal(started(scene), 1)
  const cookies = all.map(page => [page.headers['set-cookie'] ?? []].flat().find(line => line.startsWith('handstamp-refresh=')))
  t.equal(new Set(cookies.map(line => line?.split(';')[0])).size, 1, 'one refresh token for all')
})

t.test('R4 the second of two callbacks waits for the first, whose answer the browser has dropped', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/page' })
  const release = heldBack(scene)
  const first = visit(copyOf(scene), address, html)
  await eventually('the code is traded', () => scene.rogue.requests.includes('/token'))
  const second = visit(scene.browser, address, html)
  release()
  t.equal((await first).headers['location'], '/page')
  t.same([(await second).status, (await second).headers['location']], [303, '/page'])
  t.match((await scene.browser.visit('/auth/me')).json(), { email: 'ada@example.com' })
  t.equal((await scene.browser.visit('/auth/refresh', { method: 'POST', json: {} })).status, 200)
  t.equal(scene.rogue.tokenForms.length, 1)
})

t.test('R4 a login that another site has opened and broken off ends no session, and ends the replaced one when it is finished', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  const victim = scene.browser
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/page' })
  const release = heldBack(scene)
  const port = Number(new URL(await scene.app.listen({ port: 0, host: '127.0.0.1' })).port)
  const ended = new Promise<void>(resolve => { scene.app.server.once('connection', socket => socket.once('close', () => resolve())) })
  const socket = connect(port, '127.0.0.1')
  const cookie = [...victim.cookies].map(pair => pair.join('=')).join('; ')
  socket.write([`GET ${address} HTTP/1.1`, 'Host: localhost', 'Accept: text/html', `Cookie: ${cookie}`, '', ''].join('\r\n'))
  await eventually('the code is traded', () => scene.rogue.requests.filter(path => path === '/token').length === 2)
  socket.destroy()
  await ended
  release()
  await eventually('the login is finished', () => started(scene) === 2)
  const ends = () => audited(scene.log()).filter(({ audit }) => audit === 'session_ended').length
  t.equal(ends(), 0)
  t.equal((await copyOf(scene).visit('/auth/me')).status, 200)
  const had = copyOf(scene)
  t.equal((await visit(victim, address, html)).headers['location'], '/page', 'the person finished it')
  t.equal(ends(), 1)
  t.equal((await had.visit('/auth/me')).status, 401)
  const twice = copyOf(scene)
  for (const [name, value] of had.cookies) if (name.includes('flow')) twice.cookies.set(name, value)
  t.equal((await visit(twice, address, html)).headers['location'], '/page', 'and once more, with the new session')
  t.equal(ends(), 1)
  t.equal((await twice.visit('/auth/me')).status, 200)
})

t.test('R4 the same callback gets the same session for ten seconds, on any replica, and then none', async t => {
  const one = await rogueScene(t, { DATA_DIR: temporaryFolder(t) })
  const other = await rogueScene(t, { DATA_DIR: one.dataDir }, one.rogue)
  const address = await callbackOf(one)
  const [early, late] = [copyOf(other, one.browser), copyOf(other, one.browser)]
  const first = await visit(one.browser, address)
  const again = await visit(early, address)
  t.equal(sid(again), sid(first))
  other.travel(9)
  t.equal(sid(await visit(copyOf(other, late), address)), sid(first))
  other.travel(3)
  const refused = await visit(late, address)
  t.same([refused.status, refused.json().code], [400, 'flow_already_used'])
  t.equal(one.rogue.tokenForms.length, 1)
})

t.test('R4 another code with the same state gets nothing, and waits for nothing', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const other = address.replace(/code=[^&]+/, 'code=another')
  const [early, late] = [copyOf(scene), copyOf(scene)]
  const release = heldBack(scene)
  const first = visit(scene.browser, address)
  await eventually('the code is traded', () => scene.rogue.requests.includes('/token'))
  t.equal((await visit(early, other)).json().code, 'flow_already_used')
  release()
  t.equal((await first).status, 200)
  t.equal((await visit(late, other)).json().code, 'flow_already_used')
  t.notOk(late.cookies.has('handstamp'))
})

t.test('R4 without the flow\'s cookie the same callback gets nothing', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  t.equal((await visit(scene.browser, address)).status, 200)
  t.equal((await visit(new Browser(scene.app, scene.url), address)).json().code, 'flow_not_found')
})

t.test('R4 a session that was signed out or refreshed since is not handed out again', async t => {
  const scene = await rogueScene(t)
  for (const path of ['/auth/logout', '/auth/refresh']) {
    const address = await callbackOf(scene)
    const other = copyOf(scene)
    t.equal((await visit(scene.browser, address)).status, 200)
    await scene.browser.visit(path, { method: 'POST', json: {} })
    t.equal((await visit(other, address)).json().code, 'flow_already_used', path)
  }
})

t.test('R4 a login that failed fails the same way for the second callback, and is audited once', async t => {
  const scene = await rogueScene(t)
  scene.rogue.claims = { email_verified: false }
  for (const [query, headers] of [['', json], ['?return_to=/page', html]] as const) {
    const address = await callbackOf(scene, { path: `/auth/rogue${query}` })
    const [one, other] = await Promise.all([visit(copyOf(scene), address, headers), visit(copyOf(scene), address, headers)])
    t.same([other.status, other.headers['location']], [one.status, one.headers['location']])
    if (query === '') t.equal(other.json().code, 'email_not_verified')
    else t.match(other.headers['location'], /^\/page\?error=access_denied&.*error_code=email_not_verified$/)
  }
  t.equal(scene.rogue.tokenForms.length, 2)
  t.equal(audited(scene.log()).filter(({ audit }) => audit === 'login_failed').length, 2)
})

t.test('R4 where the first callback never ends, the second does', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const release = heldBack(scene)
  const first = visit(copyOf(scene), address)
  await eventually('the code is traded', () => scene.rogue.requests.includes('/token'))
  const second = visit(scene.browser, address)
  scene.travel(11)
  t.equal((await second).json().code, 'flow_already_used')
  release()
  await first
})

t.test('R4 what the store keeps of a login cannot be read there', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/where-it-goes' })
  await visit(scene.browser, address)
  await scene.app.close()
  const store = readFileSync(`${scene.dataDir}/handstamp.mdb`, 'latin1')
  t.match(store, 'flows/')
  const [, code = '?'] = /code=([^&]+)/.exec(address) ?? []
  for (const secret of ['where-it-goes', scene.browser.cookies.get('handstamp-refresh') ?? '?', code]) t.notOk(store.includes(secret))
})

// Later

t.test('R4 L14 the back button brings whoever is signed in to where they were going', async t => {
  const scene = await rogueScene(t)
  const long = `/${'x'.repeat(1_500)}`
  for (const [query, target] of [['?return_to=/page', '/page'], ['', '/auth/account'], [`?return_to=${long}`, long]] as const) {
    const address = await callbackOf(scene, { path: `/auth/rogue${query}` })
    t.equal((await visit(scene.browser, address, html)).headers['location'], target)
    const session = scene.browser.cookies.get('handstamp')
    const calls = scene.rogue.requests.length
    for (const later of [0, 5, 300]) {
      scene.travel(later)
      const again = await visit(scene.browser, address, html)
      t.equal(again.status, 303)
      t.equal(again.headers['location'], target)
      t.notMatch(String(again.headers['set-cookie']), 'handstamp=')
    }
    t.equal(scene.browser.cookies.get('handstamp'), session)
    t.equal(scene.rogue.requests.length, calls)
  }
})

t.test('R4 L14 whoever has only a refresh token goes on by way of the sign-in page, which refreshes', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/page' })
  await visit(scene.browser, address, html)
  scene.travel(1_200)
  scene.browser.cookies.delete('handstamp')
  const again = await visit(scene.browser, address, html)
  t.equal(again.headers['location'], '/auth/login?return_to=%2Fpage')
  t.equal((await visit(scene.browser, '/auth/login?return_to=%2Fpage', { ...html, 'sec-fetch-site': 'same-origin' })).headers['location'], '/page')
})

t.test('R4 L14 the back button of whoever is not signed in any more shows a page that says so', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/page' })
  await visit(scene.browser, address)
  await scene.browser.visit('/auth/logout', { method: 'POST', json: {} })
  for (const forged of [{}, { handstamp: 'x', 'handstamp-refresh': 'x' }]) {
    for (const [name, value] of Object.entries(forged)) scene.browser.cookies.set(name, value)
    const page = await visit(scene.browser, address, html)
    t.equal(page.status, 400)
    t.match(page.body, 'flow_already_used')
    t.match(page.body, 'href="/auth/rogue?return_to=%2Fpage"')
  }
  t.equal(scene.rogue.tokenForms.length, 1)
})

t.test('R4 a login that was cancelled is over, and still says where it was going', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/page' })
  const denied = await visit(scene.browser, address.replace(/code=[^&]+/, 'error=access_denied'), html)
  t.match(denied.headers['location'], /^\/page\?error=access_denied/)
  const page = await visit(scene.browser, address, html)
  t.match(page.body, 'flow_already_used')
  t.match(page.body, 'href="/auth/rogue?return_to=%2Fpage"')
  t.same(scene.rogue.tokenForms, [])
})

t.test('a tab that was left open, and an old address of the provider, bring whoever is signed in by now on their way', async t => {
  const scene = await rogueScene(t, { DEFAULT_RETURN_TO: '/home' })
  const stale = await callbackOf(scene, { path: '/auth/rogue?return_to=/stale' })
  const old = await callbackOf(scene, { browser: new Browser(scene.app, scene.url) })
  t.equal((await visit(scene.browser, old, html)).status, 400, 'not signed in yet')
  scene.travel(700)
  await login(scene)
  t.equal((await visit(scene.browser, stale, html)).headers['location'], '/stale')
  for (const browser of [html, { accept: '*/*' }]) t.equal((await visit(scene.browser, old, browser)).headers['location'], '/home')
  t.equal((await visit(scene.browser, old, json)).json().code, 'flow_not_found', 'a program is told')
  t.equal((await visit(scene.browser, stale.replace('state=', 'state=x'), html)).headers['location'], '/home')
  t.equal(scene.rogue.tokenForms.length, 1, 'none of them signed anybody in')
  t.notMatch(scene.log(), 'FST_ERR_REP_ALREADY_SENT', 'each is answered once')
})

t.test('R6 an answer that belongs to another flow is refused, whoever is signed in', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  const address = await callbackOf(scene)
  t.equal((await visit(scene.browser, address.replace(/(state=[^&]{30})[^&]*/, '$1'), html)).status, 400)
})

t.test('the back button after an OAuth 1.0a login goes on, too', async t => {
  const fake = await fakeProvider(t)
  fake.answers = {
    'POST /request': form('oauth_token=temporary&oauth_token_secret=s&oauth_callback_confirmed=true'),
    'POST /token': form('oauth_token=lasting&oauth_token_secret=s'),
    'GET /me': { id: 7, email: 'ada@example.com', email_verified: true }
  }
  const own = { REQUEST_TOKEN_URL: '/request', AUTHORIZATION_URL: '/authorize', TOKEN_URL: '/token', PROFILE_URL: '/me' }
  const { app, url } = await buildTestApp(t, {
    OAUTH1_PROVIDERS: 'acme',
    OAUTH1_ACME_CLIENT_ID: 'id',
    OAUTH1_ACME_CLIENT_SECRET: 'secret',
    ...Object.fromEntries(Object.entries(own).map(([name, path]) => [`OAUTH1_ACME_${name}`, fake.url + path]))
  })
  const browser = new Browser(app, url)
  await browser.visit('/auth/acme?return_to=/page')
  const [, state = ''] = /state=([\w-]+)/.exec(decodeURIComponent(String(fake.requests[0]?.headers.authorization))) ?? []
  const callback = `/auth/acme/callback?state=${state}&oauth_token=temporary&oauth_verifier=v`
  const copy = new Browser(app, url)
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value)
  t.equal((await visit(browser, callback, html)).headers['location'], '/page')
  t.equal((await visit(browser, callback, html)).headers['location'], '/page', 'back')
  t.equal((await visit(browser, `/auth/acme/callback?state=${state}&denied=temporary`, html)).headers['location'], '/page', 'back, and then cancelled')
  t.equal((await visit(copy, callback, html)).headers['location'], '/page', 'twice')
  t.ok(copy.cookies.has('handstamp'))
  t.equal(fake.requests.filter(({ path }) => path === '/token').length, 1)
})

t.test('R4 the same callback once more, where the session went on since, goes to where the login was going', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene, { path: '/auth/rogue?return_to=/page' })
  const slow = copyOf(scene) // its answer about the flow is still on the way
  t.equal((await visit(scene.browser, address, html)).headers['location'], '/page')
  await scene.browser.visit('/auth/refresh', { method: 'POST', json: {} })
  for (const [name, value] of scene.browser.cookies) if (/^handstamp(-refresh)?$/.test(name)) slow.cookies.set(name, value)
  const again = await visit(slow, address, html)
  t.same([again.status, again.headers['location']], [303, '/page'])
  t.equal(started(scene), 1)
})

t.test('a callback of a while ago leads to the sign-in page, without a target that no small proxy would let through', async t => {
  const scene = await rogueScene(t)
  for (const [returnTo, page] of [['/page', '/auth/login?return_to=%2Fpage'], [`/${'~'.repeat(1_900)}`, '/auth/login']]) {
    const address = await callbackOf(scene, { path: `/auth/rogue?return_to=${returnTo}` })
    await visit(scene.browser, address, html)
    scene.travel(11 * 60)
    const back = await visit(scene.browser, address, html)
    t.same([back.status, back.headers['location']], [303, page])
  }
})
