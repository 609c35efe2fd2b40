const lookEveryMs = 100
/** So many looks, at least half a second and not much more. */
const patience = 6

interface Waiting {
  untilLook: number
  giveUp: () => void
}

/**
 * Waits for answers, but not for long. What counts is how often we have looked, not the time that has gone by: it also
 * goes by while this process is busy, and then the answer may have been there for long.
 */
export class Patience {
  /** Slots are reused; a Set would keep finished promises alive in its old tables. */
  readonly #waiting: Array<Waiting | undefined> = []
  readonly #free: number[] = []
  #looking: NodeJS.Timeout | undefined
  #looks = 0

  /** @throws Error where the answer does not come in time; when it comes, and how, does not matter any more then */
  wait<Answer> (answer: Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const place = this.#free.pop() ?? this.#waiting.length
      this.#waiting[place] = { untilLook: this.#looks + patience, giveUp: () => reject(new Error('no answer in time')) }
      this.#looking ??= setInterval(() => this.#look(), lookEveryMs).unref()
      const leave = () => {
        this.#waiting[place] = undefined
        this.#free.push(place)
      }
      answer.then(value => { leave(); resolve(value) }, (error: unknown) => { leave(); reject(error) })
    })
  }

  #look (): void {
    this.#looks++
    for (const waiting of this.#waiting) if (waiting && waiting.untilLook <= this.#looks) waiting.giveUp()
    if (this.#free.length < this.#waiting.length) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }
}
