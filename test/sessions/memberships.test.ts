import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { secretBox } from '../../src/keys/secret-box.ts'
import { Memberships } from '../../src/sessions/memberships.ts'
import { AuthError } from '../../src/errors.ts'
import type { Grant, Provider } from '../../src/providers/provider.ts'
import { buildTestApp, temporaryFolder, type Teardown } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { fakeProvider, reply, type Answer } from '../helpers/fake-provider.ts'

const membership = '/api/user/memberships/orgs/acme'

/** Somebody signed in with GitHub as a member of an organisation. */
async function scene (t: Teardown, env: Record<string, string> = {}) {
  const fake = await fakeProvider(t)
  const DATA_DIR = temporaryFolder(t)
  Object.assign(fake.answers, {
    '/token': { access_token: 'gho_secret', token_type: 'bearer' },
    '/api/user': { id: 7, login: 'ada' },
    '/api/user/emails': [{ email: 'ada@example.com', primary: true, verified: true }],
    '/api/user/orgs': [],
    [membership]: { state: 'active' }
  } satisfies Record<string, Answer>)
  const github = {
    DATA_DIR,
    GITHUB_CLIENT_ID: 'id',
    GITHUB_CLIENT_SECRET: 'secret',
    GITHUB_ORGS: 'acme',
    GITHUB_AUTHORIZATION_URL: `${fake.url}/authorize`,
    GITHUB_TOKEN_URL: `${fake.url}/token`,
    GITHUB_API_URL: `${fake.url}/api`
  }
  const built = await buildTestApp(t, { ...github, RECHECK_MEMBERSHIP: 'true', ...env })
  const browser = new Browser(built.app, built.url)
  const start = new URL(String((await browser.visit('/auth/github')).headers['location']))
  const done = await browser.visit(`/auth/github/callback?code=c&state=${start.searchParams.get('state')}`)
  fake.requests.length = 0
  const refresh = () => browser.visit('/auth/refresh', { method: 'POST', json: {} })
  return { ...built, github, fake, browser, done, refresh }
}

t.test('whoever leaves the organisation loses the session at the next refresh', async t => {
  const { fake, refresh, browser } = await scene(t)
  t.equal((await refresh()).status, 200)
  t.same(fake.requests.map(({ path }) => path), [membership])
  fake.answers[membership] = reply(404, { message: 'Not Found' })
  t.match((await refresh()).json(), { status: 403, code: 'email_not_allowed' })
  t.equal((await browser.visit('/auth/me')).status, 401, 'the cookies are gone, and the session')
})

t.test('nothing is asked or kept unless RECHECK_MEMBERSHIP says so', async t => {
  const { fake, refresh } = await scene(t, { RECHECK_MEMBERSHIP: 'false' })
  t.equal((await refresh()).status, 200)
  t.same(fake.requests, [])
})

t.test('R82 a provider that is out of reach ends no session for a day, and then it does', async t => {
  const { fake, refresh, travel, log } = await scene(t)
  fake.answers[membership] = reply(500, {})
  t.equal((await refresh()).status, 200)
  t.match(log(), 'a membership could not be checked again')
  travel(23 * 3600)
  t.equal((await refresh()).status, 200)
  travel(2 * 3600)
  t.match((await refresh()).json(), { status: 401, code: 'invalid_refresh_token' })
})

t.test('R82 R48 a provider that takes its time is as one out of reach: whoever waits for it still comes within the grace', async t => {
  const { fake, refresh, log } = await scene(t, { GITHUB_ORGS: 'one,two,acme' })
  const late = async () => { await wait(3_000); return { state: 'pending' } }
  for (const name of ['one', 'two']) fake.answers[`/api/user/memberships/orgs/${name}`] = late
  const from = performance.now()
  t.equal((await refresh()).status, 200)
  t.ok(performance.now() - from < 7_000)
  t.match(log(), 'a membership could not be checked again')
  t.equal((await refresh()).status, 200, 'and the session goes on')
})

t.test('R82 what the provider renewed is kept, though the check that follows fails', async t => {
  let fails = true
  const known: string[] = []
  const provider = {
    checksMembership: true,
    recheck: async ({ accessToken }: Grant, renewed: (grant: Grant) => void) => {
      known.push(accessToken)
      renewed({ accessToken: `${accessToken}+` })
      if (fails) throw new AuthError('provider_timeout')
    }
  } as unknown as Provider
  let now = 0
  const memberships = new Memberships({ providers: new Map([['x', provider]]), box: secretBox(['a secret'], 'grants'), clock: () => now, warn: () => {} })
  let kept = await memberships.recheck('x', memberships.keep('x', { accessToken: 'a' }))
  now += 20 * 3_600_000
  kept = await memberships.recheck('x', kept)
  t.same(known, ['a', 'a+'])
  now += 5 * 3_600_000
  await t.rejects(memberships.recheck('x', kept), { code: 'invalid_refresh_token' }, 'the day is counted from the last check that succeeded')
  fails = false
  t.ok(await memberships.recheck('x', kept))
})

t.test('a grant is sealed anew once there is another secret', async t => {
  const grant = { accessToken: 'gho_secret' }
  const provider = { checksMembership: true, recheck: async () => {} } as unknown as Provider
  const memberships = (...secrets: string[]) =>
    new Memberships({ providers: new Map([['github', provider]]), box: secretBox(secrets, 'grants'), clock: Date.now, warn: () => {} })
  const kept = memberships('old').keep('github', grant)
  t.equal(await memberships('old').recheck('github', kept), kept)
  const again = await memberships('new', 'old').recheck('github', kept)
  t.ok(await memberships('new').recheck('github', again))
})

t.test('a check that succeeds begins the day anew', async t => {
  const { fake, refresh, travel } = await scene(t)
  travel(20 * 3600)
  t.equal((await refresh()).status, 200)
  fake.answers[membership] = reply(500, {})
  travel(20 * 3600)
  t.equal((await refresh()).status, 200)
})

t.test('a session from before the check signs in again', async t => {
  const { app, browser, github } = await scene(t, { RECHECK_MEMBERSHIP: 'false' })
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  await app.close()
  const later = await buildTestApp(t, { ...github, RECHECK_MEMBERSHIP: 'true' })
  const answer = await later.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: later.url } })
  t.match(answer.json(), { status: 401, code: 'invalid_refresh_token' })
})

t.test('R21 the provider\'s token is kept sealed, and is in no token and no log', async t => {
  const { done, browser, log, dataDir } = await scene(t)
  const { readFileSync } = await import('node:fs')
  t.equal(done.status, 303)
  t.notMatch(readFileSync(`${dataDir}/handstamp.mdb`, 'latin1'), 'gho_secret')
  t.notMatch(log(), 'gho_secret')
  const [, payload = ''] = (browser.cookies.get('handstamp') ?? '').split('.')
  t.notMatch(Buffer.from(payload, 'base64url').toString(), 'gho_secret')
})

t.test('there is nothing to check with a provider that is no longer there: its sessions end for that', async t => {
  const memberships = new Memberships({ providers: new Map(), box: secretBox(['a secret'], 'grants'), clock: Date.now, warn: () => {} })
  t.equal(await memberships.recheck('gone', 'kept'), 'kept')
})
