import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { login, outcome, rogueScene, type RogueScene } from '../../helpers/rogue-login.ts'
import { base64url, signRs256, type Json } from '../../helpers/rogue-provider.ts'

const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
const publicJwk = (key: KeyObject, more: Json = {}) => ({ ...key.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', ...more })

const fetches = ({ rogue }: RogueScene) => rogue.requests.filter(path => path === '/jwks').length

/** A login at a provider with this key set, whose id_token this key signs. */
async function signedBy (t: Test, jwks: unknown[], key: KeyObject, header: Json = {}) {
  const scene = await rogueScene(t)
  scene.rogue.jwks = jwks
  scene.rogue.header = header
  scene.rogue.makeIdToken = (header, claims) => signRs256(header, claims, key)
  return { scene, code: await outcome(scene) }
}

t.test('R19 a key that is weak, private, symmetric or for something else is ignored, and the log says so', async t => {
  const { privateKey, publicKey } = other
  const { e, n } = publicKey.export({ format: 'jwk' })
  const scene = await rogueScene(t)
  const signWith = (kid: string, key: KeyObject) =>
    Object.assign(scene.rogue, { header: { kid }, makeIdToken: (header: Json, claims: Json) => signRs256(header, claims, key) })
  for (const [what, jwk, key] of [
    ['RSA with 1,024 bits', publicJwk(small.publicKey, { kid: 'k1' }), small.privateKey],
    ['RSA with 1,024 bits behind zeros', publicJwk(small.publicKey, {
      kid: 'k1', n: Buffer.concat([Buffer.alloc(200), Buffer.from(String(small.publicKey.export({ format: 'jwk' }).n), 'base64url')]).toString('base64url')
    }), small.privateKey],
    ['a modulus of zeros', publicJwk(publicKey, { kid: 'k1', n: 'AAAA' }), privateKey],
    ['no modulus', { kty: 'RSA', kid: 'k1', e }, privateKey],
    ['a modulus over 8,192 bits', publicJwk(publicKey, { kid: 'k1', n: Buffer.alloc(1100, 255).toString('base64url') }), privateKey],
    ['an even modulus', publicJwk(publicKey, { kid: 'k1', n: Buffer.from(String(n), 'base64url').fill(2, 255).toString('base64url') }), privateKey],
    ...['AQ', 'AAAB', 'AA', 'Ag', 'AQAA', 'Af________________w', ''].map(e =>
      [`an exponent of ${e}`, publicJwk(publicKey, { kid: 'k1', e }), privateKey] as const),
    ['an exponent that is a number', publicJwk(publicKey, { kid: 'k1', e: 65537 }), privateKey],
    ['key_ops of another type', publicJwk(publicKey, { kid: 'k1', key_ops: 'verify' }), privateKey],
    ...['p', 'dp', 'qi', 'oth'].map(name => [`a private member ${name}`, publicJwk(publicKey, { kid: 'k1', [name]: 'AQAB' }), privateKey] as const),
    ['use enc', publicJwk(publicKey, { kid: 'k1', use: 'enc' }), privateKey],
    ['key_ops encrypt', publicJwk(publicKey, { kid: 'k1', use: undefined, key_ops: ['encrypt'] }), privateKey],
    ['its private half published', publicJwk(privateKey, { kid: 'k1' }), privateKey],
    ['a point on no curve', { kty: 'EC', crv: 'P-256', kid: 'k1', x: 'A'.repeat(43), y: 'A'.repeat(43) }, privateKey],
    ['a curve that is none', { kty: 'EC', crv: 'P-257', kid: 'k1', x: 'A'.repeat(43), y: 'A'.repeat(43) }, privateKey],
    ['symmetric', { kty: 'oct', kid: 'k1', k: base64url('rogue-secret') }, privateKey],
    ['no kty', { kid: 'k1', e, n }, privateKey],
    ['not an object', 'k1', privateKey],
    ['null', null, privateKey]
  ] as const) {
    const from = scene.log().length
    scene.travel(11 * 60)
    scene.rogue.jwks = [jwk, publicJwk(publicKey, { kid: 'k2' })]
    signWith('k1', key)
    t.equal(await outcome(scene), 'invalid_id_token', what)
    t.match(scene.log().slice(from), 'unusable key', what)
    signWith('k2', privateKey)
    t.equal(await outcome(scene), 'ok', `a good key beside: ${what}`)
  }
})

t.test('R19 a key with the exponent 1, for which everybody can sign, verifies nothing', async t => {
  const scene = await rogueScene(t)
  scene.rogue.jwks = [publicJwk(other.publicKey, { kid: 'k1', e: 'AQ' }), publicJwk(other.publicKey, { kid: 'k2' })]
  const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex') // RFC 8017 section 9.2, note 1
  scene.rogue.makeIdToken = (header, claims) => {
    const input = `${base64url(header)}.${base64url(claims)}`
    const digest = Buffer.concat([prefix, createHash('sha256').update(input).digest()])
    const padded = Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - digest.length, 255), Buffer.from([0]), digest])
    return `${input}.${padded.toString('base64url')}`
  }
  t.equal(await outcome(scene), 'invalid_id_token')
})

