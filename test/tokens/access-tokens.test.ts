import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { calculateJwkThumbprint, createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import { buildTestApp, temporaryFolder, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn, type Page } from '../helpers/browser.ts'
import { rogueProvider, type Json } from '../helpers/rogue-provider.ts'

const json = { accept: 'application/json' }
const algs = ['RS256', 'ES256', 'EdDSA'] as const

async function signIn (t: Teardown, env: Environment = {}, email = 'ada@example.com') {
  const built = await buildTestApp(t, env)
  const browser = new Browser(built.app, built.url)
  const answer = (await devSignIn(browser, email, { headers: json })).json()
  const jwks: JSONWebKeySet = (await built.app.inject('/.well-known/jwks.json')).json()
  return { ...built, browser, answer, token: String(answer.access_token), jwks }
}

/** A login at the rogue provider whose id_token has these claims. */
async function rogueSignIn (t: Teardown, claims: Json, env: Environment = {}): Promise<Page & { cookies: Map<string, string> }> {
  const rogue = await rogueProvider(t)
  rogue.claims = claims
  const { app, url } = await buildTestApp(t, { ...rogue.env, ...env })
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/rogue')
  const query = new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()
  const page = await browser.visit(`/auth/rogue/callback?${query}`, { headers: json })
  return { ...page, cookies: browser.cookies }
}

for (const alg of algs) {
  t.test(`R31 a token signed with ${alg} has the header of the contract and nothing more`, async t => {
    const { token, jwks } = await signIn(t, { SIGNING_ALG: alg })
    t.same(decodeProtectedHeader(token), { alg, kid: jwks.keys[0]?.kid, typ: 'JWT' })
  })

  t.test(`R31 a token signed with ${alg} has the claims of the contract and nothing more`, async t => {
    const before = Math.floor(Date.now() / 1000)
    const { token, answer, url } = await signIn(t, { SIGNING_ALG: alg })
    const after = Math.floor(Date.now() / 1000)
    const { iat = 0, exp, jti, sid, auth_time: authTime, ...rest } = decodeJwt(token)
    t.match(rest.sub, /^dev\|[\x21-\x7e]{1,250}$/)
    t.same(rest, {
      iss: url,
      sub: answer.user.sub,
      aud: url,
      client_id: 'handstamp',
      email: 'ada@example.com',
      email_verified: true,
      name: 'Ada',
      provider: 'dev'
    })
    t.ok(iat >= before - 5 && iat <= after - 5, 'iat is backdated by five seconds')
    t.equal(exp, iat + 600)
    t.equal(answer.expires_in, 595)
    t.ok(Number(authTime) >= before && Number(authTime) <= after)
    for (const id of [jti, sid]) t.ok(Buffer.from(String(id), 'base64url').length >= 16)
    t.not(jti, sid)
  })

  t.test(`a verifier checks a token signed with ${alg} by the public keys alone`, async t => {
    const { token, jwks, url } = await signIn(t, { SIGNING_ALG: alg })
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), { issuer: url, audience: url, algorithms: [alg], typ: 'JWT' })
    t.equal(payload['email'], 'ada@example.com')
  })

  t.test(`R31 the kid of the ${alg} key is its RFC 7638 thumbprint`, async t => {
    const { app } = await buildTestApp(t, { SIGNING_ALG: alg })
    const [key] = (await app.inject('/.well-known/jwks.json')).json().keys
    t.equal(key.kid, await calculateJwkThumbprint(key, 'sha256'))
  })
}

t.test('R31 the issuer is PUBLIC_URL exactly', async t => {
  const { token } = await signIn(t, { PUBLIC_URL: 'https://login.localhost:8443' })
  t.equal(decodeJwt(token).iss, 'https://login.localhost:8443')
})

t.test('R36 one TOKEN_AUDIENCE is a string', async t => {
  const { token } = await signIn(t, { TOKEN_AUDIENCE: 'https://api.example.com' })
  t.equal(decodeJwt(token).aud, 'https://api.example.com')
})

