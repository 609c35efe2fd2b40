import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { buildTestApp, listeningTestApp } from '../../helpers/app.ts'
import { Browser, devSignIn } from '../../helpers/browser.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'

const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const encoded = encodeURIComponent('/welcome?a=b')

t.test('a browser gets a page where there is nothing, and a program gets JSON', async t => {
  const { app } = await buildTestApp(t)
  for (const url of ['/', '/nowhere', '/auth', '/auth/login/', '/login', '/auth/me/x.css', '/.well-known/x']) {
    const answer = await app.inject({ url: url === '/' ? '/favicon.ico' : url, headers: page })
    t.equal(answer.statusCode, 404, url)
    t.match(answer.headers['content-type'], 'text/html')
    t.match(answer.body, 'href="/auth/login"')
    t.match((await app.inject({ url: url === '/' ? '/favicon.ico' : url })).json(), { code: 'not_found' })
  }
  const wrongMethod = await app.inject({ url: '/auth/logout', headers: page })
  t.equal(wrongMethod.statusCode, 405)
  t.match(wrongMethod.body, /Nothing here/)
})

t.test('a start that is refused keeps the target, for the same provider and for others', async t => {
  const rogue = await rogueProvider(t)
  const { app } = await buildTestApp(t, { ...rogue.env, RATE_LIMIT: '1' })
  const url = `/auth/rogue?return_to=${encoded}`
  t.equal((await app.inject({ url, headers: page })).statusCode, 302)
  const answer = await app.inject({ url, headers: page })
  t.equal(answer.statusCode, 429)
  t.match(answer.headers['retry-after'], /^\d+$/)
  t.match(answer.body, /Too many attempts/)
  t.match(answer.body, `href="/auth/rogue?return_to=${encoded}"`)
  t.match(answer.body, `href="/auth/login?return_to=${encoded}"`)

  const down = await buildTestApp(t, { ...rogue.env, OIDC_ROGUE_ISSUER: 'http://localhost:9' })
  const away = await down.app.inject({ url, headers: page })
  t.equal(away.statusCode, 503)
  t.match(away.body, `href="/auth/rogue?return_to=${encoded}"`)

  const bad = await app.inject({ url: '/auth/rogue?return_to=https%3A%2F%2Fevil.test', headers: page })
  t.notMatch(bad.body, 'evil.test')
})

t.test('the sign-in page that is refused keeps the target', async t => {
  const { app } = await buildTestApp(t, { RATE_LIMIT: '1' })
  const headers = { ...page, cookie: 'handstamp-refresh=x' }
  await app.inject({ url: '/auth/login', headers })
  const answer = await app.inject({ url: `/auth/login?return_to=${encoded}`, headers })
  t.equal(answer.statusCode, 429)
  t.match(answer.body, `href="/auth/login?return_to=${encoded}"`)
})

t.test('a callback that is refused before its flow is looked at keeps the target, too', async t => {
  const rogue = await rogueProvider(t)
  const { app, url } = await buildTestApp(t, { ...rogue.env, RATE_LIMIT: '1' })
  const browser = new Browser(app, url)
  const start = await browser.visit(`/auth/rogue?return_to=${encoded}`)
  await app.inject({ url: '/auth/rogue/callback?state=x', headers: page })
  const answer = await browser.visit(`/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()}`)
  t.equal(answer.status, 429)
  t.match(answer.body, `href="/auth/rogue?return_to=${encoded}"`)
})

t.test('a person whose address may not sign in can use another account', async t => {
  const { app, url } = await buildTestApp(t, { ALLOWED_EMAILS: 'grace@example.com', GOOGLE_CLIENT_ID: 'x', GOOGLE_CLIENT_SECRET: 'y', DEV_LOGIN: 'true' })
  const answer = await devSignIn(new Browser(app, url), 'ada@example.com')
  t.equal(answer.status, 403)
  t.match(answer.body, /href="\/auth\/login"/)
  const told = await app.inject({ url: '/auth/login?error_code=email_not_allowed', headers: page })
  t.match(told.body, 'href="/auth/google?prompt=select_account"')
})

t.test('a sign-out that did not happen says so, with the button to try again', async t => {
  const { app, url } = await buildTestApp(t, { RATE_LIMIT: '1', ALLOWED_ORIGINS: 'https://app.example.com' })
  const browser = new Browser(app, url)
  await devSignIn(browser)
  await app.inject({ method: 'POST', url: '/auth/refresh' })
  const answer = await browser.visit('/auth/logout', { method: 'POST', form: { everywhere: 'true', return_to: 'https://app.example.com/' } })
  t.equal(answer.status, 429)
  t.match(answer.body, /You are still signed in/)
  t.match(answer.body, '<form method="post" action="/auth/logout">')
  t.match(answer.headers['content-security-policy'], "form-action 'self' https://app.example.com;")
  t.equal((await browser.visit('/auth/me')).status, 200)
  const script = await browser.visit('/auth/logout', { method: 'POST', json: {} })
  t.match(script.json(), { code: 'rate_limited' })
})

t.test('R69 a browser whose cookies have grown too long gets a page, and a program JSON', async t => {
  const { url } = await listeningTestApp(t)
  async function answered (...pieces: string[]): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => { text += chunk }).on('error', () => {})
    const closed = once(socket, 'close')
    for (const piece of pieces) {
      socket.write(piece)
      await setTimeout(20)
    }
    await closed
    return text
  }
  const head = 'GET /auth/login HTTP/1.1\r\nHost: localhost\r\n'
  const cookies = `Cookie: a=${'x'.repeat(40_000)}\r\n\r\n`
  t.match(await answered(`${head}Accept: text/html\r\n${cookies}`), /^HTTP\/1\.1 431[^]*text\/html[^]*Too many cookies/)
  t.match(await answered(`${head}Accept: application/json\r\n${cookies}`), /^HTTP\/1\.1 431[^]*"code":"headers_too_large"/)
  t.match(await answered(head, cookies), /Too many cookies/, 'in pieces, as browsers send what is long')
})
