import type { Test } from 'tap'
import { catalogue } from '../../../src/providers/catalogue/index.ts'
import { buildTestApp, type TestApp, type Teardown } from '../../helpers/app.ts'
import { Browser, type Page } from '../../helpers/browser.ts'
import { fakeProvider, Reply, type Answer, type FakeProvider, type Received } from '../../helpers/fake-provider.ts'
import type { Case, Fixture, Played } from './fixture.ts'

const secret = 'the-client-secret'
const clientId = 'the-client'

/** One fake provider, and the apps that know it: one for each environment that the cases ask for. */
export async function stage (t: Teardown, fixture: Fixture) {
  const fake = await fakeProvider(t)
  const apps = new Map<string, Promise<TestApp>>()
  const appWith = (env: Record<string, string> = {}) => {
    const key = JSON.stringify(env)
    const app = apps.get(key) ?? buildTestApp(t, { ...environment(fixture, fake), ...env })
    apps.set(key, app)
    return app
  }
  return { fake, appWith }
}

function environment ({ id, issuerPath = '', env }: Fixture, fake: FakeProvider): Record<string, string> {
  const prefix = `${id.toUpperCase()}_`
  const descriptor = catalogue[id]
  if (!descriptor) throw new Error(`${id} is not in the catalogue`)
  const minted = descriptor.kind !== 'oauth1' && descriptor.mintSecret
  return {
    [`${prefix}CLIENT_ID`]: clientId,
    ...(minted ? {} : { [`${prefix}CLIENT_SECRET`]: secret }),
    ...(descriptor.kind === 'oidc'
      ? { [`${prefix}ISSUER`]: fake.url + issuerPath }
      : { [`${prefix}AUTHORIZATION_URL`]: `${fake.url}/authorize`, [`${prefix}TOKEN_URL`]: `${fake.url}/token`, [`${prefix}API_URL`]: `${fake.url}/api` }),
    ...(descriptor.kind === 'oauth1' && { [`${prefix}REQUEST_TOKEN_URL`]: `${fake.url}/request_token` }),
    ...env
  }
}

/** Plays one login over HTTP and gives back the callback's answer. */
export async function play (t: Test, fixture: Fixture, scene: Awaited<ReturnType<typeof stage>>, variation: Played = {}): Promise<Page> {
  const { browser, location, url } = await begin(t, fixture, scene, variation)
  if (!variation.env) checkAuthorization(t, fixture, location, url)
  return bringBack(browser, fixture, location, variation.callback ?? fixture.callback)
}

/** Starts a login: where the provider is asked, and what it will answer. */
export async function begin (t: Test, fixture: Fixture, { fake, appWith }: Awaited<ReturnType<typeof stage>>, variation: Played = {}) {
  const { id, token, api, claims } = fixture
  const played: Played = {
    ...variation,
    token: variation.token ?? token,
    api: { ...api, ...variation.api },
    claims: { ...claims, ...variation.claims }
  }
  fake.requests.length = 0
  fake.answers = {}
  let nonce = ''
  answer(fixture, fake, played, () => nonce)

  const { app, url } = await appWith(variation.env)
  const browser = new Browser(app, url)
  const start = await browser.visit(`/auth/${id}`)
  t.equal(start.status, 302, start.body)
  const location = new URL(String(start.headers['location']))
  nonce = location.searchParams.get('nonce') ?? ''
  return { browser, location, url }
}

function checkAuthorization (t: Test, { id, authorization = {} }: Fixture, { searchParams }: URL, url: string): void {
  const descriptor = catalogue[id]
  const usual: Record<string, string | RegExp> = descriptor?.kind === 'oauth1'
    ? { oauth_token: /./ }
    : {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: `${url}/auth/${id}/callback`,
        state: /^[\w-]{40,}$/,
        ...(descriptor?.pkce !== false && { code_challenge: /^[\w-]{43}$/, code_challenge_method: 'S256' })
      }
  t.match(Object.fromEntries(searchParams), { ...usual, ...authorization }, 'the authorization URL')
  if (descriptor?.kind !== 'oauth1') t.equal(searchParams.has('code_challenge'), descriptor?.pkce !== false, 'PKCE unless the provider refuses it')
}

