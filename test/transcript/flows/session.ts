import { devSignIn } from '../../helpers/browser.ts'
import { stage, type Play } from '../stage.ts'

const json = { accept: 'application/json' }
const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const frontend = 'https://app.example.com'
const evil = 'https://evil.example'

/** What a session is good for, and how it ends. */
export const sessionFlows: Record<string, [title: string, play: Play]> = {
  me: ['Who is signed in', async (t, record) => {
    const { browser, ask, travel } = await stage(t, record)
    const [visitor, other] = [browser(), browser()]
    await ask('GET', '/auth/me')
    await ask('GET', '/auth/me', page)
    await ask('GET', '/auth/me', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' })
    await devSignIn(visitor)
    await devSignIn(other, 'bob@example.com')
    const token = String(visitor.cookies.get('handstamp'))
    record.chapter('By cookie')
    await ask('GET', '/auth/me', { cookie: `handstamp=${token}` })
    await ask('HEAD', '/auth/me', { cookie: `handstamp=${token}` })
    record.chapter('By bearer')
    await ask('GET', '/auth/me', { authorization: `Bearer ${token}` })
    await ask('GET', '/auth/me', { authorization: 'Bearer x.y.z' })
    await ask('GET', '/auth/me', { authorization: 'Bearer nonsense' })
    await ask('GET', '/auth/me', { authorization: 'Basic YTpi' })
    await ask('GET', `/auth/me?access_token=${token}`)
    record.chapter('By tokens of two sessions')
    const theirs = String(other.cookies.get('handstamp'))
    await ask('GET', '/auth/me', { cookie: `handstamp=${token}`, authorization: `Bearer ${theirs}` })
    record.chapter('By a cookie twice')
    await ask('GET', '/auth/me', { cookie: `handstamp=${token}; handstamp=${token}` })
    record.chapter('The token has expired')
    travel(3600)
    await ask('GET', '/auth/me', { authorization: `Bearer ${token}` })
    record.chapter('The session has ended')
    travel(-3600)
    await visitor.visit('/auth/logout', { method: 'POST', json: {} })
    await ask('GET', '/auth/me', { authorization: `Bearer ${token}` })
  }],

  refresh: ['Refreshing', async (t, record) => {
    const { browser, ask, travel, url } = await stage(t, record)
    const visitor = browser()
    await devSignIn(visitor)
    const first = `handstamp-refresh=${String(visitor.cookies.get('handstamp-refresh'))}`
    const refresh = async (cookie: string, headers = {}) =>
      ask('POST', '/auth/refresh', { cookie, origin: url, ...headers })
    travel(60)
    record.chapter('Good')
    await visitor.visit('/auth/refresh', { method: 'POST', json: {} })
    record.chapter('The one before, within its grace')
    travel(5)
    await refresh(first)
    record.chapter('None')
    await ask('POST', '/auth/refresh', { origin: url })
    await ask('POST', '/auth/refresh', { origin: url, ...page })
    record.chapter('Nonsense')
    await refresh('handstamp-refresh=nonsense')
    record.chapter('From another site')
    await refresh(first, { origin: 'https://evil.example' })
    await ask('POST', '/auth/refresh', { cookie: first })
    await refresh(first, { origin: 'null', 'sec-fetch-site': 'cross-site' })
    record.chapter('One that was used long ago ends the session')
    travel(60)
    await visitor.visit('/auth/refresh', { method: 'POST', json: {} })
    await refresh(first)
    await visitor.visit('/auth/refresh', { method: 'POST', json: {} })
  }],

  sessions: ['The list of sessions', async (t, record) => {
    const { browser, ask, travel, url } = await stage(t, record, { TOKEN_STATUS: 'true' })
    const [laptop, phone, stranger] = [browser(), browser(), browser()]
    await devSignIn(laptop, 'ada@example.com', { headers: { 'user-agent': 'Macintosh; Chrome/140.0' } })
    travel(60)
    await devSignIn(phone, 'ada@example.com', { headers: { 'user-agent': 'iPhone; Safari/604.1' } })
    travel(60)
    await devSignIn(stranger, 'bob@example.com')
    record.chapter('List')
    const listed = await laptop.visit('/auth/sessions', { headers: json })
    const ids = (listed.json() as { sessions: Array<{ id: string, current: boolean }> }).sessions
    const idOf = (isMine: boolean) => String(ids.find(({ current }) => current === isMine)?.id)
    const [mine, other] = [idOf(true), idOf(false)]
    await laptop.visit('/auth/sessions', { method: 'HEAD', headers: json })
    await ask('GET', '/auth/sessions')
    await laptop.visit('/auth/sessions?from=%2F', { headers: json })
    record.chapter('End')
    await stranger.visit(`/auth/sessions/${other}`, { method: 'DELETE', headers: { origin: url } })
    await laptop.visit(`/auth/sessions/${other}`, { method: 'DELETE', headers: { origin: evil } })
    await laptop.visit(`/auth/sessions/${other}`, { method: 'DELETE', headers: { origin: url } })
    await phone.visit('/auth/me')
    await laptop.visit(`/auth/sessions/${other}`, { method: 'DELETE', headers: { origin: url } })
    await laptop.visit(`/auth/sessions/${mine}`, { method: 'DELETE', headers: { origin: url } })
    await ask('DELETE', '/auth/sessions/x', json)
    record.chapter('The status list')
    await ask('GET', '/.well-known/token-status/0')
  }],

  logout: ['Signing out', async (t, record) => {
    const { browser, ask, url } = await stage(t, record, { ALLOWED_ORIGINS: frontend })
    const visitor = browser()
    const cookie = () => [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    record.chapter('By a script')
    await devSignIn(visitor)
    await visitor.visit('/auth/logout', { method: 'POST', json: {} })
    record.chapter('By the form of a page')
    await devSignIn(visitor)
    await visitor.submit(await visitor.visit('/auth/account'), {})
    record.chapter('By a form with a return_to')
    await devSignIn(visitor)
    await visitor.visit('/auth/logout', { method: 'POST', form: { return_to: `${frontend}/bye` } })
    record.chapter('Everywhere')
    const elsewhere = browser()
    await devSignIn(elsewhere)
    await devSignIn(visitor)
    await visitor.visit('/auth/logout', { method: 'POST', form: { everywhere: 'true' } })
    await elsewhere.visit('/auth/me')
    record.chapter('Refused')
    await devSignIn(visitor)
    const posted = { ...page, ...form, cookie: cookie(), origin: url }
    const called = { ...json, 'content-type': 'application/json', cookie: cookie(), origin: url }
    await ask('POST', '/auth/logout', { ...json, cookie: cookie(), origin: evil })
    const fields = `everywhere=true&return_to=${frontend}/bye`
    await ask('POST', '/auth/logout', { ...posted, origin: evil }, fields)
    await ask('POST', '/auth/logout', posted, `return_to=${evil}/`)
    await ask('POST', '/auth/logout', called, '{"everywhere":"perhaps"}')
    record.chapter('By bearer')
    await ask('POST', '/auth/logout', { authorization: `Bearer ${String(visitor.cookies.get('handstamp'))}` })
    record.chapter('Nobody is signed in')
    await ask('POST', '/auth/logout', { ...json, origin: url })
  }],

  'logout-domain': ['Signing out where the access cookie is shared with sub-domains', async (t, record) => {
    const { ask, url } = await stage(t, record, {
      PUBLIC_URL: 'https://auth.example.com',
      COOKIE_DOMAIN: 'example.com',
      GOOGLE_CLIENT_ID: 'x',
      GOOGLE_CLIENT_SECRET: 'y'
    })
    await ask('POST', '/auth/logout', { ...json, origin: url })
    const former = '__Host-handstamp=x.y.z; __Secure-handstamp=x.y.z'
    await ask('POST', '/auth/logout', { ...json, origin: url, cookie: former })
  }],

  cors: ['Pages of other origins', async (t, record) => {
    const { ask } = await stage(t, record, { ALLOWED_ORIGINS: `${frontend},https://*.example.net` })
    const preflight = {
      'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type'
    }
    for (const path of ['/auth/me', '/auth/refresh', '/auth/logout', '/auth/sessions', '/auth/sessions/x']) {
      await ask('OPTIONS', path, { origin: frontend, ...preflight })
    }
    record.chapter('Origins that are not trusted')
    await ask('OPTIONS', '/auth/refresh', { origin: 'https://evil.example', ...preflight })
    await ask('OPTIONS', '/auth/refresh', { origin: 'https://x.example.net', ...preflight })
    await ask('OPTIONS', '/auth/refresh', { origin: 'null', ...preflight })
    record.chapter('Not a preflight')
    await ask('OPTIONS', '/auth/refresh', { origin: frontend })
    await ask('OPTIONS', '/auth/refresh')
    record.chapter('Where there is no CORS')
    await ask('OPTIONS', '/auth/login', { origin: frontend, ...preflight })
    await ask('OPTIONS', '/auth/dev', { origin: frontend, ...preflight })
    record.chapter('Calls')
    await ask('GET', '/auth/me', { origin: frontend })
    await ask('GET', '/auth/me', { origin: 'https://evil.example' })
    await ask('POST', '/auth/refresh', { origin: frontend })
  }]
}
