import { generateKeyPairSync } from 'node:crypto'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { html } from '../../src/pages/html.ts'
import { listeningTestApp } from '../helpers/app.ts'
import { fakeProvider, reply, type Received } from '../helpers/fake-provider.ts'

// In a real browser: Apple's answer is posted from its own site. Nobody but a browser can say which cookies come along.

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
})
t.teardown(() => browser.close())

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Apple on 127.0.0.1, us on localhost: two sites. Its page posts once the person agrees, or says no. */
async function apple (t: Test) {
  const fake = await fakeProvider(t)
  let nonce = ''
  const { url } = await listeningTestApp(t, {
    APPLE_CLIENT_ID: 'com.example.signin',
    APPLE_TEAM_ID: 'DEF123GHIJ',
    APPLE_KEY_ID: 'ABC123DEFG',
    APPLE_PRIVATE_KEY: key,
    APPLE_ISSUER: fake.url
  })
  const posts: Array<string | undefined> = []
  fake.answers = {
    '/.well-known/openid-configuration': {
      issuer: fake.url,
      authorization_endpoint: `${fake.url}/authorize`,
      token_endpoint: `${fake.url}/token`,
      jwks_uri: `${fake.url}/jwks`,
      token_endpoint_auth_methods_supported: ['client_secret_post']
    },
    '/jwks': fake.jwks,
    '/authorize': ({ query }: Received) => {
      nonce = query.get('nonce') ?? ''
      const user = JSON.stringify({ name: { firstName: 'Ada', lastName: 'Lovelace' } })
      const state = query.get('state') ?? ''
      const target = query.get('redirect_uri') ?? ''
      return reply(200, html`<!doctype html><title>Apple</title>
<form method="post" action="${target}"><input type="hidden" name="state" value="${state}"><input type="hidden" name="code" value="a-code">
<input type="hidden" name="user" value="${user}"><button id="agree">Continue</button></form>
<form method="post" action="${target}"><input type="hidden" name="state" value="${state}"><input type="hidden" name="error" value="user_cancelled_authorize">
<button id="cancel">Cancel</button></form>`.text, 'text/html; charset=utf-8')
    },
    '/token': () => {
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: fake.url, aud: 'com.example.signin', sub: '001', iat: now, exp: now + 300, nonce, email: 'ada@example.com', email_verified: 'true' }
      return { access_token: 'a', token_type: 'Bearer', id_token: fake.idToken(claims) }
    }
  }
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.on('request', request => { if (request.method() === 'POST') request.allHeaders().then(({ cookie }) => posts.push(cookie), () => {}) })
  return { url, page, context, posts }
}

t.test('R61 Apple\'s form post finishes a login although the browser sends no cookie with it', async t => {
  const { url, page, context, posts } = await apple(t)
  await page.goto(`${url}/auth/apple?return_to=${encodeURIComponent('/auth/account')}`)
  const [flow] = await context.cookies(url)
  t.match(flow, { name: /^handstamp-flow-/, sameSite: 'Lax' })
  await page.click('#agree')
  await page.waitForURL(`${url}/auth/account`)
  t.match(await page.content(), 'ada@example.com')
  t.match(await page.content(), 'Ada Lovelace')
  t.same(posts, [undefined], 'the post itself carries no cookie')
  const names = (await context.cookies(url)).map(({ name }) => name)
  t.ok(names.includes('handstamp') && names.includes('handstamp-refresh'))
})

t.test('Apple\'s cancelled login is posted too, and says so', async t => {
  const { url, page } = await apple(t)
  await page.goto(`${url}/auth/apple`)
  await page.click('#cancel')
  await page.waitForURL(address => address.href.startsWith(`${url}/auth/apple/callback`))
  t.match(await page.content(), 'cancelled')
})
