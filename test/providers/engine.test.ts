import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import { variable } from '../../src/env/variable.ts'
import * as read from '../../src/env/values.ts'
import { AuthError } from '../../src/errors.ts'
import { configuredProviders } from '../../src/providers/setup/build.ts'
import { Connections } from '../../src/providers/http/connections.ts'
import { oauth1, oauth2, oidc, type Descriptor, type TokenAuth } from '../../src/providers/descriptor.ts'
import { catalogue } from '../../src/providers/catalogue/index.ts'
import type { Grant, Provider } from '../../src/providers/provider.ts'
import { issuerOfTenant, speaksForTenants } from '../../src/providers/oidc/tenants.ts'
import { buildTestApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { fakeProvider, form, reply, type FakeProvider, type Received } from '../helpers/fake-provider.ts'

const person = { id: 'p-1', email: 'ada@example.com', verified: true, name: 'Ada' }
const wants = { accept: 'application/json' }

/** A provider that nobody has heard of, as somebody would add it: one descriptor. */
const acme = (fake: FakeProvider) => oauth2({
  name: 'Acme',
  authorizationUrl: `${fake.url}/{REGION}/authorize`,
  tokenUrl: `${fake.url}/{REGION}/token`,
  apiUrl: `${fake.url}/api`,
  apiHeaders: { 'x-api-version': '7' },
  tokenHeaders: { 'x-token-header': 'yes' },
  tokenParams: { audience: 'people' },
  scopes: ['people'],
  pkce: false,
  passedOnAs: { login_hint: 'user' },
  variables: {
    REGION: variable({ description: 'Region of the account', example: 'eu', default: 'eu', read: read.oneOf('eu', 'us') }),
    TEAMS: variable({ description: 'Only these teams', example: 'red', restricts: true, scope: 'teams', read: read.list })
  },
  async profile (api, { REGION }, { token }) {
    const [first] = await api.list('/people')
    const more = await api.post('/details', { region: REGION })
    return { subject: first?.['id'], email: more['email'], emailVerified: more['verified'], name: token['display_name'] }
  },
  async membership (api, { TEAMS: teams = [] }) {
    const { team } = await api.get('/team')
    if (!teams.includes(String(team))) throw new AuthError('email_not_allowed')
  }
})

async function scene (t: Test, env: Record<string, string> = {}, describe: (fake: FakeProvider) => Descriptor = acme) {
  const fake = await fakeProvider(t)
  fake.answers = {
    '/eu/token': { access_token: 'a', token_type: 'bearer', refresh_token: 'r', expires_in: 60, display_name: 'Ada L.' },
    '/api/people': [{ id: 'p-1' }],
    'POST /api/details': { email: 'ada@example.com', verified: true },
    '/api/team': { team: 'red' }
  }
  const more = { acme: describe(fake) }
  const full = { ACME_CLIENT_ID: 'id', ACME_CLIENT_SECRET: 'secret', ...env }
  const { app, url } = await buildTestApp(t, full, more)
  const login = async (path = '/auth/acme') => {
    const browser = new Browser(app, url)
    const start = await browser.visit(path)
    const location = new URL(String(start.headers['location']))
    const back = new URLSearchParams({ code: 'c', state: location.searchParams.get('state') ?? '' }).toString()
    return { location, page: await browser.visit(`${path.split('?')[0]}/callback?${back}`, { headers: wants }) }
  }
  return { fake, app, login, more, env: full }
}

/** A provider that wants what its callback brings handed back. */
async function handedBack (t: Test, quirks: { tokenMethod?: 'POST' | 'GET', tokenAuth?: TokenAuth }, env: Record<string, string> = {}) {
  const fake = await fakeProvider(t)
  fake.answers = { '/token': { access_token: 'a' }, '/api/me': person }
  const acme = oauth2({
    name: 'Acme',
    authorizationUrl: `${fake.url}/authorize`,
    tokenUrl: `${fake.url}/token`,
    apiUrl: `${fake.url}/api`,
    scopes: [],
    handsBack: ['device_id', 'state'],
    profile: { url: '/me', subject: 'id', email: 'email', emailVerified: 'verified' },
    ...quirks
  })
  return { fake, ...await buildTestApp(t, { ACME_CLIENT_ID: 'id', ACME_CLIENT_SECRET: 'secret', ...env }, { acme }) }
}

async function started (app: FastifyInstance, url: string) {
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/acme')
  return { browser, state: new URL(String(start.headers['location'])).searchParams.get('state') ?? '' }
}

t.test('a provider takes one descriptor and no change of the engine', async t => {
  const { fake, login, app } = await scene(t)
  const { location, page } = await login('/auth/acme?login_hint=ada&prompt=login')
  t.equal(location.pathname, '/eu/authorize')
  t.match(Object.fromEntries(location.searchParams), { scope: 'people', user: 'ada', prompt: 'login' })
  t.notOk(location.searchParams.has('code_challenge'), 'no PKCE where it is refused')
  t.match(page.json(), { user: { sub: 'acme|p-1', email: 'ada@example.com', name: 'Ada L.', provider: 'acme' } })
  const [token, people, details] = fake.requests
  t.match(token?.headers, { 'x-token-header': 'yes' })
  t.match(Object.fromEntries(token?.form ?? []), { audience: 'people', client_secret: 'secret' })
  t.notOk(token?.form.has('code_verifier'))
  t.match(people?.headers, { 'x-api-version': '7', authorization: 'Bearer a' })
  t.equal(details?.form.get('region'), 'eu')
  t.same((await app.inject('/auth/providers')).json(), { providers: [{ id: 'acme', name: 'Acme', url: '/auth/acme' }] })
})

t.test('its own variables are read by their prefix, and checked', async t => {
  const { login, fake } = await scene(t, { ACME_REGION: 'us' })
  fake.answers['/us/token'] = fake.answers['/eu/token']
  t.equal((await login()).location.pathname, '/us/authorize')
  await t.rejects(scene(t, { ACME_REGION: 'mars' }), /ACME_REGION: must be one of eu, us/)
})

t.test('a restriction asks for its scope, and keeps out who does not belong', async t => {
  const member = await scene(t, { ACME_TEAMS: 'blue,red' })
  const { location, page } = await member.login()
  t.equal(location.searchParams.get('scope'), 'people teams')
  t.match(page.json().user, { sub: 'acme|p-1' })
  const { page: stranger } = await (await scene(t, { ACME_TEAMS: 'blue' })).login()
  t.equal(stranger.json().code, 'email_not_allowed')
})

t.test('whatever shape an answer has, a descriptor that stumbles over it is the provider\'s failure', async t => {
  const { fake, login } = await scene(t, { ACME_TEAMS: 'red' })
  for (const [path, answer] of [['/api/people', {}], ['/api/people', [7]], ['POST /api/details', []], ['/api/team', 'red']] as const) {
    const before = fake.answers[path]
    fake.answers[path] = answer
    t.equal((await login()).page.json().code, 'provider_error', path)
    fake.answers[path] = before
  }
  const careless = await scene(t, {}, fake => oauth2({ ...acme(fake), profile: async api => ({ subject: ((await api.get('/team'))['x'] as { y: 1 }).y }) }))
  t.equal((await careless.login()).page.json().code, 'provider_error')
})

t.test('what the callback brings is handed back in the token call, and must be there', async t => {
  const callback = '/auth/acme/callback'
  for (const tokenMethod of ['POST', 'GET'] as const) {
    const { fake, app, url } = await handedBack(t, { tokenMethod })
    const { browser, state } = await started(app, url)
    const without = await browser.visit(`${callback}?code=c&state=${state}`, { headers: wants })
    t.equal(without.json().code, 'invalid_request')
    t.equal(fake.requests.length, 0, 'nothing is asked')
    const page = await browser.visit(`${callback}?code=c&state=${state}&device_id=d-1`, { headers: wants })
    t.match(page.json().user, { sub: 'acme|p-1' })
    const { query, form } = fake.requests[0] ?? {}
    const sent = Object.fromEntries((tokenMethod === 'GET' ? query : form) ?? [])
    t.match(sent, { code: 'c', device_id: 'd-1', state, code_verifier: /./, client_secret: 'secret' })
    const { browser: other, state: fresh } = await started(app, url)
    t.equal((await other.visit(`${callback}?code=c&state=${fresh}&device_id=`, { headers: wants })).json().code, 'invalid_request')
    t.equal((await other.visit(`${callback}?code=c&state=${fresh}&device_id=a&device_id=b`, { headers: wants })).json().code, 'invalid_request')
  }
})

t.test('a secret that is optional goes by its name, or not at all', async t => {
  for (const [secret, sent] of [['s3cr3t', 's3cr3t'], ['', undefined]] as const) {
    const { fake, app, url } = await handedBack(t, { tokenAuth: 'optional:service_token' }, { ACME_CLIENT_SECRET: secret })
    const { browser, state } = await started(app, url)
    const page = await browser.visit(`/auth/acme/callback?code=c&state=${state}&device_id=d-1`, { headers: wants })
    t.match(page.json().user, { sub: 'acme|p-1' })
    const { form } = fake.requests[0] ?? {}
    t.equal(form?.get('service_token') ?? undefined, sent)
    t.notOk(form?.has('client_secret'))
  }
})

t.test('L04 a POST is never tried twice, a GET once more', async t => {
  const { fake, login } = await scene(t)
  fake.answers['POST /api/details'] = reply(503, {})
  t.equal((await login()).page.json().code, 'provider_error')
  t.equal(fake.requests.filter(({ path }) => path === '/api/details').length, 1)
})

t.test('R18 an address that an answer leads to is called only where anybody may be', async t => {
  const { login } = await scene(t, {}, fake => oauth2({
    ...acme(fake),
    profile: async (api, _own, { token }) => ({ subject: (await api.get(String(token['id_url'])))['id'] })
  }))
  const { page } = await login()
  t.equal(page.json().code, 'provider_error', 'undefined is no address')

  const inside = await scene(t, {}, fake => oauth2({ ...acme(fake), profile: async api => ({ subject: (await api.get('http://169.254.169.254/latest'))['id'] }) }))
  t.equal((await inside.login()).page.json().code, 'provider_unavailable')
})

/** The configured provider itself: what sessions will call. */
function providerOf (env: Record<string, string>, more: Record<string, Descriptor>, now: () => number) {
  const config = loadConfig(env, undefined, { ...catalogue, ...more })
  const [provider] = configuredProviders(config, { clock: now, warn: () => {}, newNonce: () => Math.random().toString(36), connections: new Connections() })
  if (!provider) throw new Error('nothing is configured')
  return provider
}

t.test('a login that was restricted hands out what a later check needs, and no other login does', async t => {
  const restricted = await scene(t, { ACME_TEAMS: 'red' })
  const flow = { state: 's', nonce: 'n', kept: {} }
  const answer = { state: 's', code: 'c' }
  const provider = providerOf(restricted.env, restricted.more, () => 1_000_000)
  t.same((await provider.identify(answer, flow)).grant, { accessToken: 'a', refreshToken: 'r', expiresAt: 1060 })
  const free = await scene(t)
  t.notOk((await providerOf(free.env, free.more, Date.now).identify(answer, flow)).grant)
})

/** Checks again, and gives back the grant to keep. */
async function recheck (provider: Provider, grant: Grant): Promise<Grant> {
  let kept = grant
  await provider.recheck(grant, renewed => { kept = renewed })
  return kept
}

t.test('a membership is checked again with the grant, which is renewed when it is over', async t => {
  let now = 1_000_000
  const { env, more, fake } = await scene(t, { ACME_TEAMS: 'red' })
  const provider = providerOf(env, more, () => now)
  const grant = { accessToken: 'a', refreshToken: 'r', expiresAt: 1060 }
  t.same(await recheck(provider, grant), grant)
  t.same(fake.requests.map(({ path }) => path), ['/api/team'])

  now = 1_031_000
  fake.requests.length = 0
  fake.answers['/eu/token'] = { access_token: 'b', token_type: 'bearer', expires_in: '60' }
  t.same(await recheck(provider, grant), { accessToken: 'b', refreshToken: 'r', expiresAt: 1091 })
  const [renewal, check] = fake.requests
  t.match(Object.fromEntries(renewal?.form ?? []), { grant_type: 'refresh_token', refresh_token: 'r', client_id: 'id', client_secret: 'secret' })
  t.equal(check?.headers.authorization, 'Bearer b')

  fake.answers['/api/team'] = { team: 'blue' }
  await t.rejects(recheck(provider, { accessToken: 'b' }), { code: 'email_not_allowed' })
  fake.answers['/eu/token'] = reply(400, { error: 'invalid_grant' })
  await t.rejects(recheck(provider, grant), { code: 'provider_error' })
})

t.test('a provider that documents its answers as JSON renews a grant with JSON alone, in one call', async t => {
  const { env, more, fake } = await scene(t, { ACME_TEAMS: 'red' }, fake => oauth2({ ...acme(fake), strictJson: true }))
  const provider = providerOf(env, more, () => 1_000_000)
  const grant = { accessToken: 'a', refreshToken: 'r', expiresAt: 1 }
  t.same(await recheck(provider, grant), { accessToken: 'a', refreshToken: 'r', expiresAt: 1060 })
  t.match(Object.fromEntries(fake.requests[0]?.form ?? []), { grant_type: 'refresh_token', refresh_token: 'r', client_id: 'id', client_secret: 'secret' })
  for (const answer of [form('access_token=b&token_type=bearer'), reply(400, { error: 'invalid_grant' }), reply(503, {}), { token_type: 'bearer' }]) {
    fake.requests.length = 0
    fake.answers['/eu/token'] = answer
    await t.rejects(recheck(provider, grant), { code: 'provider_error' })
    t.same(fake.requests.map(({ path }) => path), ['/eu/token'])
  }
})

t.test('the grant of a provider without client authentication is renewed too', async t => {
  const { env, more, fake } = await scene(t, { ACME_TEAMS: 'red' }, fake => oauth2({ ...acme(fake), tokenAuth: 'none' }))
  await recheck(providerOf(env, more, Date.now), { accessToken: 'a', refreshToken: 'r', expiresAt: 1 })
  t.match(Object.fromEntries(fake.requests[0]?.form ?? []), { grant_type: 'refresh_token', client_id: 'id' })
  t.notOk(fake.requests[0]?.form.has('client_secret'))
})

t.test('a secret that is minted is another one for each call, by whichever way the call goes, and builds nothing anew', async t => {
  for (const way of [{}, { tokenMethod: 'GET' }, { tokenAuth: 'basic' }] as const) {
    let made = 0
    const { fake, login } = await scene(t, { ACME_CLIENT_SECRET: '' }, fake => oauth2({
      ...acme(fake),
      ...way,
      mintSecret: ({ REGION }, { clientId, issuer, now }) => `${REGION} ${clientId} ${issuer} ${now > 1e9} ${++made}`
    }))
    let built = 0
    const count = () => { built++ }
    for (const time of [1, 2]) {
      fake.requests.length = 0
      if (time === 2) subscribe('fastify.initialization', count)
      t.equal((await login()).page.status, 200)
      const [call] = fake.requests
      const basic = Buffer.from(call?.headers.authorization?.slice('Basic '.length) ?? '', 'base64').toString()
      const sent = call?.form.get('client_secret') ?? call?.query.get('client_secret') ?? decodeURIComponent(basic.replaceAll('+', ' ')).slice('id:'.length)
      t.equal(sent, `eu id ${fake.url} true ${time}`, JSON.stringify(way))
    }
    unsubscribe('fastify.initialization', count)
    t.equal(built, 0)
  }
})

t.test('a provider without client authentication and without PKCE is asked with the code alone', async t => {
  const { fake, login } = await scene(t, {}, fake => oauth2({ ...acme(fake), tokenAuth: 'none' }))
  t.equal((await login()).page.status, 200)
  t.same(Object.fromEntries(fake.requests[0]?.form ?? []), {
    audience: 'people', grant_type: 'authorization_code', code: 'c', redirect_uri: 'http://localhost:3000/auth/acme/callback', client_id: 'id'
  })
})

t.test('warming up asks nothing of a provider whose addresses are known', async t => {
  const { env, more, fake } = await scene(t)
  await providerOf(env, more, Date.now).warmUp()
  const old = oauth1({
    name: 'Old',
    requestTokenUrl: `${fake.url}/r`,
    authorizationUrl: `${fake.url}/a`,
    tokenUrl: `${fake.url}/t`,
    apiUrl: fake.url,
    profile: { url: '/me', subject: 'id', email: 'email', emailVerified: 'always' }
  })
  await providerOf({ OLD_CLIENT_ID: 'id', OLD_CLIENT_SECRET: 's' }, { old }, Date.now).warmUp()
  t.same(fake.requests, [])
})

t.test('an issuer may have one place for the tenant, and only a name fits into it', async t => {
  const issuer = 'https://login.example/{tenantid}/v2.0'
  t.equal(issuerOfTenant('https://login.example', 7), 'https://login.example')
  t.equal(issuerOfTenant(issuer, 'a-1'), 'https://login.example/a-1/v2.0')
  for (const tenant of [undefined, 7, '', 'a/b', '../x', 'a.b', 'x'.repeat(65)]) t.throws(() => issuerOfTenant(issuer, tenant), String(tenant))
  t.ok(speaksForTenants(issuer, 'https://login.example/common/v2.0'))
  for (const asked of ['https://login.example/v2.0', 'https://login.example/a/b/v2.0', 'https://evil.example/common/v2.0', 'https://login.example/common/v1.0']) {
    t.notOk(speaksForTenants(issuer, asked), asked)
  }
  t.notOk(speaksForTenants('https://login.example/', 'https://login.example/'))
  t.notOk(speaksForTenants('{tenantid}/{tenantid}', 'a/a'))
})

t.test('what the operator says of signatures and authentication counts where the addresses are known too', async t => {
  const fake = await fakeProvider(t)
  const { url: issuer } = fake
  const endpoints = {
    authorizationEndpoint: `${issuer}/authorize`,
    tokenEndpoint: `${issuer}/token`,
    jwksUri: `${issuer}/jwks`,
    sendsIssuer: false,
    tokenAuth: 'post' as const,
    idTokenAlgs: ['RS256']
  }
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: 'id', sub: 'p-1', iat: now, exp: now + 60, nonce: 'n', email: person.email, email_verified: true }
  fake.answers = { '/jwks': fake.jwks, '/token': { access_token: 'a', token_type: 'Bearer', id_token: fake.idToken(claims) } }
  const union = oidc({ name: 'Union', issuer, endpoints, scopes: ['openid', 'email'] })
  const login = async (more: Record<string, string> = {}) => {
    fake.requests.length = 0
    const provider = providerOf({ UNION_CLIENT_ID: 'id', UNION_CLIENT_SECRET: 's', ...more }, { union }, Date.now)
    const { kept } = await provider.authorize('state', 'n', {})
    return provider.identify({ state: 'state', code: 'c' }, { state: 'state', nonce: 'n', kept })
  }
  const isBasic = () => fake.requests.find(({ path }) => path === '/token')?.headers.authorization?.startsWith('Basic ') ?? false
  t.match((await login()).identity, { subject: 'p-1' })
  t.equal(isBasic(), false)
  t.match((await login({ UNION_TOKEN_AUTH: 'basic', UNION_ID_TOKEN_ALG: 'RS256' })).identity, { subject: 'p-1' })
  t.equal(isBasic(), true)
  await t.rejects(login({ UNION_ID_TOKEN_ALG: 'ES256' }), { code: 'invalid_id_token' })
})

