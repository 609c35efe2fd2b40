import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../helpers/app.ts'
import { Browser, type Page } from '../helpers/browser.ts'
import { callbackOf, login, outcome, rogueScene, type RogueScene } from '../helpers/rogue-login.ts'
import { rogueProvider } from '../helpers/rogue-provider.ts'

const json = { accept: 'application/json' }
const flowNames = ({ cookies }: Browser): string[] => [...cookies.keys()].filter(name => name.includes('handstamp-flow-')).sort()
const asked = (page: Page) => new URL(String(page.headers['location'])).searchParams
const visit = ({ browser }: RogueScene, address: string, headers: Record<string, string> = json) => browser.visit(address, { headers })
const code = async (scene: RogueScene, address: string) => (await visit(scene, address)).json().code

// The start

t.test('R1 every start has a state, a nonce and a challenge of its own', async t => {
  const scene = await rogueScene(t)
  const seen = new Set<string>()
  for (let time = 0; time < 50; time++) {
    const query = asked(await scene.browser.visit('/auth/rogue'))
    for (const name of ['state', 'nonce', 'code_challenge']) {
      const value = query.get(name) ?? ''
      t.match(value, /^[\w-]{22,}$/, name) // 128 bits or more
      t.notOk(seen.has(value))
      seen.add(value)
    }
    t.equal(query.get('code_challenge_method'), 'S256')
    t.equal(query.getAll('state').length, 1)
  }
})

t.test('R1 the verifier of a flow is long enough, fits its challenge and is never shown', async t => {
  const scene = await rogueScene(t)
  const start = await scene.browser.visit('/auth/rogue')
  await visit(scene, `/auth/rogue/callback?${new URLSearchParams(scene.rogue.consent(String(start.headers['location']))).toString()}`)
  const verifier = scene.rogue.tokenForms[0]?.get('code_verifier') ?? ''
  t.match(verifier, /^[\w.~-]{43,128}$/)
  t.equal(createHash('sha256').update(verifier).digest('base64url'), asked(start).get('code_challenge'))
  t.notMatch(JSON.stringify(start), verifier)
})

t.test('R2 the flow cookie is sealed: nothing of the flow can be read in it', async t => {
  const scene = await rogueScene(t)
  const start = await scene.browser.visit('/auth/rogue?return_to=/where-it-goes')
  const [[name = '', value = ''] = []] = [...scene.browser.cookies]
  for (const text of [value, Buffer.from(value, 'base64url').toString('latin1')]) {
    for (const part of ['rogue', 'where-it-goes', asked(start).get('nonce') ?? '', asked(start).get('state') ?? '']) t.notOk(text.includes(part), part)
  }
  t.notOk(name.includes(asked(start).get('state') ?? ''), 'nor the whole state in its name')
})

t.test('R60 the flow cookie lives an hour and goes to us alone', async t => {
  for (const [PUBLIC_URL, name, secure] of [
    ['http://localhost:3000', /^handstamp-flow-[\w-]+=/, false],
    ['https://localhost:3000', /^__Host-handstamp-flow-[\w-]+=/, true]
  ] as const) {
    const scene = await rogueScene(t, { PUBLIC_URL })
    const [cookie = '', ...more] = [(await scene.browser.visit('/auth/rogue')).headers['set-cookie'] ?? []].flat()
    t.match(cookie, name)
    t.same(cookie.split('; ').slice(1).sort(), ['HttpOnly', 'Max-Age=3600', 'Path=/', 'SameSite=Lax', ...(secure ? ['Secure'] : [])].sort())
    t.same(more, [])
  }
})

t.test('R2 a start writes nothing to the store', async t => {
  const scene = await rogueScene(t)
  const store = () => readFileSync(join(scene.dataDir, 'handstamp.mdb'))
  const before = store()
  for (let time = 0; time < 50; time++) await scene.browser.visit('/auth/rogue')
  t.ok(store().equals(before))
})

