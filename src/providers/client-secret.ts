import { randomUUID, sign } from 'node:crypto'

const lifeSeconds = 5 * 60

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

/** A client secret that is a short-lived ES256 JWT, for one token call (RFC 7523 in the shape that Apple gave it). */
export function mintedSecret ({ key, keyId, team, clientId, audience, now }: SecretClaims): string {
  const header = { alg: 'ES256', kid: keyId, typ: 'JWT' }
  const claims = { iss: team, sub: clientId, aud: audience, iat: now, exp: now + lifeSeconds, jti: randomUUID() }
  const input = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
