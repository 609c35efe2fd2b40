import { createLocalJWKSet, errors, type CompactJWSHeaderParameters, type CryptoKey, type JWK } from 'jose'
import { AuthError } from '../errors.ts'
import type { Clock } from '../stores/store.ts'
import type { Json } from './api.ts'
import { isJson } from './outbound.ts'
import { presentMembers } from './present.ts'

type FindKey = ReturnType<typeof createLocalJWKSet>

const freshMs = 10 * 60_000
const forcedEveryMs = 30_000
const lastGoodMs = 24 * 60 * 60_000

/**
 * The public keys of an OpenID provider. Kept 10 minutes; an unknown kid asks again, at most once in 30 s;
 * while the provider fails to answer, the last good set serves for 24 hours.
 */
export class ProviderKeys {
  readonly #fetch: () => Promise<Record<string, unknown>>
  readonly #clock: Clock
  readonly #onUnusable: (count: number) => void
  #set: { find: FindKey, at: number } | undefined
  #fetching: Promise<FindKey> | undefined
  #forcedAt = -Infinity

  constructor (fetch: () => Promise<Record<string, unknown>>, clock: Clock, onUnusable: (count: number) => void) {
    this.#fetch = fetch
    this.#clock = clock
    this.#onUnusable = onUnusable
  }

  /** Every key that may have made the signature. @throws AuthError */
  async find (header: CompactJWSHeaderParameters): Promise<CryptoKey[]> {
    const age = this.#set ? this.#clock() - this.#set.at : Infinity
    const find = this.#set && age < freshMs ? this.#set.find : await this.#refresh()
    const keys = await matching(find, header)
    if (keys.length > 0 || this.#clock() - this.#forcedAt < forcedEveryMs) return keys
    if (age >= freshMs) return keys // fetched this very moment
    this.#forcedAt = this.#clock()
    return matching(await this.#refresh(), header)
  }

  #refresh (): Promise<FindKey> {
    this.#fetching ??= this.#load().finally(() => { this.#fetching = undefined })
    return this.#fetching
  }

  async #load (): Promise<FindKey> {
    try {
      const { keys } = await this.#fetch()
      if (!Array.isArray(keys)) throw new AuthError('provider_error', { cause: new Error('the key set has no keys') })
      const usable = keys.filter(isJson).map(presentMembers).filter(isUsable)
      if (usable.length < keys.length) this.#onUnusable(keys.length - usable.length)
      const find = createLocalJWKSet({ keys: usable })
      this.#set = { find, at: this.#clock() }
      return find
    } catch (error) {
      if (this.#set && this.#clock() - this.#set.at < lastGoodMs) return this.#set.find
      throw error
    }
  }
}

/** Members of RFC 7518 section 6 that no published key may have. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Public signature keys of decent size; symmetric keys and private members have no place in a published set. */
function isUsable (key: Json): key is Json & JWK {
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

async function matching (find: FindKey, header: CompactJWSHeaderParameters): Promise<CryptoKey[]> {
  try {
    return [await find(header)]
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return []
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw new AuthError('invalid_id_token', { cause: error })
    const keys: CryptoKey[] = []
    for await (const key of error) keys.push(key)
    return keys
  }
}
