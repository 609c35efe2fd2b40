import t from 'tap'
import { buildTestApp } from './helpers/app.ts'
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

t.test('a login with a generic OpenID provider becomes a token response', async t => {
  const rogue = await rogueProvider(t)
  const { app, url } = await buildTestApp(t, rogue.env)
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/rogue')
  const query = new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()
  const done = await browser.visit(`/auth/rogue/callback?${query}`, { headers: { accept: 'application/json' } })
  t.match(done.json(), { token_type: 'Bearer', expires_in: 595, user: { sub: 'rogue|7', email: 'ada@example.com' } })
})
