import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import type { Environment } from '../../src/env/environment.ts'
import type { SigningKey, SigningAlg } from '../../src/keys/signing-key.ts'
import { signatureCheck } from '../../src/tokens/signature-check.ts'
import { AccessTokens } from '../../src/tokens/access-tokens.ts'
import { TokenVerifier } from '../../src/tokens/token-verifier.ts'
import { buildTestApp, temporaryFolder, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { base64url, type Json } from '../helpers/rogue-provider.ts'
import { ada, openTestState } from '../helpers/state.ts'

/** The key an app on this folder signs with: forgeries made with it fail for nothing but what they forge. */
async function signingKeyOf (t: Teardown, dataDir: string, alg: SigningAlg): Promise<SigningKey> {
  const { keys } = await openTestState(t, { DATA_DIR: dataDir, SIGNING_ALG: alg })
  return keys.current
}

async function scene (t: Teardown, env: Environment = {}) {
  const DATA_DIR = temporaryFolder(t)
  const SIGNING_ALG = (env['SIGNING_ALG'] ?? 'RS256') as SigningAlg
  const key = await signingKeyOf(t, DATA_DIR, SIGNING_ALG)
  const built = await buildTestApp(t, { DATA_DIR, SIGNING_ALG, ...env })
  const browser = new Browser(built.app, built.url)
  const token: string = (await devSignIn(browser, 'ada@example.com', { headers: { accept: 'application/json' } })).json().access_token
  const header: Json = { ...decodeProtectedHeader(token) }
  const claims: Json = decodeJwt(token)
  const changed = (right: Json, changes: Json | string): string =>
    base64url(typeof changes === 'string'
      ? changes
      : Object.fromEntries(Object.entries({ ...right, ...changes }).filter(([, value]) => value !== undefined)))

  return {
    ...built,
    browser,
    key,
    token,
    header,
    claims,
    /** A token of ours with changes, signed with our own key; a text replaces the whole part. */
    forge: async (headerChanges: Json | string, claimChanges: Json | string = {}) => {
      const input = `${changed(header, headerChanges)}.${changed(claims, claimChanges)}`
      return `${input}.${await key.signature(input)}`
    },
    me: (bearer: string) => built.app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${bearer}` } })
  }
}

// One app serves all forgeries: a refusal leaves nothing behind.
const { forge, me, key, token, header, claims, app, url, browser } = await scene(t)
const now = Math.floor(Date.now() / 1000)
const [headerPart = '', payloadPart = '', signaturePart = ''] = token.split('.')

const invalid = {
  type: 'about:blank',
  title: 'Unauthorized',
  status: 401,
  detail: 'The access token is not valid.',
  code: 'invalid_token'
}

async function assertRefused (t: Test, forged: string, what: string): Promise<void> {
  const answer = await me(forged)
  const { request_id: requestId, ...body } = answer.json()
  t.same(body, invalid, what)
  t.match(requestId, /^[\w-]{12}$/)
  t.match(answer.headers['www-authenticate'], /^Bearer/)
}

t.test('R52 R33 nobody is signed out by a token that is not ours, though it seems to be an old one', async t => {
  for (const payload of [claims, { ...claims, iat: now - 1_200, exp: now - 600 }]) {
    for (const signature of [signaturePart.replace(/^./, first => first === 'A' ? 'B' : 'A'), '', 'AAAA']) {
      const headers = { authorization: `Bearer ${headerPart}.${base64url(payload)}.${signature}` }
      await app.inject({ method: 'POST', url: '/auth/logout', headers })
      t.equal((await me(token)).statusCode, 200)
    }
  }
})

t.test('a forgery that changes nothing is accepted, so that the others fail for their change', async t => {
  t.equal((await me(await forge({}))).statusCode, 200)
  t.equal((await me(token)).statusCode, 200)
})

t.test('R34 unknown claims and unknown header members are ignored', async t => {
  t.equal((await me(await forge({ b64: true, x: 1 }, { role: 'admin', nested: { a: [1, null] } }))).statusCode, 200)
})

t.test('R33 the public key is no HMAC secret', async t => {
  const secrets = { pem: key.publicPem, 'trimmed pem': key.publicPem.trim(), jwk: JSON.stringify(key.jwk), kid: key.kid, nothing: '' }
  for (const [name, secret] of Object.entries(secrets)) {
    for (const [alg, hash] of [['HS256', 'sha256'], ['HS512', 'sha512']] as const) {
      const input = `${base64url({ ...header, alg })}.${payloadPart}`
      await assertRefused(t, `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`, `${alg} with ${name}`)
    }
  }
})

t.test('R33 only the algorithm of the key is accepted, whatever the header says', async t => {
  for (const alg of ['none', 'None', 'NONE', 'rs256', 'RS384', 'RS512', 'PS256', 'ES256', 'EdDSA', 'HS256', '', null, 1, true, ['RS256'], {}, undefined]) {
    await assertRefused(t, await forge({ alg }), JSON.stringify(alg))
  }
})

t.test('R33 a token without a signature is refused', async t => {
  const none = base64url({ ...header, alg: 'none' })
  for (const forged of [`${none}.${payloadPart}.`, `${none}.${payloadPart}`, `${headerPart}.${payloadPart}.`, `${headerPart}.${payloadPart}.AA`]) {
    await assertRefused(t, forged, forged.slice(-10))
  }
})

t.test('R33 a signature by any other key is refused', async t => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  for (const privateKey of [other, weak, curve]) {
    const input = `${headerPart}.${payloadPart}`
    await assertRefused(t, `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`, String(privateKey.asymmetricKeyType))
  }
})

t.test('R33 a changed payload, header or signature is refused', async t => {
  const payload = base64url({ ...claims, sub: 'dev|somebody-else' })
  await assertRefused(t, `${headerPart}.${payload}.${signaturePart}`, 'payload')
  await assertRefused(t, `${base64url({ ...header, x: 1 })}.${payloadPart}.${signaturePart}`, 'header')
  await assertRefused(t, `${headerPart}.${payloadPart}.${signaturePart.split('').reverse().join('')}`, 'signature')
})

t.test('R33 a kid that is not in the key ring is refused, whatever it names', async t => {
  const kids = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '../keys', '../../etc/passwd', '/dev/null', 'keys/RS256/', '*',
    "' OR 1=1 --", '\u0000', '', ' ', `${key.kid} `, `${key.kid}/`, key.kid.toLowerCase(), null, 0, true, [key.kid], { kid: key.kid }, undefined]
  for (const kid of kids) await assertRefused(t, await forge({ kid }), JSON.stringify(kid))
})

t.test('R33 only the configured typ is accepted', async t => {
  for (const typ of ['at+jwt', 'jwt', 'application/jwt', 'logout+jwt', 'id_token', '', null, 1, undefined]) {
    await assertRefused(t, await forge({ typ }), JSON.stringify(typ))
  }
})

t.test('R34 a crit header is refused in any form', async t => {
  for (const crit of [null, '', [], 0, false, {}, 'b64', ['b64'], ['exp'], [null]]) await assertRefused(t, await forge({ crit }), JSON.stringify(crit))
})

t.test('R20 a token that brings its own key is refused', async t => {
  const evil = 'https://evil.test/jwks.json'
  for (const member of [{ jku: evil }, { jwk: key.jwk }, { x5u: evil }, { x5c: ['MII'] }, { jku: null }, { jwk: '' }]) {
    await assertRefused(t, await forge(member), JSON.stringify(member))
  }
})

t.test('R33 every required claim must be there', async t => {
  for (const name of ['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'auth_time', 'jti', 'sid', 'email', 'email_verified', 'provider']) {
    await assertRefused(t, await forge({}, { [name]: undefined }), name)
  }
})

t.test('R33 every required claim must have its type', async t => {
  for (const name of ['iss', 'sub', 'aud', 'client_id', 'jti', 'sid', 'email', 'provider']) {
    for (const value of ['', null, 7, true, [], {}, [claims[name]], { toString: 1 }]) {
      await assertRefused(t, await forge({}, { [name]: value }), `${name} ${JSON.stringify(value)}`)
    }
  }
  for (const value of [false, 'true', 1, null, '', []]) {
    await assertRefused(t, await forge({}, { email_verified: value }), `email_verified ${JSON.stringify(value)}`)
  }
})

t.test('R33 times must be safe integers', async t => {
  for (const name of ['iat', 'exp', 'auth_time']) {
    for (const value of [String(claims[name]), Number(claims[name]) + 0.5, 1e300, Number.MAX_SAFE_INTEGER + 1, null, true, [now], {}, '']) {
      await assertRefused(t, await forge({}, { [name]: value }), `${name} ${JSON.stringify(value)}`)
    }
  }
  for (const name of ['iat', 'auth_time']) await assertRefused(t, await forge({}, { [name]: -1 }), `${name} -1`)
  for (const text of ['1e400', '-1e400', '1e16']) {
    await assertRefused(t, await forge({}, JSON.stringify(claims).replace(/"exp":\d+/, `"exp":${text}`)), `exp ${text}`)
  }
})

t.test('R33 a token from the future is refused, one of a clock that is a little ahead is not', async t => {
  await assertRefused(t, await forge({}, { iat: now + 120, exp: now + 500 }), 'two minutes ahead')
  t.equal((await me(await forge({}, { iat: now + 30, exp: now + 500 }))).statusCode, 200)
})

t.test('R33 a token that lives longer than TOKEN_TTL is refused', async t => {
  await assertRefused(t, await forge({}, { exp: Number(claims['iat']) + 601 }), 'one second')
  await assertRefused(t, await forge({}, { exp: now + 10 * 365 * 86_400 }), 'ten years')
})

t.test('R33 a token for another audience is refused', async t => {
  for (const aud of ['https://evil.test', `${url}/`, url.toUpperCase(), '*', [url], [url, 'https://evil.test'], ['https://evil.test', url], [], {}]) {
    await assertRefused(t, await forge({}, { aud }), JSON.stringify(aud))
  }
})

t.test('R40 a token of another issuer is refused', async t => {
  for (const iss of ['https://evil.test', `${url}/`, `${url}.evil.test`, url.toUpperCase(), `${url}/auth/dev`]) {
    await assertRefused(t, await forge({}, { iss }), iss)
  }
})

t.test('R32 other kinds of token never pass for an access token', async t => {
  const idToken = { aud: 'web', nonce: 'n', sid: undefined, jti: undefined, client_id: undefined }
  const logoutToken = { events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, email: undefined, auth_time: undefined }
  for (const other of [idToken, logoutToken]) await assertRefused(t, await forge({}, other), JSON.stringify(other))
})

t.test('R33 a member that is named twice is refused', async t => {
  const text = JSON.stringify(claims)
  await assertRefused(t, await forge({}, text.replace('{', '{"sub":"dev|root",')), 'payload')
  await assertRefused(t, await forge({}, text.replace('{', '{"s\\u0075b":"dev|root",')), 'payload, escaped')
  await assertRefused(t, await forge(JSON.stringify(header).replace('{', '{"alg":"none",')), 'header')
  await assertRefused(t, await forge(JSON.stringify(header).replace('{', '{"kid":"x",')), 'header kid')
})

t.test('R33 parts that are not JSON objects are refused', async t => {
  for (const text of ['', 'null', '[]', '"a"', '1', '{', '{}', '{"a":1}{', '\u0000', '{"__proto__":{"alg":"RS256"}}', '['.repeat(1500)]) {
    await assertRefused(t, await forge(text), `header ${text.slice(0, 20)}`)
    await assertRefused(t, await forge({}, text), `payload ${text.slice(0, 20)}`)
  }
})

t.test('R33 a payload that is not UTF-8 is refused', async t => {
  const bytes = Buffer.from(JSON.stringify({ ...claims, x: '#' }))
  bytes[bytes.indexOf('#')] = 0xff
  const input = `${headerPart}.${bytes.toString('base64url')}`
  await assertRefused(t, `${input}.${await key.signature(input)}`, 'lone 0xff')
})

t.test('R33 a token over 8 KiB is refused', async t => {
  const long = await forge({}, { pad: 'x'.repeat(6500) })
  t.ok(long.length > 8192)
  await assertRefused(t, long, 'long')
})

t.test('R33 garbage is refused', async t => {
  for (const garbage of ['a', 'a.b', 'a.b.c', '....', '...', '.', `${token}.`, `.${token}`, `${token}.x`, `${token}=`, token.slice(1), token.slice(0, -4),
    `${headerPart}..${signaturePart}`, `${headerPart}.${payloadPart}+.${signaturePart}`, 'x'.repeat(8192), `${token}~`, 'null', 'undefined', '-', '_']) {
    await assertRefused(t, garbage, garbage.slice(0, 20))
  }
})

t.test('R37 a token in the query string is not accepted', async t => {
  for (const name of ['access_token', 'token', 'bearer', 'jwt', 'authorization', 'handstamp']) {
    const answer = await app.inject(`/auth/me?${name}=${token}`)
    t.equal(answer.statusCode, 401)
    t.equal(answer.json().code, 'not_signed_in')
    t.equal(answer.headers['www-authenticate'], 'Bearer')
  }
})

t.test('R33 a token with a wrong signature is invalid, not expired, however old', async t => {
  const old = base64url({ ...claims, iat: now - 1000, exp: now - 500 })
  await assertRefused(t, `${headerPart}.${old}.${signaturePart}`, 'expired and forged')
})

t.test('R33 a token whose time is over says so', async t => {
  const answer = await me(await forge({}, { iat: now - 1000, exp: now - 500 }))
  t.equal(answer.statusCode, 401)
  t.equal(answer.json().code, 'expired_token')
})

t.test('R33 a token ends at its exp, also one that was just accepted', async t => {
  const { browser, travel } = await scene(t)
  travel(590)
  t.equal((await browser.visit('/auth/me')).status, 200)
  travel(10)
  const answer = await browser.visit('/auth/me')
  t.equal(answer.status, 401)
  t.match(answer.headers['www-authenticate'], /^Bearer/)
  t.equal(answer.json().code, 'expired_token')
})

t.test('R35 after logout every other spelling of the token is revoked too', async t => {
  const { me, token, browser } = await scene(t, { SIGNING_ALG: 'ES256' })
  const spellings = es256Spellings(token)
  t.equal(spellings.length, 32)
  t.equal((await me(token)).statusCode, 200)
  await browser.visit('/auth/logout', { method: 'POST', json: {} })
  for (const spelling of spellings) {
    const answer = await me(spelling)
    t.equal(answer.statusCode, 401)
    t.equal(answer.json().code, 'revoked_token')
  }
})

t.test('R35 a revoked token stays revoked after a restart', async t => {
  const { app, dataDir, token, browser } = await scene(t)
  await browser.visit('/auth/logout', { method: 'POST', json: {} })
  await app.close()
  const restarted = await buildTestApp(t, { DATA_DIR: dataDir })
  const answer = await restarted.app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${token}` } })
  t.equal(answer.statusCode, 401)
  t.equal(answer.json().code, 'revoked_token')
})

