import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose'
import t from 'tap'
import { makePrivatePem, signingKey } from '../../src/keys/signing-key.ts'

const algs = ['RS256', 'ES256', 'EdDSA'] as const
const pemOf = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const kinds = {
  'RSA 1024': pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 })),
  'RSA 2047': pemOf(generateKeyPairSync('rsa', { modulusLength: 2047 })),
  'RSA-PSS': pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })),
  'P-256': pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  'P-384': pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  secp256k1: pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
  Ed25519: pemOf(generateKeyPairSync('ed25519')),
  Ed448: pemOf(generateKeyPairSync('ed448')),
  X25519: pemOf(generateKeyPairSync('x25519'))
}
const fitting = { RS256: 'RSA 2048', ES256: 'P-256', EdDSA: 'Ed25519' }

for (const alg of algs) {
  t.test(`R41 a key that is weak or of another kind does not sign as ${alg}`, async t => {
    for (const [kind, pem] of Object.entries(kinds)) {
      if (kind === fitting[alg]) t.doesNotThrow(() => signingKey(pem, alg), kind)
      else t.throws(() => signingKey(pem, alg), { message: `the key does not fit ${alg}` }, kind)
    }
    t.throws(() => signingKey('hello', alg))
  })

  t.test(`a made ${alg} key signs what its public half alone verifies`, async t => {
    const pem = await makePrivatePem(alg)
    const key = signingKey(pem, alg)
    const input = `${Buffer.from(JSON.stringify({ alg, kid: key.kid })).toString('base64url')}.eyJhIjoxfQ`
    const { payload } = await compactVerify(`${input}.${await key.signature(input)}`, await importJWK(key.jwk, alg))
    t.equal(Buffer.from(payload).toString(), '{"a":1}')
    t.equal(key.kid, await calculateJwkThumbprint(key.jwk, 'sha256'))
    t.match(key.jwk, { kid: key.kid, use: 'sig', alg })
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) t.notOk(member in key.jwk, member)
    t.ok(createPublicKey(key.publicPem).equals(createPublicKey(pem)))
  })

  t.test(`two ${alg} keys are never the same`, async t => {
    const [one, other] = await Promise.all([makePrivatePem(alg), makePrivatePem(alg)])
    t.not(signingKey(one, alg).kid, signingKey(other, alg).kid)
  })
}
