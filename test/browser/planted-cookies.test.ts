import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { certificate } from '../helpers/certificates.ts'
import { freePort, listeningTestApp } from '../helpers/app.ts'

// In a real browser, over TLS: what a sub-domain may plant, and what of it the service takes for its own. The service is
// at auth.localhost, the sub-domain at evil.auth.localhost: a browser lets it set cookies for the whole of auth.localhost.

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
})
t.teardown(() => browser.close())

async function scene (t: Test) {
  const port = await freePort()
  const url = `https://auth.localhost:${port}`
  const { app } = await listeningTestApp(t, { PUBLIC_URL: url, DEV_LOGIN: 'true' })
  const upstream = (app.server.address() as AddressInfo).port
  const plants: string[] = []
  const seen: string[] = []
  const tls = certificate({ hosts: ['auth.localhost', 'evil.auth.localhost'] })
  const proxy = createServer({ key: tls.key, cert: tls.cert }, (incoming, response) => {
    if (incoming.headers.host?.startsWith('evil.')) {
      response.setHeader('set-cookie', plants).end(Buffer.from('<title>evil</title>')) // with a text, the headers would go out in its encoding
      return
    }
    seen.push(incoming.headers.cookie ?? '')
    const { method, url: path, headers } = incoming
    incoming.pipe(request({ port: upstream, host: '127.0.0.1', method, path, headers }, answer => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    }))
  })
  await once(proxy.listen(port, '127.0.0.1'), 'listening')
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  t.teardown(async () => {
    await context.close()
    proxy.closeAllConnections()
    proxy.close()
  })
  const page = await context.newPage()
  const me = async () => {
    const answer = await page.goto(`${url}/auth/me`)
    return { status: answer?.status(), body: await answer?.json() as Record<string, unknown>, sent: seen.at(-1) ?? '' }
  }
  const plant = async (...cookies: string[]) => {
    plants.splice(0, Infinity, ...cookies.map(cookie => `${cookie}; Domain=auth.localhost; Path=/; Secure`))
    await page.goto(url.replace('auth.', 'evil.auth.'))
  }
  /** The cookies of somebody else, who has signed in. */
  const thief = new Browser(app, url)
  await devSignIn(thief, 'thief@example.com')
  return { url, page, me, plant, thief }
}

t.test('R60 a cookie that a sub-domain sets signs nobody in, whatever byte makes its name look like ours', async t => {
  const { me, plant, thief } = await scene(t)
  const token = thief.cookies.get('__Host-handstamp') ?? ''
  const refresh = thief.cookies.get('__Host-handstamp-refresh') ?? ''
  t.ok(token && refresh)
  await plant(`__Host-handstamp=${token}`, `__Host-handstamp\xa0=${token}`, `__host-handstamp=${token}`, `=__Host-handstamp=${token}`)
  t.notMatch((await me()).sent, /handstamp/i, 'the browser keeps the prefix for the host itself')

  for (const before of ['\xa0', '\x85', '\xc2\xa0', '\xe2\x80\x8b', '\xef\xbb\xbf']) {
    await plant(`${before}__Host-handstamp=${token}`, `${before}__Host-handstamp-refresh=${refresh}`)
    const { status, body, sent } = await me()
    t.match(sent, `${before}__Host-handstamp=`, 'the browser stores it and sends it')
    t.equal(status, 401, JSON.stringify(sent.slice(0, 40)))
    t.equal(body['code'], 'not_signed_in')
  }
})

t.test('R60 planted cookies neither sign a person out nor keep them from signing in', async t => {
  const { url, page, me, plant, thief } = await scene(t)
  const lookalikes = [...thief.cookies].filter(([, value]) => value).map(([name, value]) => `\xa0${name}=${value}`)
  t.ok(lookalikes.length >= 2)
  await plant(...lookalikes)
  await page.goto(`${url}/auth/dev`)
  await page.fill('input[name=email]', 'ada@example.com')
  await page.click('button.primary')
  await page.waitForURL(`${url}/auth/account`)
  t.match(await page.content(), 'ada@example.com')
  await plant(...lookalikes)
  t.match(await me(), { status: 200, body: { email: 'ada@example.com' } })
})
