import { epochSeconds, type Clock, type Store } from '../stores/store.ts'

/**
 * Sessions that ended before their access tokens did. Asked on every request, so the answer comes from memory;
 * the store carries it over a restart. Keys are session ids, never a token's text: a signature has many spellings.
 */
export class Revocations {
  readonly #store: Store
  readonly #clock: Clock
  /** session id -> when its last access token is over, in epoch seconds */
  readonly #ended = new Map<string, number>()

  private constructor (store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  static async load (store: Store, clock: Clock): Promise<Revocations> {
    const revocations = new Revocations(store, clock)
    for (const [key, until] of await store.list('revoked/')) revocations.#ended.set(key.slice('revoked/'.length), Number(until))
    return revocations
  }

  /** @throws StoreError: the session is then refused here all the same */
  async revoke (sessionId: string, until: number): Promise<void> {
    this.#forgetOver()
    this.#ended.set(sessionId, until)
    await this.#store.put(`revoked/${sessionId}`, String(until), until)
  }

  has (sessionId: string): boolean {
    return this.#ended.has(sessionId)
  }

  #forgetOver (): void {
    const now = epochSeconds(this.#clock)
    for (const [sessionId, until] of this.#ended) if (until <= now) this.#ended.delete(sessionId)
  }
}
