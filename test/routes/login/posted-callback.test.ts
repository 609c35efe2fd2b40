import t, { type Test } from 'tap'
import { oidc } from '../../../src/providers/descriptor.ts'
import { buildTestApp } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'

// A provider that answers by form post (as Apple does), played by the rogue provider.

async function scene (t: Test, { returnTo = '' } = {}) {
  const rogue = await rogueProvider(t)
  const poster = oidc({ name: 'Poster', issuer: rogue.issuer, scopes: ['openid', 'email'], params: { response_mode: 'form_post' } })
  const { app, url, log, travel } = await buildTestApp(t, { POSTER_CLIENT_ID: 'rogue-client', POSTER_CLIENT_SECRET: 'rogue-secret', ...rogue.env }, { poster })
  const browser = new Browser(app, url)
  const start = await browser.visit(`/auth/poster${returnTo && `?return_to=${returnTo}`}`)
  const answer = rogue.consent(String(start.headers['location'])) as { code: string, state: string }
  const stranger = new Browser(app, url)
  const json = { accept: 'application/json' }
  return {
    rogue,
    app,
    browser,
    log,
    travel,
    answer,
    json,
    location: new URL(String(start.headers['location'])),
    /** As another site's page makes the browser: without our cookies. */
    post: (form: Record<string, string>, headers: Record<string, string> = json) =>
      stranger.visit('/auth/poster/callback', { method: 'POST', form, headers: { origin: 'https://provider.example', 'sec-fetch-site': 'cross-site', ...headers } }),
    get: (address: string, by = browser) => by.visit(address, { headers: json })
  }
}

const code = (page: { json (): unknown }): string => (page.json() as { code: string }).code

t.test('R61 a posted answer goes on to the GET callback, where the browser has its cookie', async t => {
  const { post, get, answer, location, log } = await scene(t)
  t.equal(location.searchParams.get('response_mode'), 'form_post')
  const posted = await post(answer)
  t.equal(posted.status, 303)
  t.notOk(posted.headers['set-cookie'], 'no cookie is set')
  const next = String(posted.headers['location'])
  t.match(next, /^\/auth\/poster\/callback\?state=[\w-]+&answer=[\w-]+$/)
  t.notMatch(next, answer.code)
  const done = await get(next)
  t.match(done.json(), { user: { sub: 'poster|7', email: 'ada@example.com' } })
  for (const secret of [answer.code, answer.state, next.split('answer=')[1] ?? '?']) t.notMatch(log(), secret)
})

t.test('R61 the flow\'s cookie of such a provider is SameSite=Lax like any other', async t => {
  const { app } = await scene(t)
  const start = await app.inject('/auth/poster')
  t.match(String(start.headers['set-cookie']), /HttpOnly; SameSite=Lax/)
})

t.test('R4 the post claims nothing: whoever posts first takes no login away', async t => {
  const { post, get, answer } = await scene(t)
  await post(answer)
  await post(answer)
  const posted = await post(answer)
  t.equal((await get(String(posted.headers['location']))).status, 200)
  const again = await post(answer)
  const twice = await get(String(again.headers['location']))
  t.same([twice.status, twice.headers['location']], [303, '/auth/account'], 'the login works once; whoever is signed in goes on')
})

t.test('R2 a posted answer is of no use to another browser', async t => {
  const { post, get, answer, app } = await scene(t)
  const posted = await post(answer)
  t.equal(code(await get(String(posted.headers['location']), new Browser(app, 'http://localhost:3000'))), 'flow_not_found')
})

t.test('R2 R61 a sealed answer holds for its own login, unchanged, for a minute', async t => {
  const { post, get, answer, rogue } = await scene(t)
  const sealed = new URL(String((await post(answer)).headers['location']), 'http://x').searchParams.get('answer') ?? ''
  const other = new URL(String((await post({ ...answer, state: 'x'.repeat(47) })).headers['location']), 'http://x').searchParams.get('answer') ?? ''
  const with_ = (value: string) => get(`/auth/poster/callback?${new URLSearchParams({ state: answer.state, answer: value }).toString()}`)
  t.equal(code(await with_(other)), 'flow_mismatch', 'of another state')
  t.same(rogue.tokenForms, [], 'nothing is asked')

  const changed = await scene(t)
  const spoiled = new URLSearchParams({ state: changed.answer.state, answer: `${sealed.slice(0, -2)}AA` }).toString()
  t.equal(code(await changed.get(`/auth/poster/callback?${spoiled}`)), 'flow_mismatch')

  const late = await scene(t)
  const posted = await late.post(late.answer)
  late.travel(61)
  t.equal(code(await late.get(String(posted.headers['location']))), 'flow_expired')
})

t.test('a refusal is posted too, and goes back to where the login was started', async t => {
  const { post, get, answer } = await scene(t, { returnTo: '/home' })
  const posted = await post({ state: answer.state, error: 'user_cancelled_authorize' })
  const done = await get(String(posted.headers['location']))
  t.equal(done.status, 303)
  t.match(String(done.headers['location']), /^\/home\?error=access_denied&.*error_code=access_denied$/)
})

t.test('R9 what a form must not be', async t => {
  const { post, answer, app } = await scene(t)
  for (const [what, form] of [
    ['no state', { code: 'x' }],
    ['an empty state', { ...answer, state: '' }],
    ['an empty code', { ...answer, code: '' }],
    ['a code of more than 4 KiB', { ...answer, code: 'x'.repeat(4097) }],
    ['too much in all', { ...answer, user: 'x'.repeat(4000), code: 'x'.repeat(4000) }]
  ] as Array<[string, Record<string, string>]>) {
    t.equal(code(await post(form)), 'invalid_request', what)
  }
  const twice = await app.inject({
    method: 'POST',
    url: '/auth/poster/callback',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `state=${answer.state}&code=a&code=b`
  })
  t.equal(twice.json().code, 'invalid_request')
})

t.test('R63 a form post into a frame is refused, and so is any body but a form', async t => {
  const { post, answer, app } = await scene(t)
  t.equal(code(await post(answer, { accept: 'application/json', 'sec-fetch-dest': 'iframe' })), 'cross_site_request')
  const json = await app.inject({ method: 'POST', url: '/auth/poster/callback', payload: answer })
  t.equal(json.json().code, 'unsupported_media_type')
  t.equal((await app.inject({ method: 'POST', url: '/auth/poster/callback' })).json().code, 'unsupported_media_type')
})

t.test('only providers that answer by form post have such a route', async t => {
  const { app } = await scene(t)
  for (const id of ['rogue', 'nobody']) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await app.inject({ method: 'POST', url: `/auth/${id}/callback`, headers, payload: 'state=x' })
    t.equal(answer.statusCode, 405, id)
    t.equal(answer.headers['allow'], 'GET', id)
  }
})

t.test('a name beside the code in a query is not taken for a posted one', async t => {
  const { get, answer } = await scene(t)
  const done = await get(`/auth/poster/callback?${new URLSearchParams({ ...answer, user: '{"name":{"firstName":"Eve"}}' }).toString()}`)
  t.match(done.json().user, { name: 'Ada Lovelace' })
})
