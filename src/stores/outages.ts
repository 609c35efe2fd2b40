import { epochSeconds, type Clock } from '../clock.ts'

/** Hears when a store goes away, with the error, and when it is back, without one. */
export type StoreWatcher = (error?: Error) => void

/** In epoch seconds; `to` is infinite while it goes on. */
interface Outage {
  from: number
  to: number
}

const knownSeconds = 60

/** When a store was away, of late: a grace that people have does not run meanwhile. */
export class Outages {
  readonly #clock: Clock
  readonly #watcher: StoreWatcher
  /** The one that goes on, and those of the last minute before it. */
  #current: Outage | undefined
  #known: Outage[] = []

  constructor (clock: Clock, watcher: StoreWatcher = () => {}) {
    this.#clock = clock
    this.#watcher = watcher
  }

  /** Notes that a caller did not get an answer, the first one or another. A new `reason` is told during an outage too. */
  begin (error: Error, { reason = false } = {}): void {
    if (this.#current) {
      if (reason) this.#watcher(error)
      return
    }
    // The first to wait has waited a while, but not since before the last outage was over.
    const from = Math.max(epochSeconds(this.#clock) - 1, this.#known.at(-1)?.to ?? 0)
    this.#current = { from, to: Infinity }
    this.#known = [...this.#known.filter(({ to }) => from - to < knownSeconds), this.#current]
    this.#watcher(error)
  }

  /** A caller got an answer. */
  end (): void {
    if (!this.#current) return
    this.#current.to = epochSeconds(this.#clock)
    this.#current = undefined
    this.#watcher()
  }

  secondsAway (since: number): number {
    const now = epochSeconds(this.#clock)
    return this.#known.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, now) - Math.max(from, since)), 0)
  }
}
