import { createRemoteJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { buildTestApp, listeningTestApp, temporaryFolder } from './helpers/app.ts'
import { Browser, devSignIn } from './helpers/browser.ts'
import { rogueProvider } from './helpers/rogue-provider.ts'

t.test('a person signs in with the dev provider and lands on a page that says who they are', async t => {
  const { app, url } = await buildTestApp(t)
  const browser = new Browser(app, url)
  const done = await devSignIn(browser, 'Ada@Example.com')
  t.equal(done.status, 303)
  t.equal(done.headers['location'], '/auth/account')
  const account = await browser.visit('/auth/account')
  t.match(account.body, 'ada@example.com')
})

t.test('over the network: a person signs in, and a service checks the token with nothing but the public keys', async t => {
  const { app, url } = await listeningTestApp(t, { SIGNING_ALG: 'RS256' })
  const browser = new Browser(app, url)
  t.equal((await devSignIn(browser, 'ada@example.com', { returnTo: '/welcome' })).headers['location'], '/welcome')
  const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`))
  const { payload } = await jwtVerify(browser.cookies.get('handstamp') ?? '', keys, { issuer: url, audience: url, algorithms: ['RS256'] })
  t.match(payload, { email: 'ada@example.com', email_verified: true, provider: 'dev' })
})

t.test('the service can be built without a log', async t => {
  const app = await buildApp(loadConfig({ DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256' }))
  t.teardown(() => app.close())
  t.equal((await app.inject('/livez')).statusCode, 200)
})

t.test('a login with a generic OpenID provider becomes a token response', async t => {
  const rogue = await rogueProvider(t)
  const { app, url } = await buildTestApp(t, rogue.env)
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/rogue')
  const query = new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()
  const done = await browser.visit(`/auth/rogue/callback?${query}`, { headers: { accept: 'application/json' } })
  t.match(done.json(), { token_type: 'Bearer', expires_in: 595, user: { sub: 'rogue|7', email: 'ada@example.com' } })
})

t.test('R26 the same verified email at two providers is two people, and the sessions of one are not those of the other', async t => {
  const [one, other] = [await rogueProvider(t), await rogueProvider(t)]
  const { app, url } = await buildTestApp(t, {
    ...one.env,
    OIDC_PROVIDERS: 'rogue,other',
    OIDC_OTHER_ISSUER: other.issuer,
    OIDC_OTHER_CLIENT_ID: 'rogue-client',
    OIDC_OTHER_CLIENT_SECRET: 'rogue-secret'
  })
  const signIn = async (browser: Browser, id: string, provider: typeof one) => {
    const start = await browser.visit(`/auth/${id}`)
    const query = new URLSearchParams(provider.consent(String(start.headers['location']))).toString()
    await browser.visit(`/auth/${id}/callback?${query}`)
    return (await browser.visit('/auth/me')).json()
  }
  const [first, second, later] = [new Browser(app, url), new Browser(app, url), new Browser(app, url)]
  t.match(await signIn(first, 'rogue', one), { sub: 'rogue|7', email: 'ada@example.com' })
  t.match(await signIn(second, 'other', other), { sub: 'other|7', email: 'ada@example.com' })
  for (const [browser, provider] of [[first, 'rogue'], [second, 'other']] as const) {
    t.equal((await browser.visit('/auth/sessions')).json().sessions.length, 1, provider)
  }
  await signIn(later, 'other', other)
  t.equal((await later.visit('/auth/logout', { method: 'POST', json: { everywhere: true } })).status, 204)
  t.equal((await second.visit('/auth/me')).status, 401)
  t.equal((await first.visit('/auth/me')).status, 200)
  t.match(await signIn(first, 'other', other), { sub: 'other|7' }, 'signing in at both in one browser links nothing either')
})
