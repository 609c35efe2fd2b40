import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import t from 'tap'
import { listeningTestApp, type Teardown } from '../helpers/app.ts'

// In a real browser: what it makes of our cookies, our CSP on redirects after a form, and our CSRF rule.

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
})
t.teardown(() => browser.close())

/** The module that docs/frontends.md shows, for the service at this address. */
const documentedModule = (url: string): string =>
  String(/```js\n(const auth = [^]*?)```/.exec(readFileSync('docs/frontends.md', 'utf8'))?.[1]).replace('https://auth.example.com', url)

let script = ''
const front = createServer(({ url }, response) => {
  if (url === '/session.js') response.setHeader('content-type', 'text/javascript').end(script)
  else response.setHeader('content-type', 'text/html').end('<h1>front</h1>')
})
await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
t.teardown(() => front.close())
const frontUrl = `http://localhost:${(front.address() as AddressInfo).port}`

async function frontend (t: Teardown) {
  const { url } = await listeningTestApp(t, { ALLOWED_ORIGINS: frontUrl })
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  const me = () => page.evaluate(async address => {
    const answer = await fetch(address, { credentials: 'include' })
    return { status: answer.status, body: await answer.json() as Record<string, unknown> }
  }, `${url}/auth/me`)
  return { url, page, me }
}

t.test('a person signs in from a frontend, comes back to it, and it can ask who they are', async t => {
  const { url, page, me } = await frontend(t)
  await page.goto(`${url}/auth/login?return_to=${encodeURIComponent(`${frontUrl}/home`)}`)
  await page.click('a.choice')
  await page.fill('input[name=email]', 'ada@example.com')
  await page.click('button.primary')
  await page.waitForURL(`${frontUrl}/home`)
  t.match(await me(), { status: 200, body: { email: 'ada@example.com' } })
})

t.test('the module of docs/frontends.md says who is signed in, refreshes before the token expires, and signs out all tabs', async t => {
  const { url, page } = await frontend(t)
  script = documentedModule(url)
  await page.goto(frontUrl)
  const run = (name: string) => page.evaluate(`import('/session.js').then(module => module.${name}())`)
  t.equal(await run('me'), undefined)
  await Promise.all([page.waitForURL(`${url}/auth/login?*`), run('signIn')])
  await page.click('a.choice')
  await page.click('button.primary')
  await page.waitForURL(`${frontUrl}/`)
  t.match(await run('me'), { email: 'dev@example.com' })
  await page.context().clearCookies({ name: 'handstamp' })
  const both = await Promise.all([run('me'), run('me')])
  for (const user of both) t.match(user, { email: 'dev@example.com' })
  const token = await run('accessToken')
  t.match(token, /^eyJ/)
  t.equal(await run('accessToken'), token, 'it is kept for a while')
  await page.evaluate('Date.now = (now => () => now() + 8 * 60_000)(Date.now)')
  t.not(await run('accessToken'), token, 'and refreshed before its ten minutes end')

  const other = await page.context().newPage()
  await other.goto(`${frontUrl}/?a=b&error=access_denied&error_description=x&error_code=access_denied#c`)
  const inOther = (name: string) => other.evaluate(`import('/session.js').then(module => module.${name}())`)
  t.equal(await inOther('loginError'), 'access_denied')
  t.equal(other.url(), `${frontUrl}/?a=b#c`)
  t.equal(await inOther('loginError'), null)
  t.match(await inOther('me'), { email: 'dev@example.com' })
  await Promise.all([other.waitForEvent('load'), run('signOut')])
  t.equal(await run('me'), undefined)
  t.equal(await inOther('me'), undefined)
})

t.test('the sign-out button of the account page works although browsers send Origin: null with it', async t => {
  const { url, page } = await frontend(t)
  await page.goto(`${url}/auth/dev`)
  await page.click('button.primary')
  await page.waitForURL(`${url}/auth/account`)
  await page.click('button')
  await page.waitForURL(`${url}/auth/login`)
  await page.goto(`${url}/auth/account`)
  t.equal(new URL(page.url()).pathname, '/auth/login', 'nobody is signed in any more')
})

t.test('a cancelled login goes back to the frontend with our error', async t => {
  const { url, page, me } = await frontend(t)
  await page.goto(`${url}/auth/dev?return_to=${encodeURIComponent(`${frontUrl}/home`)}`)
  await page.click('button[name=cancel]')
  await page.waitForURL(address => address.origin === frontUrl)
  t.equal(new URL(page.url()).searchParams.get('error_code'), 'access_denied')
  t.match(await me(), { status: 401, body: { code: 'not_signed_in' } })
})

t.test('R62 a form on another site cannot sign a person out', async t => {
  const { url, page, me } = await frontend(t)
  await page.goto(`${url}/auth/dev?return_to=${encodeURIComponent(`${frontUrl}/home`)}`)
  await page.click('button.primary')
  await page.waitForURL(`${frontUrl}/home`)
  const evil = frontUrl.replace('localhost', '127.0.0.1')
  await page.goto(evil)
  await page.setContent(`<form method="post" action="${url}/auth/logout"><button>win</button></form>`)
  await page.click('button')
  await page.waitForURL(`${url}/auth/logout`)
  await page.goto(frontUrl)
  t.match(await me(), { status: 200 }, 'still signed in')
})
