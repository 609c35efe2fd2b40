import type { SigningAlg } from '../config/config.ts'
import { epochSeconds, type Clock, type Store } from '../stores/store.ts'
import { randomId } from './randomness.ts'
import type { SecretBox } from './secret-box.ts'
import { makePrivatePem, signingKey, type PublicJwk, type SigningKey } from './signing-key.ts'

/** A key at rest: its private half is sealed with the secret. `v` tells later versions how to read it. */
interface KeyRecord {
  v: 1
  alg: SigningAlg
  sealedPem: string
  createdAt: number
}

/** The keys we sign and verify with. */
export class KeyRing {
  readonly #keys = new Map<string, SigningKey>()
  readonly #current: SigningKey

  private constructor (keys: SigningKey[], current: SigningKey) {
    for (const key of keys) this.#keys.set(key.kid, key)
    this.#current = current
  }

  /**
   * Loads the keys of the store; the first start makes one. Of replicas that start at once, one makes it for all.
   * @throws Error where a key cannot be opened with the secret
   */
  static async open (store: Store, box: SecretBox, alg: SigningAlg, clock: Clock): Promise<KeyRing> {
    let keys = await loadKeys(store, box, alg)
    if (keys.length === 0) {
      const privatePem = await makePrivatePem(alg)
      const { kid } = signingKey(privatePem, alg)
      const record: KeyRecord = { v: 1, alg, sealedPem: box.seal(privatePem, kid), createdAt: epochSeconds(clock) }
      if (await store.claim(`making-key/${alg}`, randomId(8), epochSeconds(clock) + 30)) {
        await store.put(`keys/${alg}/${kid}`, JSON.stringify(record))
      }
      keys = await loadKeys(store, box, alg, 30)
    }
    const [current] = keys
    if (!current) throw new Error('no signing key could be made')
    return new KeyRing(keys, current)
  }

  /** The key that signs now. */
  get current (): SigningKey {
    return this.#current
  }

  find (kid: string): SigningKey | undefined {
    return this.#keys.get(kid)
  }

  get all (): SigningKey[] {
    return [...this.#keys.values()]
  }

  /** What /.well-known/jwks.json shows. */
  get jwks (): { keys: PublicJwk[] } {
    return { keys: this.all.map(key => key.jwk) }
  }
}

/** Newest first; waits up to `patienceSeconds` for another replica that is making the first one. */
async function loadKeys (store: Store, box: SecretBox, alg: SigningAlg, patienceSeconds = 0): Promise<SigningKey[]> {
  for (let tries = 0; ; tries++) {
    const records = await store.list(`keys/${alg}/`)
    if (records.length > 0 || tries >= patienceSeconds * 10) {
      return records
        .map(([key, value]) => [key.slice(key.lastIndexOf('/') + 1), JSON.parse(value) as KeyRecord] as const)
        .sort(([, one], [, other]) => other.createdAt - one.createdAt)
        .map(([kid, record]) => {
          const privatePem = box.open(record.sealedPem, kid)
          if (!privatePem) throw new Error(`signing key ${kid} was sealed with another SECRET: add that secret to the list`)
          return signingKey(privatePem, record.alg)
        })
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