t.test('R19 members of a key that are null are not there', async t => {
  const jwk = publicJwk(other.publicKey, { kid: 'k1', use: null, alg: null, key_ops: null, d: null, x5c: null })
  t.equal((await signedBy(t, [jwk], other.privateKey)).code, 'ok')
})

t.test('R19 a key that names another algorithm verifies nothing', async t => {
  t.equal((await signedBy(t, [publicJwk(other.publicKey, { kid: 'k1', alg: 'RS512' })], other.privateKey)).code, 'invalid_id_token')
})

t.test('R13 without a kid, each key of the set may have signed, and no other', async t => {
  const jwks = [publicJwk(small.publicKey), publicJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, { kid: 'a' }),
    publicJwk(other.publicKey, { kid: 'b', use: undefined, alg: undefined, key_ops: ['verify'] })]
  t.equal((await signedBy(t, jwks, other.privateKey, { kid: undefined })).code, 'ok')
  const { scene, code } = await signedBy(t, jwks, small.privateKey, { kid: undefined })
  t.equal(code, 'invalid_id_token')
  scene.rogue.makeIdToken = (header, claims) => signRs256(header, claims)
  t.equal(await outcome(scene), 'invalid_id_token')
})

t.test('R19 a key that is broken is refused, and does not spoil the others', async t => {
  const broken = publicJwk(other.publicKey, { kid: 'k1', e: undefined })
  t.equal((await signedBy(t, [broken], other.privateKey)).code, 'invalid_id_token')
  t.equal((await signedBy(t, [broken, publicJwk(other.publicKey, { kid: 'k2' })], other.privateKey, { kid: 'k2' })).code, 'ok')
  t.equal((await signedBy(t, [broken, publicJwk(other.publicKey, { kid: 'k2' })], other.privateKey, { kid: undefined })).code, 'ok')
})

t.test('R19 two keys of one kid are both tried', async t => {
  const jwks = [publicJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, { kid: 'k1' }), publicJwk(other.publicKey, { kid: 'k1' })]
  t.equal((await signedBy(t, jwks, other.privateKey)).code, 'ok')
})