t.test('an OpenID membership is asked below the issuer', async t => {
  const fake = await fakeProvider(t)
  const issuer = fake.url
  let nonce = ''
  const now = Math.floor(Date.now() / 1000)
  fake.answers = {
    '/.well-known/openid-configuration': {
      issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`
    },
    '/jwks': fake.jwks,
    '/token': () => {
      const claims = { iss: issuer, aud: 'id', sub: 'p-1', iat: now, exp: now + 60, nonce, email: person.email, email_verified: true }
      return { access_token: 'a', token_type: 'Bearer', id_token: fake.idToken(claims) }
    },
    '/groups': { groups: ['red'] }
  }
  const union = oidc({
    name: 'Union',
    scopes: ['openid', 'email'],
    variables: { GROUPS: variable({ description: 'Only these groups', example: 'red', restricts: true, scope: 'groups', read: read.list }) },
    async membership (api, { GROUPS: wanted = [] }) {
      const { groups } = await api.get('/groups')
      if (!wanted.some(group => (groups as string[]).includes(group))) throw new AuthError('email_not_allowed')
    }
  })
  const env = { UNION_CLIENT_ID: 'id', UNION_CLIENT_SECRET: 's', UNION_ISSUER: issuer, UNION_GROUPS: 'red' }
  const provider = providerOf(env, { union }, Date.now)
  const { url, kept } = await provider.authorize('state', 'n-1', {})
  t.equal(new URL(url).searchParams.get('scope'), 'openid email groups')
  nonce = 'n-1'
  const { grant } = await provider.identify({ state: 'state', code: 'c' }, { state: 'state', nonce, kept })
  t.same(grant, { accessToken: 'a' })
  t.same(await recheck(provider, { accessToken: 'a' }), { accessToken: 'a' })
  fake.answers['/groups'] = { groups: [] }
  await t.rejects(recheck(provider, { accessToken: 'a' }), { code: 'email_not_allowed' })
  const without = { UNION_CLIENT_ID: 'id', UNION_CLIENT_SECRET: 's' }
  t.throws(() => loadConfig(without, undefined, { union }), /UNION_ISSUER: is missing/, 'whose issuer is each operator\'s own')
})

t.test('an OAuth 1.0a membership is signed for', async t => {
  const fake = await fakeProvider(t)
  fake.answers = { '/api/team': ({ headers }: Received) => /oauth_token="lasting"/.test(headers.authorization ?? '') ? { team: 'red' } : reply(401, {}) }
  const old = oauth1({
    name: 'Old',
    requestTokenUrl: `${fake.url}/request`,
    authorizationUrl: `${fake.url}/authorize`,
    tokenUrl: `${fake.url}/token`,
    apiUrl: `${fake.url}/api`,
    apiHeaders: { 'x-api-version': '1' },
    variables: { TEAMS: variable({ description: 'Only these teams', example: 'red', restricts: true, read: read.list }) },
    profile: async (_api, _own, { token }) => ({ subject: token['user_id'] }),
    async membership (api, { TEAMS: teams = [] }) {
      const { team } = await api.get('/team')
      if (!teams.includes(String(team))) throw new AuthError('email_not_allowed')
    }
  })
  const provider = providerOf({ OLD_CLIENT_ID: 'id', OLD_CLIENT_SECRET: 's', OLD_TEAMS: 'red' }, { old }, Date.now)
  fake.answers['/token'] = form('oauth_token=lasting&oauth_token_secret=x&user_id=9')
  const flow = { state: 's', nonce: 'n', kept: { token: 't', secret: 'u' } }
  const { identity, grant } = await provider.identify({ state: 's', oauth_token: 't', oauth_verifier: 'v' }, flow)
  t.match(identity, { subject: '9', emailVerified: false })
  t.same(grant, { accessToken: 'lasting', tokenSecret: 'x' })
  t.same(await recheck(provider, grant ?? { accessToken: '' }), grant)
  await t.rejects(recheck(provider, { accessToken: 'other' }), { code: 'provider_error' })
})

t.test('no file outside the catalogue knows a provider by its id', async t => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  const free = files.filter(path => !path.startsWith(join('providers', 'catalogue')) && path !== join('providers', 'index.ts'))
  t.ok(free.length > 40)
  const comparison = new RegExp(`[=!]==?\\s*['"\`](${Object.keys(catalogue).join('|')})['"\`]`)
  t.match("if (id === 'github') quirk()", comparison)
  for (const path of free) t.notMatch(readFileSync(join('src', path), 'utf8'), comparison, path)
})

t.test('L01 R82 forty providers start without asking any of them, and one that is down holds up nobody', async t => {
  const fake = await fakeProvider(t)
  const ids = Array.from({ length: 40 }, (_, index) => `p${index}`)
  const { app } = await buildTestApp(t, {
    OIDC_PROVIDERS: ids.join(','),
    ...Object.fromEntries(ids.flatMap(id => [
      [`OIDC_${id.toUpperCase()}_ISSUER`, `${fake.url}/${id}`], [`OIDC_${id.toUpperCase()}_CLIENT_ID`, 'x'], [`OIDC_${id.toUpperCase()}_CLIENT_SECRET`, 'y']
    ]))
  })
  t.equal((await app.inject('/auth/providers')).json().providers.length, 40)
  t.equal(fake.requests.length, 0)
})
