import { pagesOf, type Store } from '../stores/store.ts'
import { randomId } from './randomness.ts'
import { secretBox } from './secret-box.ts'
import { epochSeconds, type Clock } from '../clock.ts'

const folder = 'services/'
/** Longer than two upkeeps: a replica that is just being restarted counts, too. */
const heldSeconds = 180
const pageSize = 100

const nameOf = (secret: string): string => secretBox([secret], 'secret-names').digest('secret')

/** Which secrets each service on a store lists, by names that tell nothing of them: what one seals, all others have to open. */
export class SecretHolders {
  readonly #store: Store
  readonly #clock: Clock
  readonly #names: string[]
  readonly #key = `${folder}${randomId(12)}`

  /** @param secrets newest first @param clock the store's */
  constructor (store: Store, clock: Clock, secrets: string[]) {
    this.#store = store
    this.#clock = clock
    this.#names = secrets.map(nameOf)
  }

  /** Says for the next minutes what we list. A store that is away says so itself. */
  async tell (): Promise<void> {
    await this.#store.put(this.#key, this.#names.join(' '), epochSeconds(this.#clock) + heldSeconds).catch(() => {})
  }

  /** Whether a service that runs, or ran until minutes ago, does not list the secret that seals here. @throws StoreError */
  async someLackOurs (): Promise<boolean> {
    const [ours] = this.#names
    for await (const page of pagesOf(this.#store, folder, pageSize)) {
      if (page.some(([, names]) => !names.split(' ').includes(String(ours)))) return true
    }
    return false
  }
}