const kinds: Array<[alg: string, pair: { publicKey: KeyObject, privateKey: KeyObject }, hash: string, digest: string | null, more: object]> = [
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256', 'sha256', { dsaEncoding: 'ieee-p1363' }],
  ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384', 'sha384', { dsaEncoding: 'ieee-p1363' }],
  ['EdDSA', generateKeyPairSync('ed25519'), 'sha512', null, {}],
  ['PS256', other, 'sha256', 'sha256', { padding: 6, saltLength: 32 }],
  ['RS512', other, 'sha512', 'sha512', {}]
]
for (const [alg, { publicKey, privateKey }, hash, digest, more] of kinds) {
  t.test(`R13 a provider without RS256 may sign with ${alg}, and then with nothing else`, async t => {
    const scene = await rogueScene(t)
    const { rogue } = scene
    rogue.metadata = { id_token_signing_alg_values_supported: ['HS256', 'none', alg] }
    rogue.jwks = [publicJwk(publicKey, { kid: 'k1', alg }), publicJwk(rogue.publicKey, { kid: 'k2' })]
    rogue.makeIdToken = (header, claims) => {
      const accessHash = createHash(hash).update('provider-access-token').digest()
      const input = `${base64url({ ...header, alg })}.${base64url({ ...claims, at_hash: accessHash.subarray(0, accessHash.length / 2).toString('base64url') })}`
      return `${input}.${sign(digest, Buffer.from(input), { key: privateKey, ...more }).toString('base64url')}`
    }
    t.equal(await outcome(scene), 'ok')
    rogue.makeIdToken = (header, claims) => signRs256({ ...header, kid: 'k2' }, claims)
    t.equal(await outcome(scene), 'invalid_id_token')
  })
}

