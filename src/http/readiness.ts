import { setTimeout } from 'node:timers/promises'
import { tryStore } from '../stores/trial.ts'
import { StoreError, type Store } from '../stores/store.ts'

/** An answer is reused for so long, however many ask. */
const reachedForMs = 1_000
const triedForMs = 10_000
/** A caller waits no longer than this, even if the store hangs. */
const patienceMs = 1_000

/**
 * Whether a login would work now. A store that answers is asked each second at most; that it does all that a login needs
 * is tried each ten seconds at most, and only while it answers: an outage that is finished leaves no bad result behind.
 */
export class Readiness {
  readonly #reached: () => Promise<boolean>
  readonly #tried: () => Promise<boolean>
  readonly #store: Store
  readonly #onChange: (problem?: unknown) => void
  #problem: unknown

  /** @param onChange hears what a login would fail of, and without it that logins work again */
  constructor (store: Store, onChange: (problem?: unknown) => void) {
    this.#store = store
    this.#onChange = onChange
    this.#reached = atMostEvery(reachedForMs, () => store.ping().then(() => true, () => false))
    this.#tried = atMostEvery(triedForMs, () => this.#try().then(() => true, () => false))
  }

  /**
   * The first try, before the first caller asks. What heals by itself only turns readiness red: keys are served and tokens checked all
   * the same.
   * @throws StoreError for a store that needs another configuration
   */
  async begin (): Promise<void> {
    await this.#tried()
    if (this.#problem instanceof StoreError && this.#problem.lasting) throw this.#problem
  }

  async isReady (): Promise<boolean> {
    const ready = this.#reached().then(reached => reached && this.#tried())
    const enough = new AbortController()
    const late = setTimeout(patienceMs, false, { signal: enough.signal }).catch(() => false)
    return Promise.race([ready, late]).finally(() => { enough.abort() })
  }

  async #try (): Promise<void> {
    try {
      await tryStore(this.#store)
      if (this.#problem !== undefined) this.#onChange()
      this.#problem = undefined
    } catch (error) {
      if ((error as Error).message !== (this.#problem as Error | undefined)?.message) this.#onChange(error)
      this.#problem = error
      throw error
    }
  }
}

/** One at a time, and what it gave is given again for so many milliseconds from when it began. */
function atMostEvery<Result> (ms: number, act: () => Promise<Result>): () => Promise<Result> {
  let began = -Infinity
  let result: Promise<Result> | undefined
  let isOver = true
  return () => {
    if (result && (!isOver || performance.now() - began < ms)) return result
    began = performance.now()
    isOver = false
    result = act().finally(() => { isOver = true })
    return result
  }
}
