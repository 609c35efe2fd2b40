import { generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { signatureHolds } from '../../src/jws/compact.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keys = {
  RS256: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: generateKeyPairSync('ed25519')
}
const hashes: Record<string, string | null> = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', EdDSA: null }
const input = 'header.payload'

t.test('R13 R33 a signature holds by the algorithm that made it, and by no other that a header may name', async t => {
  for (const [made, { privateKey, publicKey }] of Object.entries(keys)) {
    const signature = sign(hashes[made], Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    for (const alg of ['RS256', 'RS384', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'none', '', 'toString', '__proto__']) {
      t.equal(signatureHolds(alg, publicKey, input, signature), alg === made, `${made} by ${alg}`)
    }
    t.notOk(signatureHolds(made, publicKey, `${input}.`, signature), 'over anything else')
  }
})
