import type { Store } from '../stores/store.ts'
import { changesBetween, type KeyEvent, type KeyFacts } from './key-events.ts'
import { KeyRingError, newKey, openedKey, resealed, ringOf, type KeyRecord, type RingKey, type RingRecord } from './key-record.ts'
import {
  keyIn, maxKeys, nextIsKnown, promoted, publishedBeforeSeconds, rotationIsDue, stateOf, withFreshKeys, withNext, withoutKey, withoutPrevious,
  withoutRetired, type KeyState, type Schedule
} from './key-schedule.ts'
import type { SecretBox } from './secret-box.ts'
import type { PublicJwk, SigningAlg } from './signing-key.ts'
import { onceHeard } from './signing-pause.ts'
import { epochSeconds, type Clock } from '../clock.ts'

export interface KeyRingOptions extends Schedule {
  store: Store
  box: SecretBox
  clock: Clock
  /** On loopback no verifier can have cached the keys, so a new SIGNING_ALG takes effect at once. */
  changesAtOnce: boolean
  /** Tells every other process that the ring has changed. */
  announce: () => Promise<void>
  /** Hears of what this process changes. */
  onEvent: (event: KeyEvent, facts: KeyFacts) => void
}

/** Hears of the keys of the ring before they come into use. */
export type KeyWatcher = (keys: RingKey[]) => Promise<void> | void

const place = 'keys/ring'
const tries = 10
const order: KeyState[] = ['current', 'next', 'previous']

/**
 * The keys we sign and verify with: current, next, previous. All of it is one record in the store, changed by
 * compare-and-swap, so that of several replicas one rotates and the others follow.
 */
export class KeyRing {
  readonly #options: KeyRingOptions
  readonly #watchers: KeyWatcher[] = []
  #keys: RingKey[] = []
  #text = ''
  /** Keys that were in the ring: one that a store brings back, as it lost its last writes, may be one that was revoked. */
  readonly #removed = new Set<string>()
  #revision = 0
  #turn: Promise<unknown> = Promise.resolve()

  private constructor (options: KeyRingOptions) {
    this.#options = options
  }