t.test('R36 several TOKEN_AUDIENCE are an array', async t => {
  const { token, browser } = await signIn(t, { TOKEN_AUDIENCE: 'https://api.example.com, billing' })
  t.same(decodeJwt(token).aud, ['https://api.example.com', 'billing'])
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('TOKEN_CLAIMS are in every token', async t => {
  const { token } = await signIn(t, { TOKEN_CLAIMS: '{"role":"authenticated","https://hasura.io/jwt/claims":{"x-hasura-role":"user"}}' })
  t.match(decodeJwt(token), { role: 'authenticated', 'https://hasura.io/jwt/claims': { 'x-hasura-role': 'user' } })
})

t.test('R31 TOKEN_TYP=at+jwt names the type of RFC 9068', async t => {
  const { token, browser } = await signIn(t, { TOKEN_TYP: 'at+jwt' })
  t.equal(decodeProtectedHeader(token).typ, 'at+jwt')
  t.equal((await browser.visit('/auth/me')).status, 200)
})

t.test('R31 TOKEN_TTL is the life of a token from its iat', async t => {
  const { token, answer } = await signIn(t, { TOKEN_TTL: '2m' })
  const { iat = 0, exp } = decodeJwt(token)
  t.equal(exp, iat + 120)
  t.equal(answer.expires_in, 115)
})

t.test('R28 the email of a token is canonical', async t => {
  const { token } = await signIn(t, {}, 'Ada.Lovelace+x@Example.COM')
  t.equal(decodeJwt(token)['email'], 'ada.lovelace+x@example.com')
})

t.test('R65 two logins of one person share the subject and no identifier', async t => {
  const { browser, token } = await signIn(t)
  const again = decodeJwt((await devSignIn(browser, 'ada@example.com', { headers: json })).json().access_token)
  const first = decodeJwt(token)
  t.equal(again.sub, first.sub)
  t.not(again.jti, first.jti)
  t.not(again['sid'], first['sid'])
})

t.test('a picture is in the token when the provider has one', async t => {
  const { json } = await rogueSignIn(t, { picture: 'https://img.example.com/ada.png' })
  t.match(decodeJwt(json().access_token), { sub: 'rogue|7', name: 'Ada Lovelace', picture: 'https://img.example.com/ada.png' })
})

t.test('R31 what the provider does not say is not in the token', async t => {
  const { json } = await rogueSignIn(t, { name: undefined, picture: '' })
  const claims = decodeJwt(json().access_token)
  for (const absent of ['name', 'picture', 'hd', 'nbf', 'nonce']) t.notOk(absent in claims, absent)
})

t.test('the hosted domain that Google names is in the token', async t => {
  const rogue = await rogueProvider(t)
  rogue.claims = { hd: 'example.com' }
  const env = { GOOGLE_CLIENT_ID: 'rogue-client', GOOGLE_CLIENT_SECRET: 'rogue-secret', GOOGLE_ISSUER: rogue.issuer, GOOGLE_HD: 'example.com' }
  const { app, url } = await buildTestApp(t, env)
  const browser = new Browser(app, url)
  const start = await browser.visit('/auth/google')
  const query = new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()
  const done = await browser.visit(`/auth/google/callback?${query}`, { headers: json })
  t.match(decodeJwt(done.json().access_token), { sub: 'google|7', hd: 'example.com' })
})

t.test('L35 a token of 3,500 bytes is issued, a longer one is refused and sets no session cookie', async t => {
  const short = await rogueSignIn(t, { name: 'x'.repeat(1000) })
  const room = Math.floor((3500 - short.json().access_token.length) * 3 / 4)
  const longest = await rogueSignIn(t, { name: 'x'.repeat(1000 + room) })
  t.ok(longest.json().access_token.length > 3490 && longest.json().access_token.length <= 3500)

  const refused = await rogueSignIn(t, { name: 'x'.repeat(1000 + room + 3) })
  t.equal(refused.status, 502)
  t.equal(refused.json().code, 'provider_error')
  t.notOk(refused.cookies.has('handstamp'))
  t.notMatch(String(refused.headers['set-cookie']), /handstamp=[^;]/)
})

t.test('R41 the signing key survives a restart on the same folder', async t => {
  const DATA_DIR = temporaryFolder(t)
  const first = await signIn(t, { DATA_DIR })
  await first.app.close()
  const second = await buildTestApp(t, { DATA_DIR })
  t.same((await second.app.inject('/.well-known/jwks.json')).json(), first.jwks)
  const me = await second.app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${first.token}` } })
  t.equal(me.statusCode, 200)
})

t.test('R41 nobody but the owner can read the files of the data folder', async t => {
  const { dataDir } = await signIn(t)
  const files = readdirSync(dataDir)
  t.ok(files.includes('secret'))
  for (const file of files) t.equal(statSync(join(dataDir, file)).mode & 0o777, 0o600, file)
})

t.test('R41 a key is never stored in the clear', async t => {
  const { dataDir } = await signIn(t)
  const { readFileSync } = await import('node:fs')
  t.notMatch(readFileSync(join(dataDir, 'handstamp.mdb'), 'latin1'), 'PRIVATE KEY')
})

t.test('R38 another SIGNING_ALG signs with another key, and the set keeps the one before until its tokens are over', async t => {
  const DATA_DIR = temporaryFolder(t)
  for (const [SIGNING_ALG, published] of [
    ['RS256', ['RS256', 'RS256']],
    ['ES256', ['ES256', 'ES256', 'RS256']],
    ['EdDSA', ['EdDSA', 'EdDSA', 'ES256']]
  ] as const) {
    const { app, jwks } = await signIn(t, { DATA_DIR, SIGNING_ALG })
    const metadata = (await app.inject('/.well-known/openid-configuration')).json()
    await app.close()
    t.same(jwks.keys.map(({ alg }: { alg?: string }) => alg), published)
    t.same(metadata.id_token_signing_alg_values_supported, [...new Set(published)])
  }
})
