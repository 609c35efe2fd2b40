import { setTimeout } from 'node:timers/promises'

/** Every replica hears of a changed ring within this time. */
const heardWithinMs = 1_000

/**
 * Signs as `sign` does, but not before every replica has heard of the key. Another replica would refuse a token of a key
 * that it does not know yet, and would publish a key set without it, which a verifier then keeps for minutes.
 */
export function onceHeard (sign: (input: string) => Promise<string>): (input: string) => Promise<string> {
  const heardAt = performance.now() + heardWithinMs
  return async input => {
    const left = heardAt - performance.now()
    if (left > 0) await setTimeout(left)
    return sign(input)
  }
}