t.test('R13 an ES256 signature on another curve or in another encoding is refused', async t => {
  const scene = await rogueScene(t)
  scene.rogue.metadata = { id_token_signing_alg_values_supported: ['ES256'] }
  const good = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  scene.rogue.jwks = [publicJwk(good.publicKey, { kid: 'good', alg: 'ES256' }), publicJwk(curve.publicKey, { kid: 'curve', alg: 'ES256' })]
  const signer = (key: KeyObject, kid: string, dsaEncoding: 'ieee-p1363' | 'der') => {
    scene.rogue.makeIdToken = (_header, claims) => {
      const input = `${base64url({ alg: 'ES256', kid })}.${base64url(claims)}`
      return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding }).toString('base64url')}`
    }
  }
  signer(good.privateKey, 'good', 'ieee-p1363')
  t.equal(await outcome(scene), 'ok')
  signer(good.privateKey, 'good', 'der')
  t.equal(await outcome(scene), 'invalid_id_token')
  signer(curve.privateKey, 'curve', 'ieee-p1363')
  t.equal(await outcome(scene), 'invalid_id_token')
})

/** The provider signs with a new key from now on. */
function rotate ({ rogue }: RogueScene, kid = 'k2', { publicKey, privateKey } = other) {
  rogue.jwks = [publicJwk(publicKey, { kid })]
  rogue.header = { kid }
  rogue.makeIdToken = (header, claims) => signRs256(header, claims, privateKey)
}

t.test('L12 a login goes on when the provider has just rotated its key', async t => {
  const scene = await rogueScene(t)
  t.equal(await outcome(scene), 'ok')
  rotate(scene)
  t.equal(await outcome(scene), 'ok')
  t.equal(fetches(scene), 2)
  t.equal(await outcome(scene), 'ok')
  t.equal(fetches(scene), 2, 'the new set is kept')
})

t.test('R19 keys are kept for ten minutes', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  scene.travel(9 * 60)
  t.equal(await outcome(scene), 'ok')
  t.equal(fetches(scene), 1)
  scene.travel(2 * 60)
  t.equal(await outcome(scene), 'ok')
  t.equal(fetches(scene), 2)
})

t.test('R19 a key that the provider has taken back is gone after ten minutes', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  scene.rogue.jwks = [publicJwk(other.publicKey, { kid: 'k2' })]
  scene.travel(11 * 60)
  t.equal(await outcome(scene), 'invalid_id_token')
})

t.test('R19 unknown kids make us ask again at most once in 30 s', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  for (let count = 0; count < 20; count++) {
    scene.rogue.header = { kid: `unknown-${count}` }
    t.equal(await outcome(scene), 'invalid_id_token')
  }
  t.equal(fetches(scene), 2)
  scene.rogue.header = {}
  t.equal(await outcome(scene), 'ok')
  scene.travel(31)
  rotate(scene)
  t.equal(await outcome(scene), 'ok', 'a real rotation 30 s later')
  t.equal(fetches(scene), 3)
})

t.test('R19 logins at the same moment share one fetch', async t => {
  const scene = await rogueScene(t)
  const all = await Promise.all(Array.from({ length: 10 }, () => outcome(scene)))
  t.same(new Set(all), new Set(['ok']))
  t.equal(fetches(scene), 1)
})

t.test('L11 while the key set is away the last good one serves, for a day', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  for (const failing of [
    (response: ServerResponse) => { response.writeHead(500).end() },
    (response: ServerResponse) => { response.destroy() },
    (response: ServerResponse) => { response.setHeader('content-type', 'application/json').end('{}') },
    (response: ServerResponse) => { response.setHeader('content-type', 'text/html').end('<h1>Sorry</h1>') }
  ]) {
    scene.rogue.handlers['/jwks'] = (_request, response) => failing(response)
    scene.travel(5 * 60 * 60)
    t.equal(await outcome(scene), 'ok')
  }
  scene.travel(5 * 60 * 60)
  t.equal(await outcome(scene), 'provider_error')
  delete scene.rogue.handlers['/jwks']
  scene.travel(60)
  t.equal(await outcome(scene), 'ok', 'and it comes back by itself')
})

t.test('L05 a key set that is none is the provider\'s error', async t => {
  const right = JSON.stringify({ keys: [] })
  const scene = await rogueScene(t)
  for (const [what, body, type = 'application/json', status = 200] of [
    ['HTML', '<!doctype html><h1>Sorry</h1>', 'text/html'],
    ['JSON that says it is HTML', right, 'text/html'],
    ['JSON that says nothing', right, ''],
    ['empty', ''],
    ['cut', right.slice(0, -1)],
    ['no object', '[]'],
    ['no keys', '{}'],
    ['keys that are no list', '{"keys":{}}'],
    ['a member named twice', '{"keys":[],"keys":[]}'],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['over 256 KiB', JSON.stringify({ keys: [], filler: 'x'.repeat(256 * 1024) })],
    ['not found', right, 'application/json', 404],
    ['a redirect', right, 'application/json', 302]
  ] as Array<[string, string | Buffer, string?, number?]>) {
    scene.rogue.handlers['/jwks'] = (_request, response) => {
      response.writeHead(status, { ...(type && { 'content-type': type }), ...(status === 302 && { location: '/elsewhere' }) }).end(body)
    }
    t.equal(await outcome(scene), 'provider_error', what)
    t.notOk(scene.rogue.requests.includes('/elsewhere'))
  }
})

t.test('a key set may be application/jwk-set+json', async t => {
  const scene = await rogueScene(t)
  scene.rogue.handlers['/jwks'] = (_request, response) => {
    response.setHeader('content-type', 'application/jwk-set+json; charset=utf-8')
    response.end(JSON.stringify({ keys: [publicJwk(scene.rogue.publicKey, { kid: 'k1' })] }))
  }
  t.equal(await outcome(scene), 'ok')
})

t.test('R19 a token without kid is held against twenty keys at most', async t => {
  const scene = await rogueScene(t)
  const many = Array.from({ length: 25 }, () => publicJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey))
  scene.rogue.header = { kid: undefined }
  scene.rogue.makeIdToken = (header, claims) => signRs256(header, claims, other.privateKey)
  scene.rogue.jwks = [...many.slice(0, 19), publicJwk(other.publicKey)]
  t.equal(await outcome(scene), 'ok')
  scene.travel(11 * 60)
  scene.rogue.jwks = [...many, publicJwk(other.publicKey)]
  t.equal(await outcome(scene), 'invalid_id_token')
})
