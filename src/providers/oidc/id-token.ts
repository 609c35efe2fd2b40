import { createHash, type KeyObject } from 'node:crypto'
import { AuthError } from '../../errors.ts'
import { parseStrictObject } from '../../strict-json.ts'
import type { Claims } from '../descriptor.ts'
import { signatureHolds, type JoseHeader } from '../../jws/compact.ts'
import { presentMembers } from '../present.ts'

export interface IdTokenExpectations {
  /** Of the claims, as one issuer may have a tenant in it. */
  issuer: (claims: Claims) => string
  clientId: string
  /** What may stand beside the client in `aud`. */
  audiences: string[]
  algs: string[]
  nonce: string
  /** The provider is known not to repeat the nonce: absent will do, another one will not. */
  nonceMayLack: boolean
  /** For at_hash (OpenID Connect Core 3.1.3.6). */
  accessToken: string
  /** epoch seconds */
  now: number
  findKeys: (header: JoseHeader) => Promise<KeyObject[]>
}

/** As much as a token answer may have: three hundred groups of a directory take 16 KiB. */
const maxLength = 64 * 1024
const futureSeconds = 60
const maxAgeSeconds = 10 * 60
const maxLifeSeconds = 24 * 60 * 60

/**
 * Verifies an id_token completely, also when TLS brought it straight from the provider (OpenID Connect Core 3.1.3.7).
 * @throws AuthError invalid_id_token; provider failures while its keys are fetched
 */
export async function verifyIdToken (idToken: string, expected: IdTokenExpectations): Promise<Claims> {
  try {
    const header = checkedHeader(idToken, expected.algs)
    const payload = await verifiedPayload(idToken, header, expected)
    const claims = presentMembers(parseStrictObject(payload))
    checkAudience(claims, expected)
    checkTimes(claims, expected.now)
    checkBinding(claims, header, expected)
    return claims
  } catch (error) {
    throw error instanceof AuthError ? error : new AuthError('invalid_id_token', { cause: error })
  }
}

function checkedHeader (idToken: string, algs: string[]): JoseHeader {
  if (idToken.length > maxLength || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(idToken)) throw new Error('not a compact JWS')
  const header = parseStrictObject(Buffer.from(idToken.slice(0, idToken.indexOf('.')), 'base64url'))
  const { alg, typ, kid } = header
  if (typeof alg !== 'string' || !algs.includes(alg)) throw new Error('alg is not the configured one')
  // RFC 7515 section 4.1.11: we understand no extension. Keys come from the provider's set alone (RFC 8725 section 3.10):
  // `jku`, `x5u` and `x5c`, which some providers send, are not looked at; no honest one sends the key itself.
  for (const name of ['crit', 'jwk']) if (name in header) throw new Error(`header carries ${name}`)
  if (typ !== undefined && !(typeof typ === 'string' && typ.toUpperCase() === 'JWT')) throw new Error('typ is not JWT')
  if (kid !== undefined && typeof kid !== 'string') throw new Error('kid is not a string')
  return kid === undefined ? { alg } : { alg, kid }
}

async function verifiedPayload (idToken: string, header: JoseHeader, { findKeys }: IdTokenExpectations): Promise<Buffer> {
  const [protectedHeader = '', payload = '', signature = ''] = idToken.split('.')
  const input = `${protectedHeader}.${payload}`
  // Several keys may be of the kind: kid is optional.
  for (const key of await findKeys(header)) if (signatureHolds(header.alg, key, input, signature)) return Buffer.from(payload, 'base64url')
  throw new Error('no key of the provider made this signature')
}

/** OpenID Connect Core 3.1.3.7, steps 2 to 5. */
function checkAudience (claims: Claims, { issuer, clientId, audiences: known }: IdTokenExpectations): void {
  const { iss, aud, azp } = claims
  if (iss !== issuer(claims)) throw new Error('iss is another issuer')
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.includes(clientId)) throw new Error('aud is another client')
  if (!audiences.every(audience => typeof audience === 'string' && audience !== '')) throw new Error('aud has what is no audience')
  if (azp !== undefined && azp !== clientId) throw new Error('azp is another client')
  const stranger = audiences.find(audience => audience !== clientId && !known.includes(String(audience)))
  // The provider made it for us, however many may read it, where azp says so.
  if (azp !== clientId && stranger !== undefined) throw new Error('aud has others beside this client, and azp does not name it')
}

function checkTimes ({ exp, iat, nbf }: Claims, now: number): void {
  // RFC 7519 section 2 allows fractions, and some providers send one in the time of issue.
  if (!isTime(exp) || typeof iat !== 'number' || !isTime(Math.floor(iat))) throw new Error('exp and iat must be times')
  if (exp <= now) throw new Error('expired')
  if (exp > iat + maxLifeSeconds) throw new Error('lives longer than a day')
  if (iat > now + futureSeconds) throw new Error('issued in the future')
  if (iat < now - maxAgeSeconds) throw new Error('issued too long ago')
  if (nbf !== undefined && !(isTime(nbf) && nbf <= now + futureSeconds)) throw new Error('not valid yet')
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function checkBinding ({ nonce, at_hash: accessTokenHash, sub }: Claims, { alg }: JoseHeader, expected: IdTokenExpectations): void {
  if (nonce !== expected.nonce && !(nonce === undefined && expected.nonceMayLack)) throw new Error('nonce is of another flow')
  if (typeof sub !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(sub)) throw new Error('sub is not printable ASCII')
  if (accessTokenHash === undefined) return
  const hash = alg === 'EdDSA' ? 'sha512' : `sha${alg.slice(2)}`
  const digest = createHash(hash).update(expected.accessToken).digest()
  if (accessTokenHash !== digest.subarray(0, digest.length / 2).toString('base64url')) throw new Error('at_hash is of another access token')
}
