import { StoreError, type Store } from '../../src/stores/store.ts'

type Step = 'get' | 'put' | 'replace' | 'remove' | 'page' | 'announce' | 'newsAfter' | 'count'

export interface Faults {
  /** Every call of the step rejects, until `heal`. */
  fail (step: Step, error?: Error): void
  heal (step: Step): void
  /** Runs before each call of the step, until `heal`: what it throws, the call rejects with. */
  before<Name extends Step> (step: Name, act: (...args: Parameters<Store[Name]>) => unknown): void
  /** Runs before the next call of the step, and no other. */
  beforeNext (step: Step, act: () => unknown): void
}

/** A real store whose steps a test lets fail, or precedes by what others do at that moment. */
export function faulty (store: Store): Faults {
  const heal = (step: Step) => { delete (store as Partial<Store>)[step] } // its class has the step itself
  const before: Faults['before'] = (step, act) => {
    heal(step)
    const whole = store[step].bind(store) as (...args: unknown[]) => Promise<unknown>
    Object.assign(store, {
      async [step] (...args: Parameters<Store[typeof step]>) {
        await act(...args)
        return whole(...args)
      }
    })
  }
  return {
    heal,
    before,
    fail: (step, error = new StoreError('away')) => before(step, () => { throw error }),
    beforeNext (step, act) {
      before(step, () => {
        heal(step)
        return act()
      })
    }
  }
}
