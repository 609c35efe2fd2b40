import { devSignIn } from '../../helpers/browser.ts'
import { stage, type Play } from '../stage.ts'

const several = {
  ALLOWED_ORIGINS: 'https://app.example.com',
  GOOGLE_CLIENT_ID: 'a-client',
  GOOGLE_CLIENT_SECRET: 'a-secret',
  GITHUB_CLIENT_ID: 'a-client',
  GITHUB_CLIENT_SECRET: 'a-secret',
  OIDC_PROVIDERS: 'acme',
  OIDC_ACME_ISSUER: 'https://login.acme.example',
  OIDC_ACME_CLIENT_ID: 'x',
  OIDC_ACME_CLIENT_SECRET: 'y',
  OIDC_ACME_NAME: 'Acme & Söhne'
}
const json = { accept: 'application/json' }
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const fromElsewhere = { ...navigation, 'sec-fetch-site': 'cross-site', referer: 'https://else.example/' }
const fromHere = { ...navigation, 'sec-fetch-site': 'same-origin' }

/** What people see that sign in with more than one provider, or come back. */
export const pageFlows: Record<string, [title: string, play: Play]> = {
  pages: ['The sign-in page', async (t, record) => {
    const { browser, ask } = await stage(t, record, several)
    const visitor = browser()
    const { body } = await visitor.visit('/auth/login')
    record.note(`The style of every page:\n${/<style>(.*?)<\/style>/s.exec(body)?.[1] ?? ''}`)
    await visitor.visit('/auth/login', { method: 'HEAD' })
    await visitor.visit('/auth/login', { headers: json })
    await ask('GET', '/auth/providers')
    await ask('HEAD', '/auth/providers')
    record.chapter('With a return_to')
    await visitor.visit('/auth/login?return_to=/welcome%3Fa=1')
    await visitor.visit('/auth/login?return_to=https://app.example.com/x')
    await visitor.visit('/auth/login?return_to=https://evil.example/')
    await visitor.visit('/auth/login?return_to=https://evil.example/', { headers: json })
    record.chapter('After a login that failed')
    await visitor.visit('/auth/login?error_code=access_denied')
    await visitor.visit('/auth/login?error_code=email_not_allowed&return_to=/welcome')
    await visitor.visit('/auth/login?error_code=%3Cb%3E')
    record.chapter('Nobody is signed in')
    await visitor.visit('/auth/account')
    await visitor.visit('/auth/account?error_code=access_denied')
  }],

  'pages-https': ['Pages and starts on https, with one provider', async (t, record) => {
    const { browser, travel } = await stage(t, record, {
      PUBLIC_URL: 'https://auth.example.com', GITHUB_CLIENT_ID: 'a-client', GITHUB_CLIENT_SECRET: 'a-secret'
    })
    const visitor = browser()
    await visitor.visit('/auth/login')
    await visitor.visit('/auth/github?return_to=/welcome')
    travel(1) // which flow is the oldest must not be a matter of luck
    await visitor.visit('/auth/github?login_hint=ada&prompt=login&hd=example.com&ui_locales=de&other=x')
    travel(1)
    record.chapter('Another site starts a login')
    await visitor.visit('/auth/github', { headers: fromElsewhere })
    record.chapter('What does not leave is refused')
    await visitor.visit('/auth/github', { headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' } })
    await visitor.visit('/auth/github', { headers: { 'sec-fetch-dest': 'iframe' } })
    await visitor.visit('/auth/github', { headers: { 'sec-purpose': 'prefetch' } })
    record.chapter('A ninth flow of a browser')
    for (let flow = 2; flow < 9; flow++) {
      travel(1)
      await visitor.visit('/auth/github')
    }
  }],

  'pages-signed-in': ['Pages of a person who is signed in', async (t, record) => {
    const { browser, travel } = await stage(t, record, { ALLOWED_ORIGINS: 'https://app.example.com' })
    const visitor = browser()
    await devSignIn(visitor, 'ada@example.com', { headers: { 'user-agent': firefox } })
    travel(60)
    record.chapter('The account')
    await visitor.visit('/auth/account')
    await visitor.visit('/auth/account', { method: 'HEAD' })
    await visitor.visit('/auth/account?error_code=access_denied')
    record.chapter('The sign-in page is left at once, and the session refreshed')
    await visitor.visit('/auth/login')
    travel(60)
    await visitor.visit('/auth/login?return_to=https://app.example.com/x&error_code=access_denied')
    await visitor.visit('/auth/login', { method: 'HEAD' })
    record.chapter('The access token has expired')
    travel(3600)
    await visitor.visit('/auth/account', { headers: { ...navigation, 'sec-fetch-site': 'none' } })
    travel(3600)
    record.chapter('Another site sends the browser: the page loads itself again')
    await visitor.visit('/auth/login?return_to=/welcome', { headers: fromElsewhere })
    await visitor.visit('/auth/login?return_to=/welcome', { headers: fromHere })
    record.chapter('A second session')
    travel(60)
    const other = browser()
    await devSignIn(other, 'ada@example.com')
    await other.visit('/auth/account')
    record.chapter('The session has ended')
    travel(31 * 86_400)
    await visitor.visit('/auth/account')
    await visitor.visit('/auth/login')
  }],

  'dev-login': ['The development login', async (t, record) => {
    const { browser, ask } = await stage(t, record, { ALLOWED_ORIGINS: 'https://app.example.com' })
    const visitor = browser()
    await visitor.visit('/auth/login')
    await devSignIn(visitor, 'Ada@Example.com')
    await visitor.visit('/auth/me')
    record.chapter('With a return_to of this origin, by a person who is signed in already')
    await devSignIn(visitor, 'ada@example.com', { returnTo: '/welcome?a=1&error_code=access_denied#top' })
    record.chapter('With a return_to of another origin')
    await devSignIn(browser(), 'ada@example.com', { returnTo: 'https://app.example.com/x?y=z' })
    record.chapter('As JSON')
    await devSignIn(browser(), 'ada@example.com', { headers: { accept: 'application/json' } })
    record.chapter('Cancelled')
    const start = await visitor.visit('/auth/dev?return_to=/welcome')
    const form = await visitor.visit(String(start.headers['location']))
    const answer = await visitor.submit(form, { cancel: '1' })
    await visitor.visit(String(answer.headers['location']))
    record.chapter('Not an email address')
    await devSignIn(browser(), 'nobody')
    record.chapter('Refusals')
    await visitor.visit('/auth/dev/authorize')
    await visitor.visit(String(start.headers['location']).replace('client_id=handstamp', 'client_id=other'))
    await ask('GET', '/auth/dev/authorize', { accept: 'application/json' })
    await ask('DELETE', '/auth/dev/authorize')
    await ask('POST', '/auth/dev/callback')
  }],

  'dev-login-https': ['The development login on https, and its cookies', async (t, record) => {
    const { browser } = await stage(t, record, {
      PUBLIC_URL: 'https://localhost:3000',
      DEV_LOGIN: 'true',
      TOKEN_TYP: 'at+jwt',
      TOKEN_CLAIMS: '{"tenant":"acme"}'
    })
    const visitor = browser()
    await devSignIn(visitor)
    await visitor.visit('/auth/refresh', { method: 'POST', json: {} })
    await visitor.visit('/auth/logout', { method: 'POST', json: {} })
  }]
}
