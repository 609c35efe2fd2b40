import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import t, { type Test } from 'tap'
import { login, outcome, rogueScene } from '../../helpers/rogue-login.ts'
import { base64url, signRs256, type Json, type RogueProvider } from '../../helpers/rogue-provider.ts'

/** What is special about an id_token, and how to make it so. */
type Case = [what: string, make: (rogue: RogueProvider) => void]

const header = (changes: Json) => (rogue: RogueProvider) => { rogue.header = changes }
const claims = (changes: Json) => (rogue: RogueProvider) => { rogue.claims = changes }
const token = (make: RogueProvider['makeIdToken']) => (rogue: RogueProvider) => { rogue.makeIdToken = make }
const inputOf = (header: Json, claims: Json | string) => `${base64url(header)}.${base64url(claims)}`
const now = () => Math.floor(Date.now() / 1000)

const scene = await rogueScene(t)
const { rogue, browser } = scene
const { makeIdToken, privateKey, publicKey } = rogue
const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 })
await login(scene)

async function assertEach (t: Test, expected: 'ok' | 'invalid_id_token', cases: Case[]) {
  for (const [what, make] of cases) {
    browser.cookies.clear()
    make(rogue)
    const page = await login(scene)
    Object.assign(rogue, { header: {}, claims: {}, makeIdToken })
    t.equal(page.status === 200 ? 'ok' : page.json().code, expected, what)
    t.equal(page.status, expected === 'ok' ? 200 : 502, what)
    t.equal(browser.cookies.has('handstamp'), expected === 'ok', what)
  }
}

const hmac = (algorithm: string, secret: string | Buffer) => token((header, claims) => {
  const input = inputOf({ ...header, alg: algorithm.replace('sha', 'HS') }, claims)
  return `${input}.${createHmac(algorithm, secret).update(input).digest('base64url')}`
})
const pem = (type: 'spki' | 'pkcs1') => publicKey.export({ type, format: 'pem' }).toString()
const jwk = publicKey.export({ format: 'jwk' })

