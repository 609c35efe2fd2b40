import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import type { Environment } from '../../src/env/environment.ts'
import { recordOf, sessionText } from '../../src/sessions/record.ts'
import { buildTestApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { fakeProvider, type FakeProvider } from '../helpers/fake-provider.ts'
import { login, rogueScene, type RogueScene } from '../helpers/rogue-login.ts'
import { rogueProvider, type Json } from '../helpers/rogue-provider.ts'

// R29: a list of domains is as strict as its weakest provider, so only a provider that speaks for a domain vouches for it.

const bob = 'bob@corp.example'
const listed = { ALLOWED_EMAIL_DOMAINS: 'corp.example' }

/** A fake of a provider that is asked by an API: who somebody is at its /user, /user/emails or /me. */
async function fakeLogin (t: Test, id: string, env: Environment, email = bob) {
  const fake = await fakeProvider(t)
  answer(fake, email)
  const prefix = `${id.toUpperCase()}_`
  const { app, url } = await buildTestApp(t, {
    [`${prefix}CLIENT_ID`]: 'id',
    [`${prefix}CLIENT_SECRET`]: 'secret',
    [`${prefix}AUTHORIZATION_URL`]: `${fake.url}/authorize`,
    [`${prefix}TOKEN_URL`]: `${fake.url}/token`,
    [`${prefix}API_URL`]: fake.url,
    ...env
  })
  const browser = new Browser(app, url)
  const start = await browser.visit(`/auth/${id}`)
  const state = String(new URL(String(start.headers['location'])).searchParams.get('state'))
  const page = await browser.visit(`/auth/${id}/callback?code=c&state=${state}`, { headers: { accept: 'application/json' } })
  const body = page.json() as { user?: { email: string }, code?: string }
  return body.user?.email ?? String(body.code)
}

function answer (fake: FakeProvider, email: string): void {
  Object.assign(fake.answers, {
    '/token': { access_token: 'a', token_type: 'bearer' },
    '/user': { id: 7, login: 'bob' },
    '/user/emails': [{ email, primary: true, verified: true }],
    '/me': { id: '7', email, handle: 'bob' }
  })
}

t.test('R29 a provider that verified a mailbox once does not speak for its domain', async t => {
  t.equal(await fakeLogin(t, 'github', listed), 'email_not_allowed')
  t.equal(await fakeLogin(t, 'github', { ...listed, GITHUB_VOUCHES_FOR: 'corp.example' }), bob, 'unless the operator says so')
  t.equal(await fakeLogin(t, 'github', { ...listed, GITHUB_VOUCHES_FOR: 'other.example,.corp.example' }), 'email_not_allowed', 'of this domain')
  t.equal(await fakeLogin(t, 'github', {}), bob, 'without a list everybody may come')
  t.equal(await fakeLogin(t, 'github', { ALLOWED_EMAILS: bob }), bob, 'an address that it verified is that address')
})

t.test('R29 the operator\'s word opens no domain that the list does not have', async t => {
  const env = { ALLOWED_EMAIL_DOMAINS: 'corp.example', GITHUB_VOUCHES_FOR: 'corp.example,evil.test' }
  t.equal(await fakeLogin(t, 'github', env, 'eve@evil.test'), 'email_not_allowed')
})

t.test('R29 an email that is only trusted opens neither a list of domains nor one of addresses', async t => {
  const trusted = { FIGMA_TRUST_EMAIL: 'true' }
  t.equal(await fakeLogin(t, 'figma', trusted), bob)
  t.equal(await fakeLogin(t, 'figma', { ...trusted, ...listed }), 'email_not_allowed')
  t.equal(await fakeLogin(t, 'figma', { ...trusted, ALLOWED_EMAILS: bob }), 'email_not_allowed')
  t.equal(await fakeLogin(t, 'figma', { ...trusted, ALLOWED_EMAILS: bob, FIGMA_VOUCHES_FOR: 'corp.example' }), bob)
  t.equal(await fakeLogin(t, 'figma', { ...trusted, ...listed, FIGMA_VOUCHES_FOR: 'corp.example' }), bob)
})

const oidc = (env: Environment = {}) => async (t: Test, claims: Json = {}): Promise<string> => {
  const { json } = await login(await rogueScene(t, env), { claims: { email: bob, ...claims } })
  const body = json() as { user?: { email: string }, code?: string }
  return body.user?.email ?? String(body.code)
}

t.test('R29 a provider that the operator describes speaks for the domains that are listed for it', async t => {
  t.equal(await oidc(listed)(t), 'email_not_allowed')
  t.equal(await oidc({ ...listed, OIDC_ROGUE_VOUCHES_FOR: 'corp.example' })(t), bob)
  t.equal(await oidc({ ...listed, OIDC_ROGUE_EMAIL_DOMAINS: 'corp.example' })(t), bob)
  const below = { ALLOWED_EMAIL_DOMAINS: '.corp.example', OIDC_ROGUE_EMAIL_DOMAINS: '.corp.example' }
  t.equal(await oidc(below)(t, { email: 'bob@a.corp.example' }), 'bob@a.corp.example')
  t.equal(await oidc({ ...listed, OIDC_ROGUE_EMAIL_DOMAINS: 'other.example' })(t), 'email_not_allowed')
  const always = { OIDC_ROGUE_EMAIL_VERIFIED: 'always', OIDC_ROGUE_EMAIL_DOMAINS: 'corp.example' }
  t.equal(await oidc({ ...always, ALLOWED_EMAILS: bob })(t, { email_verified: undefined }), bob, 'always comes with its domains')
})

t.test('the log says why an email that is listed was refused, and the browser does not learn it', async t => {
  for (const path of ['/auth/rogue', '/auth/rogue?return_to=/there']) {
    const scene = await rogueScene(t, listed)
    const page = await login(scene, { path, claims: { email: bob } })
    t.match(scene.log(), /rogue does not speak for the domain of this email: see _VOUCHES_FOR/)
    t.notMatch(page.body + String(page.headers['location']), 'speak')
    const other = await rogueScene(t, listed)
    await login(other, { path, claims: { email: 'eve@evil.test' } })
    t.notMatch(other.log(), 'does not speak')
  }
})

/** A provider of the catalogue with the rogue one's issuer. */
async function asCatalogued (t: Test, id: string, env: Environment): Promise<(claims: Json) => Promise<string>> {
  const rogue = await rogueProvider(t)
  const prefix = id.toUpperCase()
  rogue.env = { [`${prefix}_CLIENT_ID`]: 'rogue-client', [`${prefix}_CLIENT_SECRET`]: 'rogue-secret', [`${prefix}_ISSUER`]: rogue.issuer }
  const scene = await rogueScene(t, env, rogue)
  return async claims => {
    const body = (await login(scene, { path: `/auth/${id}`, claims })).json() as { user?: { email: string }, code?: string }
    return body.user?.email ?? String(body.code)
  }
}

t.test('R29 Google speaks where hd is the domain, and where the operator says so', async t => {
  const strict = await asCatalogued(t, 'google', listed)
  t.equal(await strict({ email: bob, hd: 'corp.example' }), bob)
  t.equal(await strict({ email: bob }), 'email_not_allowed')
  t.equal(await strict({ email: bob, hd: 'other.example' }), 'email_not_allowed')
  const told = await asCatalogued(t, 'google', { ...listed, GOOGLE_VOUCHES_FOR: 'corp.example' })
  t.equal(await told({ email: bob }), bob)
})

t.test('R29 Microsoft speaks where the tenant owns the domain, and for its own mailboxes', async t => {
  const personal = '9188040d-6c67-4c5b-b112-36a304b66dad'
  const tid = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
  const microsoft = await asCatalogued(t, 'microsoft', { ALLOWED_EMAIL_DOMAINS: 'corp.example,outlook.com' })
  t.equal(await microsoft({ email: bob, tid, xms_edov: true }), bob)
  t.equal(await microsoft({ email: bob, tid: personal }), 'email_not_allowed', 'a personal account with somebody\'s mailbox')
  t.equal(await microsoft({ email: 'bob@outlook.com', tid: personal }), 'bob@outlook.com')
  const own = await asCatalogued(t, 'microsoft', { ...listed, MICROSOFT_TENANT: tid, MICROSOFT_EMAIL_DOMAINS: 'corp.example' })
  t.equal(await own({ email: bob, tid }), bob)
})

// Refreshes

/** How a session of this identity ends up at a refresh of a service that was configured anew. */
async function refreshedUnder (t: Test, scene: RogueScene, env: Environment): Promise<number> {
  await login(scene, { claims: { email: bob } })
  await scene.app.close()
  const later = await buildTestApp(t, { ...scene.rogue.env, DATA_DIR: scene.dataDir, ...env })
  const browser = new Browser(later.app, later.url)
  for (const [name, value] of scene.browser.cookies) browser.cookies.set(name, value)
  return (await browser.visit('/auth/refresh', { method: 'POST', headers: { origin: later.url } })).status
}

t.test('R29 a session goes on only while its provider vouches by today\'s rules', async t => {
  t.equal(await refreshedUnder(t, await rogueScene(t), listed), 403)
  t.equal(await refreshedUnder(t, await rogueScene(t), { ...listed, OIDC_ROGUE_VOUCHES_FOR: 'corp.example' }), 200)
  const vouched = { ...listed, OIDC_ROGUE_VOUCHES_FOR: 'corp.example' }
  t.equal(await refreshedUnder(t, await rogueScene(t, vouched), listed), 403, 'the operator took the word back')
})

t.test('R29 what earlier versions stored of everybody is not taken for the word of a provider', async t => {
  const identity = { provider: 'github', subject: '7', email: bob, emailVerified: true, domainVouched: false }
  const record = { generation: 1, tokenHash: 'h', rotatedAt: 1, startedAt: 1, device: 0, identity, rest: [] }
  const [line = ''] = sessionText(record).split('\n')
  t.match(recordOf(`${line}\n${JSON.stringify([1, 0, 'github', '7', bob, 1])}`), { identity: { domainVouched: false } })
  const spoken = { ...record, identity: { ...identity, domainVouched: true } }
  t.match(recordOf(sessionText(spoken)), { identity: { domainVouched: true } })
})

// What the operator is told

const pair = (prefix: string, more: Environment = {}): Environment =>
  Object.fromEntries(Object.entries({ CLIENT_ID: 'id', CLIENT_SECRET: 'secret', ...more }).map(([name, value]) => [prefix + name, value]))
const warnings = (env: Environment) => loadConfig(env).warnings.filter(warning => /_VOUCHES_FOR/.test(warning))

t.test('the start and check print the line that a provider lacks', async t => {
  t.match(warnings({ ...listed, ...pair('GITHUB_') }), [/^github lets nobody of corp\.example in: .*: GITHUB_VOUCHES_FOR=corp\.example$/])
  t.same(warnings(pair('GITHUB_')), [], 'no list, no line')
  t.same(warnings({ ...listed, ...pair('GITHUB_', { VOUCHES_FOR: 'corp.example' }) }), [])
  t.same(warnings({ ...listed, ...pair('KEYCLOAK_', { ISSUER: 'https://login.corp.example', EMAIL_DOMAINS: 'corp.example' }) }), [])
  t.same(warnings({ ...listed, ...pair('GOOGLE_'), ...pair('MICROSOFT_') }), [], 'these say it themselves')
  const more = { ALLOWED_EMAIL_DOMAINS: 'corp.example,.corp.example,other.example', ...pair('GITHUB_', { VOUCHES_FOR: 'other.example' }) }
  t.match(warnings(more), [/GITHUB_VOUCHES_FOR=other\.example,corp\.example,\.corp\.example$/], 'the whole line')
  t.match(warnings({ ...listed, GITHUB_PROVIDERS: 'ghe', ...pair('GITHUB_GHE_') }), [/^ghe lets .* GITHUB_GHE_VOUCHES_FOR=corp\.example$/])
  const acme = { OIDC_PROVIDERS: 'acme', ...pair('OIDC_ACME_', { ISSUER: 'https://login.example' }) }
  t.match(warnings({ ...listed, ...acme }), [/OIDC_ACME_VOUCHES_FOR=corp\.example$/])
  const figma = pair('FIGMA_', { TRUST_EMAIL: 'true' })
  t.match(warnings({ ALLOWED_EMAILS: bob, ...figma }), [/it does not verify its emails.*FIGMA_VOUCHES_FOR=corp\.example$/])
  t.same(warnings({ ALLOWED_EMAILS: bob, ...pair('GITHUB_') }), [])
})