  /**
   * The ring as a service keeps it, for a command beside it: a command that only looks changes nothing, however it is configured.
   * @throws KeyRingError where there is none, or a key cannot be opened with the secret
   */
  static async join (options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options)
    if (await options.store.get(place) === undefined) throw new KeyRingError('there are no keys yet: start the service first')
    await ring.reload()
    return ring
  }

  /**
   * Loads the ring for a service; the first start makes its keys.
   * @throws KeyRingError where a key cannot be opened with the secret
   */
  static async open (options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options)
    const { store, alg, box, changesAtOnce } = options
    if (await store.get(place) === undefined) {
      const [current, next] = await Promise.all([ring.#newKey(alg), ring.#newKey(alg)])
      const first: RingRecord = { v: 1, keys: [{ ...current, signsFrom: current.publishedAt }, next] }
      if (await store.claim(place, JSON.stringify(first))) for (const { kid } of first.keys) options.onEvent('key_made', { kid })
    }
    await ring.reload()
    await ring.#change(async record => {
      // Only a start replaces the next key: replicas that are configured differently would do it in turns.
      const wanted = keyIn(record, 'next')?.alg === alg ? record : withNext(record, await ring.#newKey(alg))
      const switches = changesAtOnce && keyIn(record, 'current')?.alg !== alg
      const switched = switches ? withNext(promoted(withoutPrevious(wanted), ring.#now()), await ring.#newKey(alg)) : wanted
      // After SECRET changed, what the old one sealed is sealed anew, so that the old one can go.
      return { ...switched, keys: switched.keys.map(key => resealed(key, box)) }
    })
    await ring.upkeep()
    return ring
  }

  /** The key that signs now. */
  get current (): RingKey {
    const [current] = this.#keys
    if (!current) throw new Error('the key ring is empty')
    return current
  }

  /** In the order of the published set: current, next, previous. */
  get all (): RingKey[] {
    return this.#keys
  }

  /** Grows with every change: what is made of the keys is stale when it differs. */
  get revision (): number {
    return this.#revision
  }

  find (kid: string): RingKey | undefined {
    return this.#keys.find(key => key.kid === kid)
  }

  /** What /.well-known/jwks.json shows. */
  get jwks (): { keys: PublicJwk[] } {
    return { keys: this.#keys.map(({ jwk }) => jwk) }
  }

  /** Calls the watcher now and before other keys come into use. */
  async watch (watcher: KeyWatcher): Promise<void> {
    this.#watchers.push(watcher)
    await watcher(this.#keys)
  }

  /**
   * Takes the ring as the store has it, but for keys that we know were removed from it.
   * @throws StoreError; KeyRingError for keys of another secret. The known ones stay in use.
   */
  reload (): Promise<void> {
    return this.#inTurn(async () => {
      const text = await this.#stored()
      return ringOf(text).keys.some(({ kid }) => this.#removed.has(kid)) ? this.#replace(async record => record) : this.#use(text)
    })
  }

  /** What time asks for: a rotation, a new next key, the end of previous ones. */
  upkeep (): Promise<void> {
    return this.#change(async record => {
      const now = this.#now()
      const kept = withoutRetired(record, now, this.#options)
      return rotationIsDue(kept, now, this.#options) ? withNext(promoted(kept, now), await this.#keyLike(kept, 'next')) : kept
    })
  }

  /**
   * The next key signs from now on.
   * @throws KeyRingError unless it has been published for a day, or `force`
   */
  rotate (force = false): Promise<void> {
    return this.#change(async record => {
      const now = this.#now()
      if (!force && !nextIsKnown(record, now)) {
        const from = new Date(((keyIn(record, 'next')?.publishedAt ?? now) + publishedBeforeSeconds) * 1000).toISOString()
        throw new KeyRingError(`the next key has not been published for 24 hours, so verifiers may not know it: wait until ${from}, or use --force`)
      }
      if (record.keys.length >= maxKeys) throw new KeyRingError(`the ring has ${maxKeys} keys, gateways take no more: wait a day, or revoke a previous one`)
      return withNext(promoted(record, now), await this.#keyLike(record, 'next'))
    })
  }

  /**
   * Drops a key at once: its tokens are refused. A new key signs from now on, whichever key was revoked, so that verifiers
   * fetch the key set and let go of the revoked one (see withFreshKeys).
   * @param keepNext makes no new key sign: the next key does if the current one was revoked
   * @throws KeyRingError for a key that is not in the ring
   */
  revoke (kid: string, keepNext = false): Promise<void> {
    return this.#change(async record => {
      if (!record.keys.some(key => key.kid === kid)) {
        await this.#options.announce() // the process that took it away may have failed to tell
        throw new KeyRingError(`no key ${kid} is in the ring`)
      }
      if (keepNext) return this.#without(kid, record)
      // Verifiers have not seen the algorithm of the next key for a day: what signs now has that of what signed before.
      const [current, next] = await Promise.all([this.#keyLike(record, 'current'), this.#keyLike(record, 'next')])
      return withFreshKeys(record, kid, { current, next }, this.#now())
    }, kid)
  }

  /** Changes the ring in the store by compare-and-swap: again from what is there now if another process was faster. */
  #change (change: (record: RingRecord) => Promise<RingRecord>, revoked?: string): Promise<void> {
    return this.#inTurn(() => this.#replace(change, revoked))
  }

  async #replace (change: (record: RingRecord) => Promise<RingRecord>, revoked?: string): Promise<void> {
    for (let attempt = 0; attempt < tries; attempt++) {
      const text = await this.#stored()
      let record = ringOf(text)
      for (const { kid } of record.keys) if (this.#removed.has(kid)) record = await this.#without(kid, record)
      const changed = JSON.stringify(await change(record))
      if (changed === text) return this.#use(text)
      if (!await this.#options.store.replace(place, text, changed)) continue
      const before = this.#keys
      await this.#use(changed)
      for (const event of changesBetween(before, this.#keys, revoked)) this.#options.onEvent(...event)
      return this.#options.announce()
    }
    throw new Error('other processes keep changing the key ring')
  }

  async #without (kid: string, record: RingRecord): Promise<RingRecord> {
    const left = withoutKey(record, kid, this.#now())
    return keyIn(left, 'next') ? left : withNext(left, await this.#keyLike(record, 'next'))
  }

  /** The ring in the store. One that came back empty gets ours: a start would make other keys. */
  async #stored (): Promise<string> {
    const { store } = this.#options
    let text = await store.get(place)
    if (text === undefined && this.#text !== '') text = await store.claim(place, this.#text) ? this.#text : await store.get(place)
    if (text === undefined) throw new Error('the key ring is gone from the store')
    return text
  }

  async #use (text: string): Promise<void> {
    if (text === this.#text) return
    const keys = ringOf(text).keys.map(record => this.#opened(record))
      .sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state) || other.publishedAt - one.publishedAt)
    const [current] = keys
    const isNew = this.#keys.length > 0 && current !== undefined && this.find(current.kid) === undefined
    if (isNew) current.signature = onceHeard(current.signature)
    for (const watcher of this.#watchers) await watcher(keys)
    for (const { kid } of this.#keys) if (!keys.some(key => key.kid === kid)) this.#removed.add(kid)
    this.#keys = keys
    this.#text = text
    this.#revision++
  }

  #opened (record: KeyRecord): RingKey {
    const { sealedPem: _sealed, ...standing } = record
    return { ...this.find(record.kid) ?? openedKey(record, this.#options.box), ...standing, state: stateOf(record) }
  }

  /** A new key of the algorithm of one that is there: the service decided at its start which one is next. */
  #keyLike (record: RingRecord, state: KeyState): Promise<KeyRecord> {
    return this.#newKey(keyIn(record, state)?.alg ?? this.#options.alg)
  }

  #newKey (alg: SigningAlg): Promise<KeyRecord> {
    return newKey(alg, this.#options.box, this.#now())
  }

  /** One at a time: a slow reload must not put back what a change has just replaced. */
  #inTurn (action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(action)
    this.#turn = done.catch(() => {})
    return done
  }

  #now (): number {
    return epochSeconds(this.#options.clock)
  }
}
