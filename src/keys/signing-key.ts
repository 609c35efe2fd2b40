import { createHash, createPrivateKey, createPublicKey, generateKeyPair, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

export type SigningAlg = 'RS256' | 'ES256' | 'EdDSA'

/** A public key as verifiers see it (RFC 7517): with kid, use and alg, and never a private member. */
export interface PublicJwk {
  kty: string
  kid: string
  use: 'sig'
  alg: SigningAlg
  n?: string
  e?: string
  crv?: string
  x?: string
  y?: string
}

/** A signing key, with its public half. */
export interface SigningKey {
  kid: string
  alg: SigningAlg
  jwk: PublicJwk
  publicPem: string
  /** JWS compact signature over `header.payload` (RFC 7515 section 7.1). */
  signature (input: string): Promise<string>
}

const generate = promisify(generateKeyPair)
const signOnPool = promisify(sign)

/** A new private key, PKCS #8. */
export async function makePrivatePem (alg: SigningAlg): Promise<string> {
  const { privateKey } = alg === 'RS256'
    ? await generate('rsa', { modulusLength: 2048 })
    : alg === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('ed25519', {})
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** @throws TypeError for a key that is too weak for the algorithm, or of another kind */
export function signingKey (privatePem: string, alg: SigningAlg): SigningKey {
  const privateKey = createPrivateKey(privatePem)
  const publicKey = createPublicKey(privateKey)
  assertFits(publicKey, alg)
  const publicHalf = publicKey.export({ format: 'jwk' })
  const kid = thumbprint(publicHalf)
  return {
    kid,
    alg,
    jwk: { ...publicHalf, kid, use: 'sig', alg } as PublicJwk,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    signature: signer(privateKey, alg)
  }
}

function assertFits (key: KeyObject, alg: SigningAlg): void {
  const { modulusLength = 0, namedCurve } = { ...key.asymmetricKeyDetails }
  const fits = alg === 'RS256'
    ? key.asymmetricKeyType === 'rsa' && modulusLength >= 2048
    : alg === 'ES256'
      ? key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1'
      : key.asymmetricKeyType === 'ed25519'
  if (!fits) throw new TypeError(`the key does not fit ${alg}`)
}

/** RFC 7638: SHA-256 over the required members in lexicographic order. */
function thumbprint ({ kty, crv, e, n, x, y }: JsonWebKey): string {
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

function signer (privateKey: KeyObject, alg: SigningAlg): (input: string) => Promise<string> {
  // An RSA signature takes a quarter of a millisecond: on the thread pool it delays no other request.
  if (alg === 'RS256') return async input => (await signOnPool('sha256', Buffer.from(input), privateKey)).toString('base64url')
  const digest = alg === 'ES256' ? 'sha256' : null
  const key = alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey
  return async input => sign(digest, Buffer.from(input), key).toString('base64url')
}