/** The browser comes back from the provider, the way this provider sends it. */
async function bringBack (browser: Browser, { id }: Fixture, location: URL, callback?: Record<string, string>): Promise<Page> {
  const descriptor = catalogue[id]
  const json = { accept: 'application/json' }
  if (descriptor?.kind === 'oauth1') {
    const temporary = location.searchParams.get('oauth_token') ?? ''
    const state = temporary.slice('temporary-'.length)
    const query = new URLSearchParams({ ...(callback ?? { oauth_token: temporary, oauth_verifier: 'a-verifier' }), state })
    return browser.visit(`/auth/${id}/callback?${query.toString()}`, { headers: json })
  }
  const state = location.searchParams.get('state') ?? ''
  const given = { ...(callback ?? { code: 'a-code' }), state }
  if (location.searchParams.get('response_mode') !== 'form_post') {
    return browser.visit(`/auth/${id}/callback?${new URLSearchParams(given).toString()}`, { headers: json })
  }
  const posted = await browser.visit(`/auth/${id}/callback`, { method: 'POST', form: given, headers: { origin: 'null' } })
  return browser.visit(String(posted.headers['location']), { headers: json })
}

/** Some issuers end with a slash, their endpoints do not begin with two. */
const rootOf = (issuerPath: string): string => issuerPath.replace(/\/$/, '')

/** Tells the fake what to answer. */
function answer (fixture: Fixture, fake: FakeProvider, { token, api = {}, claims = {} }: Played, nonce: () => string): void {
  const { id, issuerPath = '', discovery } = fixture
  const root = rootOf(issuerPath)
  const descriptor = catalogue[id]
  const issuer = fake.url + issuerPath
  const base = descriptor?.kind === 'oidc' ? root : '/api'
  for (const [key, value] of Object.entries(api)) {
    const [, method = '', path = ''] = /^(?:(GET|POST) )?(.*)$/.exec(key) ?? []
    fake.answers[`${method && `${method} `}${base}${path}`] = value
  }
  const given = (request: Received): unknown => typeof token === 'function' ? (token as (request: Received) => Answer)(request) : token
  if (descriptor?.kind === 'oauth1') {
    // The state rides in the callback address of the signed request: our temporary token repeats it for the test to find.
    fake.answers['POST /request_token'] = ({ headers }: Received) => {
      const [, callback = ''] = /oauth_callback="([^"]*)"/.exec(headers.authorization ?? '') ?? []
      const state = new URL(decodeURIComponent(callback)).searchParams.get('state') ?? ''
      return new Reply(200, `oauth_token=temporary-${state}&oauth_token_secret=temporary-secret&oauth_callback_confirmed=true`, 'text/html')
    }
  }
  if (descriptor?.kind !== 'oidc') {
    fake.answers['/token'] = given
    return
  }
  fake.answers[`${root}/.well-known/openid-configuration`] = {
    issuer,
    authorization_endpoint: `${fake.url}${root}/authorize`,
    token_endpoint: `${fake.url}${root}/token`,
    jwks_uri: `${fake.url}${root}/jwks`,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    ...Object.fromEntries(Object.entries(discovery ?? {}).map(([name, value]) => [name, typeof value === 'string' ? value.replace('{url}', fake.url) : value]))
  }
  fake.answers[`${root}/jwks`] = fake.jwks
  fake.answers[`${root}/token`] = (request: Received) => {
    const more = given(request)
    if (more instanceof Reply) return more
    const now = Math.floor(Date.now() / 1000)
    const idToken = fake.idToken({ iss: issuer, aud: clientId, iat: now, exp: now + 300, nonce: nonce(), ...filled(claims, fake.url) })
    return { access_token: 'an-access-token', token_type: 'Bearer', expires_in: 3600, id_token: idToken, ...more as object }
  }
}

const filled = (claims: Played['claims'] = {}, url: string) =>
  Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, typeof value === 'string' ? value.replace('{url}', url) : value]))

/** What must hold of the calls that a whole login made. */
export function checkCalls (t: Test, { id, tokenCall, proof, token, issuerPath = '' }: Fixture, fake: FakeProvider): void {
  const descriptor = catalogue[id]
  if (tokenCall) {
    const call = fake.requests.find(({ path }) => path === `${rootOf(issuerPath)}/token`)
    t.match({ ...Object.fromEntries(call?.query ?? []), ...Object.fromEntries(call?.form ?? []) }, tokenCall, 'the token call')
  }
  if (descriptor?.kind === 'oidc') return
  const { access_token: accessToken = '' } = typeof token === 'object' && token !== null ? token as { access_token?: string } : {}
  const wanted = proof ?? (descriptor?.kind === 'oauth1' ? { header: { authorization: /^OAuth / } } : { header: { authorization: `Bearer ${accessToken}` } })
  for (const { path, headers, query } of fake.requests) {
    if (!path.startsWith('/api')) continue
    t.match(headers, wanted.header ?? {}, `${path} by header`)
    t.match(Object.fromEntries(query), wanted.query ?? {}, `${path} by query`)
  }
}

export function checkOutcome (t: Test, page: Page, { identity, refused }: Case | Fixture): void {
  const { code, user } = page.json() as { code?: string, user?: object }
  if (refused !== undefined) t.equal(code, refused, page.body)
  else t.match(user, { ...identity, email_verified: true }, page.body)
}
