import { constants, createPrivateKey, randomUUID, sign, type KeyObject } from 'node:crypto'

const lifeSeconds = 5 * 60

export interface AssertionClaims {
  /** PEM of the private key that signs */
  key: string
  /** `kid`, where the provider knows the key by one */
  keyId?: string
  issuer: string
  subject: string
  /** The provider's issuer, and nothing else: an assertion for two could be used by one at the other. */
  audience: string
  /** epoch seconds */
  now: number
  /** The signature algorithms that the provider accepts; absent: it does not say. */
  algs?: string[]
}

/** A short-lived signed JWT that says who the client is, for one token call (RFC 7523 section 3). */
export function clientAssertion (given: AssertionClaims): string {
  const { issuer: iss, subject: sub, audience: aud, keyId, now: iat } = given
  const key = createPrivateKey(given.key)
  const alg = algOf(key, given.algs)
  const header = { alg, ...(keyId !== undefined && { kid: keyId }), typ: 'JWT' }
  const claims = { iss, sub, aud, iat, exp: iat + lifeSeconds, jti: randomUUID() }
  const input = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${signature(alg, input, key).toString('base64url')}`
}

/** By the kind of key; RSA signs by PS256 where the provider does not accept RS256. */
function algOf ({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject, accepted?: string[]): string {
  if (type === 'ed25519') return 'EdDSA'
  if (type === 'rsa') return !accepted || accepted.includes('RS256') || !accepted.includes('PS256') ? 'RS256' : 'PS256'
  if (asymmetricKeyDetails?.namedCurve === 'secp384r1') return 'ES384'
  return asymmetricKeyDetails?.namedCurve === 'secp521r1' ? 'ES512' : 'ES256'
}

function signature (alg: string, input: string, key: KeyObject): Buffer {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  const how = { key, dsaEncoding: 'ieee-p1363' as const, ...(alg === 'PS256' && pss) }
  return sign(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, Buffer.from(input), how)
}

export interface SecretClaims {
  /** PEM of a P-256 private key */
  key: string
  keyId: string
  team: string
  clientId: string
  audience: string
  /** epoch seconds */
  now: number
}

/** A client secret in the shape that Apple gave to such an assertion: the team issues it. */
export const mintedSecret = ({ team, clientId, ...claims }: SecretClaims): string =>
  clientAssertion({ ...claims, issuer: team, subject: clientId })
