import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { AuthError } from '../../errors.ts'
import type { Clock } from '../../clock.ts'
import type { Json } from '../http/api.ts'
import { keyFits, type JoseHeader } from '../../jws/compact.ts'
import { isJson } from '../http/outbound.ts'
import { presentMembers } from '../present.ts'

/** A key as its provider published it (RFC 7517 section 4). */
interface PublishedKey {
  kid?: unknown
  alg?: unknown
  key: KeyObject
}

const freshMs = 10 * 60_000
const forcedEveryMs = 30_000
const lastGoodMs = 24 * 60 * 60_000
/** As many as a signature is held against. */
const mostMatching = 20

/**
 * The public keys of an OpenID provider. Kept 10 minutes; an unknown kid asks again, at most once in 30 s;
 * while the provider fails to answer, the last good set serves for 24 hours.
 */
export class ProviderKeys {
  readonly #fetch: () => Promise<Record<string, unknown>>
  readonly #clock: Clock
  readonly #onUnusable: (count: number) => void
  #set: { keys: PublishedKey[], at: number } | undefined
  #fetching: Promise<PublishedKey[]> | undefined
  #forcedAt = -Infinity

  constructor (fetch: () => Promise<Record<string, unknown>>, clock: Clock, onUnusable: (count: number) => void) {
    this.#fetch = fetch
    this.#clock = clock
    this.#onUnusable = onUnusable
  }

  /** Every key that may have made the signature. @throws AuthError */
  async find (header: JoseHeader): Promise<KeyObject[]> {
    const age = this.#set ? this.#clock() - this.#set.at : Infinity
    const keys = matching(this.#set && age < freshMs ? this.#set.keys : await this.#refresh(), header)
    if (keys.length > 0 || this.#clock() - this.#forcedAt < forcedEveryMs) return keys
    if (age >= freshMs) return keys // fetched this very moment
    this.#forcedAt = this.#clock()
    return matching(await this.#refresh(), header)
  }

  #refresh (): Promise<PublishedKey[]> {
    this.#fetching ??= this.#load().finally(() => { this.#fetching = undefined })
    return this.#fetching
  }

  async #load (): Promise<PublishedKey[]> {
    try {
      const { keys: published } = await this.#fetch()
      if (!Array.isArray(published)) throw new AuthError('provider_error', { cause: new Error('the key set has no keys') })
      const keys = published.filter(isJson).map(presentMembers).filter(isUsable).flatMap(imported)
      if (keys.length < published.length) this.#onUnusable(published.length - keys.length)
      this.#set = { keys, at: this.#clock() }
      return keys
    } catch (error) {
      if (this.#set && this.#clock() - this.#set.at < lastGoodMs) return this.#set.keys
      throw error
    }
  }
}

/** Members of RFC 7518 section 6 that no published key may have. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Public signature keys of decent size; symmetric keys and private members have no place in a published set. */
function isUsable (key: Json): boolean {
  const { kty, use, n, e, key_ops: operations } = key
  if (privateMembers.some(name => name in key) || !['RSA', 'EC', 'OKP'].includes(String(kty))) return false
  if (use !== undefined && use !== 'sig') return false
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false
  return kty !== 'RSA' || isStrongRsa(n, e)
}

/**
 * With an exponent of 1 everybody can sign; an even one or an even modulus is no RSA. Exponents above 2^64 and moduli
 * above 8,192 bits are of no use but to keep a verifier busy.
 */
function isStrongRsa (n: unknown, e: unknown): boolean {
  const [modulus, exponent] = [integerOf(n), integerOf(e)]
  const bits = modulus.toString(2).length
  return bits >= 2048 && bits <= 8192 && modulus % 2n === 1n && exponent >= 3n && exponent < 2n ** 64n && exponent % 2n === 1n
}

/** Base64url of big-endian bytes (RFC 7518 section 6.3.1); 0 for anything else. */
const integerOf = (text: unknown): bigint =>
  typeof text === 'string' && /^[\w-]{1,2048}$/.test(text) ? BigInt(`0x0${Buffer.from(text, 'base64url').toString('hex')}`) : 0n

function imported (jwk: Json): PublishedKey[] {
  try {
    return [{ kid: jwk['kid'], alg: jwk['alg'], key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }) }]
  } catch {
    return [] // a point that is on no curve, or a curve that is not known
  }
}

function matching (keys: PublishedKey[], { alg, kid }: JoseHeader): KeyObject[] {
  const fitting = keys.filter(one => keyFits(alg, one.key) && (one.alg === undefined || one.alg === alg) && (kid === undefined || one.kid === kid))
  return fitting.slice(0, mostMatching).map(({ key }) => key)
}