t.test('R3 a start leaves the session alone', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  const session = scene.browser.cookies.get('handstamp')
  const start = await scene.browser.visit('/auth/rogue')
  t.notMatch(String(start.headers['set-cookie']), /handstamp(-refresh)?=/)
  t.equal((await scene.browser.visit('/auth/me')).status, 200)
  t.equal(scene.browser.cookies.get('handstamp'), session)
})

t.test('R10 the redirect URI and the way to the provider do not depend on the host that was asked', async t => {
  const scene = await rogueScene(t)
  const start = await scene.browser.visit('/auth/rogue', { headers: { host: 'evil.test', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' } })
  t.equal(asked(start).get('redirect_uri'), `${scene.url}/auth/rogue/callback`)
  t.notMatch(JSON.stringify(start.headers), 'evil.test')
})

t.test('a start passes four parameters on and nothing else', async t => {
  const scene = await rogueScene(t)
  const given = { login_hint: 'ada@example.com', prompt: 'login', hd: 'example.com', ui_locales: 'ko en' }
  const foreign = {
    state: 'mine',
    nonce: 'mine',
    redirect_uri: 'https://evil.test',
    client_id: 'evil',
    scope: 'everything',
    response_type: 'token',
    response_mode: 'fragment',
    code_challenge: 'x',
    code_challenge_method: 'plain',
    request: 'x',
    request_uri: 'https://evil.test',
    max_age: '0',
    iss: 'x'
  }
  const query = asked(await scene.browser.visit(`/auth/rogue?${new URLSearchParams({ ...foreign, ...given }).toString()}`))
  t.match(Object.fromEntries(query), given)
  t.equal(new Set(query.keys()).size, [...query.keys()].length, 'and none of them twice')
  for (const [name, value] of Object.entries(foreign)) t.not(query.get(name), value, name)
  const ours = ['client_id', 'code_challenge', 'code_challenge_method', 'nonce', 'redirect_uri', 'response_type', 'scope', 'state']
  t.same([...query.keys()].sort(), [...ours, ...Object.keys(given)].sort())
})

t.test('R9 what is passed on is named once, has a value and is short', async t => {
  const scene = await rogueScene(t)
  for (const query of ['login_hint=', 'login_hint=a&login_hint=b', `login_hint=${'x'.repeat(1025)}`, 'prompt=&prompt=', 'hd=']) {
    const refused = await visit(scene, `/auth/rogue?${query}`)
    t.equal(refused.status, 400, query)
    t.notOk(refused.headers['set-cookie'])
  }
})

t.test('R64 a login that another site starts asks which account, where the provider can', async t => {
  const rogue = await rogueProvider(t)
  const google = { GOOGLE_CLIENT_ID: 'rogue-client', GOOGLE_CLIENT_SECRET: 'rogue-secret', GOOGLE_ISSUER: rogue.issuer }
  const scene = await rogueScene(t, { ...google, ALLOWED_ORIGINS: 'https://app.example.com,https://*.preview.example.com' }, rogue)
  const prompt = async (headers: Record<string, string>, path = '/auth/google') => asked(await scene.browser.visit(path, { headers })).get('prompt')
  const cross = { 'sec-fetch-site': 'cross-site' }
  t.equal(await prompt({ ...cross, referer: 'https://evil.test/page' }), 'select_account')
  t.equal(await prompt({ ...cross, referer: 'https://app.example.com.evil.test/' }), 'select_account')
  t.equal(await prompt({ ...cross, referer: 'about:client' }), 'select_account')
  t.equal(await prompt({ ...cross, referer: 'not an address' }), 'select_account')
  t.equal(await prompt({ ...cross, referer: 'https://evil.test/' }, '/auth/google?prompt=login'), 'login', 'what was asked for stays')
  t.equal(await prompt({ ...cross, referer: 'https://app.example.com/page' }), null)
  t.equal(await prompt({ ...cross, referer: 'https://pr-1.preview.example.com/page' }), null)
  t.equal(await prompt({ ...cross, referer: `${scene.url}/auth/login` }), null)
  t.equal(await prompt(cross), null, 'no Referer says nothing')
  t.equal(await prompt({ 'sec-fetch-site': 'same-site', referer: 'https://evil.test/' }), null)
  t.equal(await prompt({ referer: 'https://evil.test/' }), null)
  t.equal(await prompt({ ...cross, referer: 'https://evil.test/page' }, '/auth/rogue'), null, 'not documented there')
})

t.test('R64 no prompt of another site\'s choice lets a login through unnoticed', async t => {
  const rogue = await rogueProvider(t)
  const google = { GOOGLE_CLIENT_ID: 'rogue-client', GOOGLE_CLIENT_SECRET: 'rogue-secret', GOOGLE_ISSUER: rogue.issuer }
  const scene = await rogueScene(t, google, rogue)
  const headers = { 'sec-fetch-site': 'cross-site', referer: 'https://evil.test/' }
  const passed = async (prompt: string, from: Record<string, string> = headers) =>
    asked(await scene.browser.visit(`/auth/google?${new URLSearchParams({ prompt }).toString()}`, { headers: from })).getAll('prompt')
  for (const silent of ['none', 'none login', 'login none', 'NONE', ' ', 'none\t', 'x', 'login,none', 'select_account%20none', 'create']) {
    t.same(await passed(silent), ['select_account'], silent)
    t.same(await passed(silent, { ...headers, 'sec-fetch-site': 'same-origin' }), [silent], 'of our own pages it is handed on')
  }
  for (const noticed of ['login', 'consent', 'select_account', 'consent select_account']) t.same(await passed(noticed), [noticed])
})

t.test('a start that is not a navigation of the whole page makes no flow and sends nobody anywhere', async t => {
  const scene = await rogueScene(t)
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  for (const headers of [
    { ...navigation, 'sec-purpose': 'prefetch' },
    { ...navigation, 'sec-purpose': 'prefetch;prerender' },
    { ...navigation, 'sec-purpose': 'prefetch;anonymous-client-ip' },
    { purpose: 'prefetch' },
    { 'x-purpose': 'preview' },
    { 'x-moz': 'prefetch' },
    { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-mode': 'same-origin', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' },
    ...['iframe', 'frame', 'fencedframe', 'embed', 'object'].map(dest => ({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': dest })),
    ...['image', 'script', 'style', 'font', 'audio', 'track', 'manifest'].map(dest => ({ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': dest }))
  ]) {
    const refused = await visit(scene, '/auth/rogue?return_to=/page', { ...json, ...headers } as typeof json)
    t.same([refused.status, refused.json().code], [403, 'cross_site_request'], JSON.stringify(headers))
    t.notOk(refused.headers['set-cookie'])
    t.notOk(refused.headers['location'])
  }
  for (const headers of [
    navigation,
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'empty' }, // passed on by a service worker
    { 'sec-fetch-mode': 'cors' }, // a program: fetch of Node says so
    {}
  ]) t.equal((await visit(scene, '/auth/rogue', { ...json, ...headers } as typeof json)).status, 302, JSON.stringify(headers))
})

// Several at once

t.test('R3 eight tabs can sign in at the same time, and of nine the oldest starts again', async t => {
  const scene = await rogueScene(t)
  const tabs: string[] = []
  for (let tab = 0; tab < 9; tab++) {
    tabs.push(await callbackOf(scene, { path: `/auth/rogue?return_to=/tab-${tab}` }))
    scene.travel(1)
  }
  t.equal(flowNames(scene.browser).length, 8)
  t.equal(await code(scene, tabs[0] ?? ''), 'flow_not_found')
  for (const tab of [3, 1, 5, 8, 2, 7, 4, 6]) t.equal((await visit(scene, tabs[tab] ?? '')).headers['location'], `/tab-${tab}`)
})

t.test('R3 tabs that are opened at the same moment do not overwrite one another', async t => {
  const scene = await rogueScene(t)
  const tabs = await Promise.all(Array.from({ length: 8 }, (_, tab) => callbackOf(scene, { path: `/auth/rogue?return_to=/tab-${tab}` })))
  const done = await Promise.all(tabs.map(tab => visit(scene, tab)))
  t.same(done.map(({ headers }) => headers['location']), Array.from({ length: 8 }, (_, tab) => `/tab-${tab}`))
})

const flowBytes = ({ cookies }: Browser): number =>
  [...cookies].filter(([name]) => name.includes('handstamp-flow-')).map(pair => pair.join('=')).join('; ').length

t.test('R3 the flow cookies of a browser take 4 KiB together, and the newest stay', async t => {
  const scene = await rogueScene(t)
  for (const [length, kept] of [[100, 7], [900, 2], [2_000, 1], [1_200, 1], [50, 3], [1_200, 2]] as const) {
    const tabs: string[] = []
    for (let tab = 0; tab < 10; tab++) {
      const returnTo = `/${tab}${'x'.repeat(length)}`
      tabs.push(await callbackOf(scene, { path: `/auth/rogue?return_to=${returnTo}` }))
      scene.travel(1)
      t.ok(flowBytes(scene.browser) <= 4_096, `${flowBytes(scene.browser)} bytes with ${tab + 1} return_tos of ${length}`)
    }
    const done: string[] = []
    for (const tab of tabs.slice(-kept)) done.push(String((await visit(scene, tab)).headers['location']))
    t.same(done.map(location => location.slice(0, 2)), Array.from({ length: kept }, (_, tab) => `/${tab + 10 - kept}`), `return_tos of ${length}`)
  }
})

t.test('R3 logins that are over make room before one that is still open', async t => {
  const scene = await rogueScene(t)
  const open = await callbackOf(scene, { path: '/auth/rogue?return_to=/still-open' })
  for (let time = 0; time < 10; time++) {
    scene.travel(1)
    t.equal(await outcome(scene), 'ok')
  }
  t.ok(flowNames(scene.browser).length <= 8)
  t.equal((await visit(scene, open)).headers['location'], '/still-open')
})

t.test('what a login that is over leaves in the browser does not grow with its return_to', async t => {
  const scene = await rogueScene(t)
  const left: number[] = []
  for (const returnTo of ['/', `/${'x'.repeat(1_500)}`]) {
    await visit(scene, await callbackOf(scene, { path: `/auth/rogue?return_to=${returnTo}` }))
    left.push(flowBytes(scene.browser))
    for (const name of flowNames(scene.browser)) scene.browser.cookies.delete(name)
  }
  t.equal(left[0], left[1])
  t.ok(Number(left[0]) < 300, `${left[0]} bytes`)
})

t.test('R3 cookies that only look like flows do not keep a login from starting', async t => {
  const scene = await rogueScene(t)
  for (let time = 0; time < 30; time++) scene.browser.cookies.set(`handstamp-flow-planted${time}`, 'x')
  scene.browser.cookies.set('handstamp-flow-;x', 'x')
  t.equal(await outcome(scene), 'ok')
  for (let time = 0; time < 3; time++) t.equal(await outcome(scene), 'ok')
  t.ok(flowNames(scene.browser).length <= 9, 'each start takes some of them away')
})

// The seal

t.test('R2 a flow cookie that was changed anywhere is none', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const [[name = '', value = ''] = []] = [...scene.browser.cookies]
  const flipped = (at: number) => {
    const bytes = Buffer.from(value, 'base64url')
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes.toString('base64url')
  }
  const { length } = Buffer.from(value, 'base64url')
  for (const changed of [...[0, 11, 12, 40, length - 17, length - 16, length - 1].map(flipped), value.slice(0, -4), value.slice(4), value.slice(0, 20),
    `${value}AAAA`, 'AAAA', '', '.', '%00', value.toUpperCase(), `${value}${value}`]) {
    scene.browser.cookies.set(name, changed)
    t.equal(await code(scene, address), 'flow_not_found', changed.slice(0, 20))
  }
  t.same(scene.rogue.tokenForms, [])
  scene.browser.cookies.set(name, value)
  t.equal((await visit(scene, address)).status, 200)
})

t.test('R2 a flow cookie under the name of another flow is none', async t => {
  const scene = await rogueScene(t)
  const mine = await callbackOf(scene)
  const [name = ''] = flowNames(scene.browser)
  const other = new Browser(scene.app, scene.url)
  await callbackOf(scene, { browser: other })
  scene.browser.cookies.set(name, [...other.cookies.values()][0] ?? '')
  t.equal(await code(scene, mine), 'flow_not_found')
})

t.test('R66 a flow cookie that comes twice counts as absent', async t => {
  const scene = await rogueScene(t)
  const address = await callbackOf(scene)
  const [[name = '', value = ''] = []] = [...scene.browser.cookies]
  const good = `${name}=${value}`
  for (const cookie of [`${good}; ${good}`, `${name}=x; ${good}`, `${good};${name} =x`, `a=b; ${good}; c=d; ${name}=`]) {
    const refused = await scene.app.inject({ url: address, headers: { ...json, cookie } })
    t.equal(refused.json().code, 'flow_not_found', cookie.replaceAll(value, '…'))
  }
  t.equal((await scene.app.inject({ url: address, headers: { ...json, cookie: `x${name}=y; ${good}` } })).statusCode, 200, 'another name is another cookie')
})

const secrets = ['first-secret-of-the-operator-0123456789', 'second-secret-of-the-operator-0123456789']

t.test('a login that began under one SECRET ends under two, the newest first', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await rogueScene(t, { DATA_DIR, SECRET: secrets[0] })
  const address = await callbackOf(before)
  await before.app.close()
  const after = await rogueScene(t, { DATA_DIR, SECRET: [secrets[1], secrets[0]].join() }, before.rogue)
  for (const [name, value] of before.browser.cookies) after.browser.cookies.set(name, value)
  t.equal((await visit(after, address)).status, 200)
})

t.test('R2 a flow cookie of another SECRET is none', async t => {
  const one = await rogueScene(t, { SECRET: secrets[0] })
  const other = await rogueScene(t, { SECRET: secrets[1] }, one.rogue)
  const address = await callbackOf(one)
  for (const [name, value] of one.browser.cookies) other.browser.cookies.set(name, value)
  t.equal(await code(other, address), 'flow_not_found')
  t.same(one.rogue.tokenForms, [])
})

t.test('without a SECRET, a login that began before a restart ends after it', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await rogueScene(t, { DATA_DIR })
  const address = await callbackOf(before)
  await before.app.close()
  const after = await rogueScene(t, { DATA_DIR }, before.rogue)
  for (const [name, value] of before.browser.cookies) after.browser.cookies.set(name, value)
  t.equal((await visit(after, address)).status, 200)
})

// Time

t.test('R5 a flow ends after ten minutes, also for a browser that keeps its cookie', async t => {
  const scene = await rogueScene(t)
  const [inTime, late] = [await callbackOf(scene), await callbackOf(scene)]
  scene.travel(599)
  t.equal((await visit(scene, inTime)).status, 200)
  scene.travel(2)
  const refused = await visit(scene, late)
  t.equal(refused.status, 400)
  t.equal(refused.json().code, 'flow_expired')
  t.equal(scene.rogue.tokenForms.length, 1)
})

t.test('L15 whoever comes back later finds a page that starts the same login again', async t => {
  const scene = await rogueScene(t, { ALLOWED_ORIGINS: 'https://app.example.com' })
  for (const [returnTo, link, late] of [
    ['/page?a=1&b=2', '/auth/rogue?return_to=%2Fpage%3Fa%3D1%26b%3D2', 601],
    ['https://app.example.com/x', '/auth/rogue?return_to=https%3A%2F%2Fapp.example.com%2Fx', 3_500],
    [undefined, '/auth/rogue', 1_800]
  ] as const) {
    const query = returnTo ? `?${new URLSearchParams({ return_to: returnTo }).toString()}` : ''
    const address = await callbackOf(scene, { path: `/auth/rogue${query}` })
    scene.travel(late)
    const page = await visit(scene, address, { accept: 'text/html' })
    t.equal(page.status, 400)
    t.match(page.body, `href="${link}"`)
    t.match(page.body, 'flow_expired')
  }
})
