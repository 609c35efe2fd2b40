import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium, type BrowserContext, type Page } from 'playwright-core'
import t from 'tap'
import { audited, listeningTestApp, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

// In a real browser: what another site can do to a session by sending its person to our sign-in page.

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
})
t.teardown(() => browser.close())

const elsewhere = createServer((_request, response) => { response.setHeader('content-type', 'text/html').end('<h1>elsewhere</h1>') })
await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve))
t.teardown(() => elsewhere.close())
const evil = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`

/** A person who signed in, whose access cookie has expired, and who looks at another site now. */
async function scene (t: Teardown) {
  const { url, log, travel } = await listeningTestApp(t)
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  await page.goto(`${url}/auth/dev`)
  await page.click('button.primary')
  await page.waitForURL(`${url}/auth/account`)
  await context.clearCookies({ name: 'handstamp' })
  const cookie = async (name: string) => (await context.cookies(url)).find(cookie => cookie.name === name)?.value
  const visits = () => log().split('\n').filter(line => line.includes('"route":"/auth/login"')).length
  await page.goto(evil)
  return { url, log, travel, context, page, visits, refreshToken: () => cookie('handstamp-refresh'), accessToken: () => cookie('handstamp') }
}

const inThisWindow = 'location.href = address; await wait(ms); window.stop()'
const inAnother = 'const opened = window.open(address); await wait(ms); opened.location.href = "about:blank"; opened.close()'

/** Sends this window or another one to an address, and stops it some milliseconds later, if it has not gone on by then. */
const interrupt = (page: Page, address: string, ms: number, script: string): Promise<unknown> => page.evaluate(`(async (address, ms) => {
  const wait = ms => new Promise(resolve => setTimeout(resolve, ms))
  ${script}
})(${JSON.stringify(address)}, ${ms})`).catch(() => page.waitForURL('**/auth/account'))

/** What goes on by itself has arrived. */
const settled = (context: BrowserContext) => eventually('every window is still', () => context.pages().every(page => !page.url().includes('/auth/login')))

t.test('a link on another site leads a signed-in person on, by one page that loads itself once', async t => {
  const { url, page, visits, refreshToken, accessToken } = await scene(t)
  const before = await refreshToken()
  await page.setContent(`<a href="${url}/auth/login?return_to=%2Fauth%2Faccount%3Fx%3D1">in</a>`)
  await page.click('a')
  await page.waitForURL(`${url}/auth/account?x=1`)
  t.equal(visits(), 2)
  t.not(await refreshToken(), before)
  t.ok(await accessToken())
})

t.test('R48 no navigation that another site begins and stops trades the refresh token without the browser hearing of it', async t => {
  const { url, log, travel, context, visits, refreshToken } = await scene(t)
  const before = await refreshToken()
  for (const script of [inThisWindow, inAnother]) {
    for (let ms = 0; ms < 60; ms += 4) {
      const page = await context.newPage()
      await page.goto(evil)
      await interrupt(page, `${url}/auth/login`, ms, script)
      await settled(context)
      for (const page of context.pages().slice(1)) await page.close()
      await context.clearCookies({ name: 'handstamp' })
      travel(20)
    }
  }
  t.ok(visits() > 20, `${visits()} visits`)
  const page = await context.newPage()
  await page.goto(`${url}/auth/login`)
  await page.waitForURL(`${url}/auth/account`)
  t.not(await refreshToken(), before, 'the session goes on')
  t.same(audited(log()).map(({ audit }) => audit), ['login_succeeded'], 'and no answer was lost')
})