t.test('R13 only a signature by the configured algorithm counts', t => assertEach(t, 'invalid_id_token', [
  ...['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg): Case[] => [
    [`alg ${alg}, no signature`, token((header, claims) => `${inputOf({ ...header, alg }, claims)}.`)],
    [`alg ${alg}, the right signature`, header({ alg })],
    [`alg ${alg}, two parts`, token((header, claims) => inputOf({ ...header, alg }, claims))]
  ]),
  ['HS256 with the public key', hmac('sha256', pem('spki'))],
  ['HS256 with the public key, trimmed', hmac('sha256', pem('spki').trim())],
  ['HS256 with the public key as PKCS 1', hmac('sha256', pem('pkcs1'))],
  ['HS256 with the public key as DER', hmac('sha256', publicKey.export({ type: 'spki', format: 'der' }))],
  ['HS256 with the public key as JWK', hmac('sha256', JSON.stringify(jwk))],
  ['HS256 with the modulus', hmac('sha256', Buffer.from(String(jwk.n), 'base64url'))],
  ['HS256 with the client secret', hmac('sha256', 'rogue-secret')],
  ['HS512 with the client secret', hmac('sha512', 'rogue-secret')],
  ['HS256 with nothing', hmac('sha256', '')],
  ['RS512, which this provider does not use', token((header, claims) => {
    const input = inputOf({ ...header, alg: 'RS512' }, claims)
    return `${input}.${sign('sha512', Buffer.from(input), privateKey).toString('base64url')}`
  })],
  ['PS256, which this provider does not use', token((header, claims) => {
    const input = inputOf({ ...header, alg: 'PS256' }, claims)
    return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, padding: 6, saltLength: 32 }).toString('base64url')}`
  })],
  ['ES256 over an RSA signature', header({ alg: 'ES256' })],
  ['lower case', header({ alg: 'rs256' })],
  ['no alg', header({ alg: undefined })],
  ['alg is a number', header({ alg: 256 })],
  ['alg is a list', header({ alg: ['RS256'] })],
  ['alg is null', header({ alg: null })]
]))

const changedAt = (part: 0 | 1 | 2) => token((header, claims) => {
  const parts = signRs256(header, claims).split('.')
  const text = parts[part] ?? ''
  parts[part] = `${text.slice(0, 12)}${text[12] === 'A' ? 'B' : 'A'}${text.slice(13)}`
  return parts.join('.')
})

t.test('R12 a signature that no key of the provider made is refused', t => assertEach(t, 'invalid_id_token', [
  ['another key under the same kid', token((header, claims) => signRs256(header, claims, foreign.privateKey))],
  ['another key without a kid', token((header, claims) => signRs256({ ...header, kid: undefined }, claims, foreign.privateKey))],
  ['a changed header', changedAt(0)],
  ['a changed payload', changedAt(1)],
  ['a changed signature', changedAt(2)],
  ['no signature', token((header, claims) => `${inputOf(header, claims)}.`)],
  ['a signature over other bytes', token((header, claims) => `${inputOf(header, { ...claims, sub: '8' })}.${signRs256(header, claims).split('.')[2]}`)],
  ['a zero signature', token((header, claims) => `${inputOf(header, claims)}.${Buffer.alloc(256).toString('base64url')}`)],
  ['a short signature', token((header, claims) => signRs256(header, claims).slice(0, -4))],
  ['SHA-1', token((header, claims) => {
    const input = inputOf(header, claims)
    return `${input}.${sign('sha1', Buffer.from(input), privateKey).toString('base64url')}`
  })]
]))

t.test('R20 a key that a token brings or names verifies nothing, and nothing is fetched', async t => {
  const evil = { ...foreign.publicKey.export({ format: 'jwk' }), kid: 'k1' }
  rogue.handlers['/evil'] = (_request, response) => { response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [evil] })) }
  const evilUrl = `${rogue.issuer}/evil`
  const signed = (more: Json) => token((header, claims) => signRs256({ ...header, ...more }, claims, foreign.privateKey))
  await assertEach(t, 'invalid_id_token', [
    ['jku', signed({ jku: evilUrl })],
    ['x5u', signed({ x5u: evilUrl })],
    ['jwk', signed({ jwk: evil })],
    ['x5c', signed({ x5c: [foreign.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] })],
    ['jwk beside the right signature', header({ jwk: evil })],
    ['kid as an address', signed({ kid: evilUrl })],
    ['kid as a path', signed({ kid: '../../../../dev/null' })],
    ['kid as a query', signed({ kid: "' UNION SELECT 'key" })],
    ['kid is a number', header({ kid: 1 })],
    ['kid is null', header({ kid: null })],
    ['kid is an object', header({ kid: { k1: 1 } })],
    ['kid is a list', header({ kid: ['k1'] })]
  ])
  const certificate = foreign.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  await assertEach(t, 'ok', [
    ['jku beside the right signature', header({ jku: evilUrl })],
    ['x5u beside the right signature', header({ x5u: evilUrl })],
    ['x5c beside the right signature', header({ x5c: [certificate], 'x5t#S256': 'AAAA', x5t: 'AAAA' })]
  ])
  t.notOk(rogue.requests.includes('/evil'))
})

t.test('R13 a crit header is refused in any form', t => assertEach(t, 'invalid_id_token', [
  ...[[], ['b64'], ['exp'], ['unknown'], [''], null, '', 0, false, {}].map((crit): Case => [JSON.stringify(crit), header({ crit, b64: true, unknown: 1 })])
]))

t.test('R32 other kinds of token are no id_token', t => assertEach(t, 'invalid_id_token', [
  ...['at+jwt', 'logout+jwt', 'application/at+jwt', 'dpop+jwt', 'JOSE+JSON', '', 7, null, ['JWT']].map((typ): Case => [JSON.stringify(typ), header({ typ })])
]))

t.test('R13 what is no compact JWS is refused', t => assertEach(t, 'invalid_id_token', [
  ['a text', token(() => 'hello')],
  ['nothing', token(() => '')],
  ['dots', token(() => '..')],
  ['four parts', token((header, claims) => `${signRs256(header, claims)}.x`)],
  ['five parts', token((header, claims) => `${signRs256(header, claims)}.x.y`)],
  ['white space', token((header, claims) => ` ${signRs256(header, claims)}\n`)],
  ['padding', token((header, claims) => `${signRs256(header, claims)}==`)],
  ['the other alphabet', token((header, claims) => signRs256({ ...header, x: '???>>>' }, claims).replace(/_/g, '/').replace(/-/g, '+'))],
  ['a JSON serialization', token((header, claims) => {
    const [head, payload, signature] = signRs256(header, claims).split('.')
    return JSON.stringify({ protected: head, payload, signature })
  })],
  ['a header that is no JSON', token((_header, claims) => signRs256('alg: RS256' as never, claims))],
  ['a header that is a list', token((_header, claims) => signRs256(['RS256'] as never, claims))],
  ['a payload that is no JSON', token(header => signRs256(header, 'hello'))],
  ['a payload that is a list', token((header, claims) => signRs256(header, JSON.stringify([claims])))],
  ['a payload that is null', token(header => signRs256(header, 'null'))],
  ['a payload that is cut', token((header, claims) => signRs256(header, JSON.stringify(claims).slice(0, -1)))],
  ['a payload that is not UTF-8', token((header, claims) => {
    const payload = Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from(`",${JSON.stringify(claims).slice(1)}`)])
    const input = `${base64url(header)}.${payload.toString('base64url')}`
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  })]
]))