t.test('a revocation is forgotten once the token is over anyway', async t => {
  const { me, token, browser, travel } = await scene(t)
  await browser.visit('/auth/logout', { method: 'POST', json: {} })
  travel(601)
  await devSignIn(browser)
  await browser.visit('/auth/logout', { method: 'POST', json: {} })
  t.equal((await me(token)).json().code, 'expired_token')
})

t.test('R33 the cookie is checked as a bearer token is', async t => {
  const answer = await browser.visit('/auth/me', { headers: { cookie: `handstamp=${await forge({ crit: [] })}` } })
  t.equal(answer.status, 401)
  t.equal(answer.json().code, 'invalid_token')
})

t.test('L26 a token of the earlier SIGNING_ALG stays good through the change', async t => {
  const { app, dataDir, token } = await scene(t, { SIGNING_ALG: 'ES256' })
  await app.close()
  const other = await buildTestApp(t, { DATA_DIR: dataDir, SIGNING_ALG: 'EdDSA' })
  const answer = await other.app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${token}` } })
  t.equal(answer.json().email, 'ada@example.com')
})

/** A verifier on its own, with as many tokens of one key as a test likes. */
async function lone (t: Teardown, withCheck = true) {
  const { keys, sessions, revocations, config } = await openTestState(t, { SIGNING_ALG: 'EdDSA' })
  const verifier = new TokenVerifier({ ...config, revocations, checkWith: key => signatureCheck(key, config), clock: Date.now })
  if (withCheck) await keys.watch(inUse => verifier.useKeys(inUse))
  const issuer = new AccessTokens(keys, config, Date.now)
  const session = await sessions.start(ada, 0)
  return { verifier, issue: async (id: string) => (await issuer.issue({ ...session, id })).token }
}

t.test('R33 a key that nothing checks with verifies nothing', async t => {
  const { verifier, issue } = await lone(t, false)
  const token = await issue('a-session')
  t.throws(() => verifier.verify(token), { code: 'invalid_token' })
})

t.test('more tokens than are remembered are all accepted', async t => {
  const { verifier, issue } = await lone(t)
  const first = await issue('session-0')
  t.equal(verifier.verify(first).sid, 'session-0')
  for (let count = 1; count <= 10_000; count++) verifier.verify(await issue(`session-${count}`))
  t.equal(verifier.verify(first).sid, 'session-0')
})

/** (r, s) and (r, n - s) are both signatures, and the last of 86 characters has four bits that nobody reads. */
function es256Spellings (token: string): string[] {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const [head = '', payload = '', signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const mirrored = Buffer.concat([bytes.subarray(0, 32), Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')])
  return [bytes, mirrored].flatMap(one => {
    const text = one.toString('base64url')
    const last = alphabet.indexOf(text.slice(-1))
    return Array.from({ length: 16 }, (_, spare) => `${head}.${payload}.${text.slice(0, -1)}${alphabet[(last & 0x30) | spare]}`)
  })
}
