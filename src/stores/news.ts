import { StoreError, type Store } from './store.ts'

/** What one process tells all: other keys, sessions that ended, everybody's sessions that ended, what an operator did. */
export type Topic = 'keys' | 'session' | 'everyone' | 'operator'

type Listener = (text: string) => Promise<void> | void
/** Hears which lines are still there where the store may have lost some. */
type LossListener = (lines: Set<string>) => Promise<void> | void

/** While requests come, what happens on one replica is known on all within a second. */
const everyMs = 300
/** A request that comes later than this after the last look waits for the next one, and for no longer than its patience. */
const staleMs = 700
const patienceMs = 250
/** At rest no request depends on news, so an idle process is hardly woken. */
const restAfterMs = 3_000
const atRestMs = 2_000

/**
 * Reads what any process announced in the store, our own announcements too. While the store is away, what is known
 * stays known; what was missed is read afterwards.
 */
export class News {
  readonly #store: Store
  readonly #listeners = new Map<Topic, Listener>()
  readonly #lossListeners: LossListener[] = []
  readonly #onProblem: (error: unknown) => void
  #last = 0
  /** The store may have lost some, and not everybody has dealt with that yet. */
  #mayHaveLost = false
  /** What the store did not take, with its expiry. */
  readonly #untold = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined
  /** Milliseconds of a clock that only goes forward: the last look, and the last request. */
  #lookedAt = 0
  #usedAt = 0
  #isAway = false
  #isFollowing = false

  constructor (store: Store, onProblem: (error: unknown) => void) {
    this.#store = store
    this.#onProblem = onProblem
  }

  on (topic: Topic, listener: Listener): void {
    this.#listeners.set(topic, listener)
  }

  /** After a crash or a failover: a listener that still knows what the store has lost may announce it again. */
  onLoss (listener: LossListener): void {
    this.#lossListeners.push(listener)
  }

  /** @throws StoreError: no other process may have heard it yet; it is announced again when the store is back */
  async announce (topic: Topic, text: string, expiresAt: number): Promise<void> {
    const line = lineOf(topic, text)
    try {
      await this.#store.announce(line, expiresAt)
    } catch (error) {
      this.#untold.set(line, expiresAt)
      throw error
    }
  }

  /** Reads all that lives, then keeps reading. @throws StoreError */
  async follow (): Promise<void> {
    await this.#read()
    this.#lookedAt = this.#usedAt = performance.now()
    this.#isFollowing = true
    this.#lookIn(everyMs)
  }

  /**
   * To be called for each request. What others told a second ago is known to it: after a rest it has to wait for that, but
   * not while the store is away.
   */
  catchUp (): Promise<void> | undefined {
    this.#usedAt = performance.now()
    if (this.#usedAt - this.#lookedAt < staleMs || this.#isAway || !this.#isFollowing) return undefined
    let late: NodeJS.Timeout | undefined
    const patience = new Promise<void>(resolve => { late = setTimeout(resolve, patienceMs) })
    return Promise.race([this.#look(), patience]).finally(() => clearTimeout(late))
  }

  async stop (): Promise<void> {
    this.#isFollowing = false
    clearTimeout(this.#timer)
    await this.#reading
  }

  #lookIn (ms: number): void {
    clearTimeout(this.#timer)
    if (this.#isFollowing) this.#timer = setTimeout(() => { this.#look().catch(this.#onProblem) }, ms).unref()
  }

  async #look (): Promise<void> {
    this.#reading ??= this.#read().then(() => { this.#isAway = false }, (error: unknown) => {
      this.#isAway = true
      this.#onProblem(error)
    }).finally(() => {
      this.#reading = undefined
      this.#lookedAt = performance.now()
      const isAtRest = this.#lookedAt - this.#usedAt > restAfterMs && this.#untold.size === 0 && !this.#isAway
      this.#lookIn(isAtRest ? atRestMs : everyMs)
    })
    await this.#reading
  }

  /** Everything since the last time; again from there if the store fails a listener, so they must not mind to hear a thing twice. */
  async #read (): Promise<void> {
    const { last, news, mayHaveLost } = await this.#store.newsAfter(this.#mayHaveLost ? 0 : this.#last)
    this.#mayHaveLost ||= mayHaveLost
    for (const line of news) await this.#tell(line)
    this.#last = last
    if (this.#mayHaveLost) await this.#tellOfLoss(new Set(news))
    for (const [line, expiresAt] of this.#untold) {
      await this.#store.announce(line, expiresAt)
      this.#untold.delete(line)
    }
  }

  /** Calls every listener, even if one fails; if one failed, all are called again. */
  async #tellOfLoss (lines: Set<string>): Promise<void> {
    const outcomes = await Promise.allSettled(this.#lossListeners.map(listener => listener(lines)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    this.#mayHaveLost = false
  }

  /** News that a listener cannot read does not hold up the news after it. */
  async #tell (line: string): Promise<void> {
    const space = line.indexOf(' ')
    try {
      await this.#listeners.get(line.slice(0, space) as Topic)?.(line.slice(space + 1))
    } catch (error) {
      if (error instanceof StoreError) throw error
      this.#onProblem(error)
    }
  }
}

/** How news stands in the store. */
export const lineOf = (topic: Topic, text: string): string => `${topic} ${text}`