const inserted = (member: string) => token((header, claims) => signRs256(header, `{${member},${JSON.stringify(claims).slice(1)}`))

t.test('R13 a member that is named twice is refused, wherever it is and however it is spelled', t => assertEach(t, 'invalid_id_token', [
  ['sub', inserted('"sub":"1"')],
  ['email', inserted('"email":"mallory@example.com"')],
  ['email_verified', inserted('"email_verified":false')],
  ['the same value', inserted('"sub":"7"')],
  ['escaped', inserted('"s\\u0075b":"1"')],
  ['in a nested object', inserted('"x":{"a":1,"b":[{"c":1,"c":2}]}')],
  ['in the header', token((header, claims) => signRs256(`{"alg":"none",${JSON.stringify(header).slice(1)}` as never, claims))]
]))

t.test('a name that is used in two objects is not named twice', t => assertEach(t, 'ok', [
  ['in a nested object', inserted('"x":{"sub":"1","y":{"sub":"2"},"z":[{"sub":1},{"sub":2}]}')],
  ['in a text', inserted('"x":"{\\"sub\\":1,\\"sub\\":2}"')]
]))

t.test('R13 the issuer is the configured one, byte for byte', t => assertEach(t, 'invalid_id_token', [
  ...[undefined, null, '', 'https://evil.test', `${rogue.issuer}/`, ` ${rogue.issuer}`, rogue.issuer.toUpperCase(), [rogue.issuer], { 0: rogue.issuer },
    rogue.issuer.replace('127.0.0.1', 'localhost'), `${rogue.issuer}.evil.test`].map((iss): Case => [JSON.stringify(iss) ?? 'none', claims({ iss })])
]))

t.test('R13 the audience is this client, and others only where azp names it', async t => {
  await assertEach(t, 'invalid_id_token', [
    ...[undefined, null, '', 'other', 'ROGUE-CLIENT', 'rogue-client ', [], ['other'], ['rogue-client', 'other'], ['other', 'rogue-client'], [['rogue-client']],
      ['rogue-client', 7], ['rogue-client', null], ['rogue-client', ''],
      { 0: 'rogue-client' }, 7, true].map((aud): Case => [`aud ${JSON.stringify(aud)}`, claims({ aud })]),
    ['several with another azp', claims({ aud: ['rogue-client', 'other'], azp: 'other' })],
    ['another with our azp', claims({ aud: 'other', azp: 'rogue-client' })],
    ['what is no audience beside us, with azp', claims({ aud: ['rogue-client', { other: 1 }], azp: 'rogue-client' })],
    ...['other', ['rogue-client'], 7, false].map((azp): Case => [`azp ${JSON.stringify(azp)}`, claims({ azp })])
  ])
  await assertEach(t, 'ok', [
    ['a list of one', claims({ aud: ['rogue-client'] })],
    ...['rogue-client', null, ''].map((azp): Case => [`azp ${JSON.stringify(azp)}`, claims({ azp })]),
    ['several with azp', claims({ aud: ['other', 'rogue-client'], azp: 'rogue-client' })]
  ])
})

t.test('L13 R13 the nonce is the one of this flow', async t => {
  await assertEach(t, 'invalid_id_token', [undefined, null, '', 'another', 7, []].map((nonce): Case => [JSON.stringify(nonce) ?? 'none', claims({ nonce })]))
  const other = rogue.consent(String((await browser.visit('/auth/rogue')).headers['location']))
  t.equal(await outcome(scene, { query: { code: String(other['code']) } }), 'invalid_id_token', 'a nonce of another flow of this browser')
})

t.test('R13 an at_hash is the one of this access token', async t => {
  await assertEach(t, 'invalid_id_token', ['AAAAAAAAAAAAAAAAAAAAAA', 7, []].map((hash): Case => [JSON.stringify(hash), claims({ at_hash: hash })]))
  await assertEach(t, 'ok', [undefined, null, ''].map((hash): Case => [`at_hash ${JSON.stringify(hash)}`, claims({ at_hash: hash })]))
  rogue.token = { access_token: 'another-access-token' }
  t.equal(await outcome(scene), 'invalid_id_token')
  rogue.token = {}
})

t.test('R13 times are safe integers that fit', async t => {
  const halfPast = now() + 100.5
  const odd = [undefined, null, '', String(now() + 100), `${new Date().toISOString()}`, halfPast, -1, 1e300, [now() + 100], {}, true]
  await assertEach(t, 'invalid_id_token', [
    ...odd.map((exp): Case => [`exp ${JSON.stringify(exp)}`, claims({ exp })]),
    ...[...odd.filter(value => value !== halfPast), -0.5, -1.5, Number.MAX_SAFE_INTEGER + 1].map((iat): Case =>
      [`iat ${JSON.stringify(iat)}`, claims({ iat })]),
    ...odd.slice(2).map((nbf): Case => [`nbf ${JSON.stringify(nbf)}`, claims({ nbf })]),
    ['expired', claims({ iat: now() - 60, exp: now() - 1 })],
    ['ends this very second', claims({ iat: now() - 60, exp: now() })],
    ['lives longer than a day', claims({ iat: now(), exp: now() + 86_402 })],
    ['exp in milliseconds', claims({ exp: Date.now() + 300_000 })],
    ['from the future', claims({ iat: now() + 70, exp: now() + 400 })],
    ['from the future, by a fraction', claims({ iat: now() + 70.5, exp: now() + 400 })],
    ['issued too long ago, by a fraction', claims({ iat: now() - 610.5, exp: now() + 300 })],
    ['issued too long ago', claims({ iat: now() - 610, exp: now() + 300 })],
    ['not valid yet', claims({ nbf: now() + 70 })]
  ])
  await assertEach(t, 'ok', [
    ['from a clock that is a little ahead', claims({ iat: now() + 50, nbf: now() + 50, exp: now() + 300 })],
    ['nbf null', claims({ nbf: null })],
    ['a fraction in iat', claims({ iat: now() - 0.877, exp: now() + 300 })],
    ['a fraction in iat, a little ahead', claims({ iat: now() + 30.5, exp: now() + 300 })],
    ['nine minutes old', claims({ iat: now() - 540, nbf: now() - 540, exp: now() + 300 })],
    ['lives a day', claims({ iat: now(), exp: now() + 86_400 })]
  ])
})

t.test('R13 the subject is printable ASCII and fits a token', async t => {
  await assertEach(t, 'invalid_id_token', [undefined, null, '', 7, true, ['7'], {}, 'é', 'a\u0000', 'a\nb', 'a\u007f', '\u202e7', 'x'.repeat(250)]
    .map((sub): Case => [JSON.stringify(sub) ?? 'none', claims({ sub })]))
  await assertEach(t, 'ok', ['x'.repeat(249), 'a b', '|', '~', '__proto__'].map((sub): Case => [sub, claims({ sub })]))
})

t.test('an id_token that is right in every way gets in, with or without what is optional', t => assertEach(t, 'ok', [
  ['as it is', () => {}],
  ['no kid where there is one key', header({ kid: undefined })],
  ['no typ', header({ typ: undefined })],
  ['three hundred groups', claims({ groups: Array.from({ length: 300 }, () => randomUUID()) })],
  ['typ in lower case', header({ typ: 'jwt' })],
  ['unknown claims and header members', rogue => {
    rogue.claims = { auth_time: now(), acr: '1', unknown: { a: [1] } }
    rogue.header = { unknown: 1 }
  }]
]))

t.test('R12 a token answer without a usable id_token is refused', async t => {
  for (const idToken of [undefined, null, '', 7, {}, ['a.b.c']]) {
    rogue.token = { id_token: idToken }
    t.equal(await outcome(scene), 'invalid_id_token', JSON.stringify(idToken))
  }
  rogue.token = {}
})

t.test('R74 a refused id_token says nothing of why', async t => {
  rogue.claims = { iss: 'https://evil.test' }
  const { body } = await login(scene)
  rogue.claims = {}
  t.notMatch(body, /iss\b|evil|jose|JWS/)
  t.match(scene.log(), 'iss is another issuer')
})
