import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RefusalCode } from '../errors.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import type { CallbackAnswer } from '../providers/provider.ts'
import type { Store } from '../stores/store.ts'
import { flowCookieSeconds, type Flow } from './flow.ts'
import { epochSeconds } from '../clock.ts'

/** How a flow ended: with a session, whose first refresh token this is, or with a refusal. */
export type FlowOutcome = { refreshToken: string } | { refused: RefusalCode }

/** What the store keeps of a flow that has been claimed. */
interface Claim {
  /** Digest of the answer that it was claimed with. */
  answer: string
  /** epoch seconds by the store's clock */
  claimedAt: number
  returnTo?: string
}

/** No callback takes longer, and each of them is answered within that time. */
const claimantSeconds = 10
const waitMs = 8_000
/** The same answer gets the same session for so long. */
const outcomeSeconds = 10
const pollMs = 100

/**
 * Which flows have been claimed, on all replicas, and what came of them. Browsers and the scripts of providers send a
 * callback twice and drop the first answer: the second one gets the outcome of the first. All of it is sealed.
 */
export class FlowClaims {
  readonly #store: Store
  readonly #box: SecretBox

  constructor (store: Store, box: SecretBox) {
    this.#store = store
    this.#box = box
  }

  /** RFC 9700 section 4.7: true for one of any number of callbacks with one state. Without an answer nothing comes of it. @throws StoreError */
  claim ({ state, startedAt, returnTo }: Pick<Flow, 'state' | 'startedAt' | 'returnTo'>, answer?: CallbackAnswer): Promise<boolean> {
    const claim: Claim = { answer: answer ? digestOf(answer) : '', claimedAt: this.#seconds(), ...(returnTo && { returnTo }) }
    return this.#put(claimKey(state), claim, startedAt + flowCookieSeconds + 60)
  }

  /** Keeps a target as one of a flow that was claimed. @throws StoreError */
  async keepTarget (state: string, returnTo: string): Promise<void> {
    await this.claim({ state, startedAt: this.#seconds(), returnTo })
  }

  /** Where a flow that was claimed was going, if it named a place and the store can tell. */
  async returnToOf (state: string): Promise<string | undefined> {
    if (!/^[\w-]{1,64}$/.test(state)) return undefined
    const claim = await this.#find<Claim>(claimKey(state)).catch(() => undefined)
    return claim?.returnTo
  }

  /** Tells the callbacks that wait for it. @throws StoreError */
  async tell ({ state }: Flow, outcome: FlowOutcome): Promise<void> {
    const kept = 'refused' in outcome ? outcome : { refreshToken: outcome.refreshToken }
    await this.#put(outcomeKey(state), kept, this.#seconds() + outcomeSeconds + 1)
  }

  /**
   * What came of the flow that another callback has claimed with the same answer; waits while that one may still be at
   * it. undefined for another answer, and where it was longer ago than ten seconds. @throws StoreError
   */
  async outcomeOf ({ state }: Flow, answer: CallbackAnswer): Promise<FlowOutcome | undefined> {
    const claim = await this.#find<Claim>(claimKey(state))
    if (claim?.answer !== digestOf(answer)) return undefined
    const deadline = performance.now() + waitMs
    let outcome = await this.#find<FlowOutcome>(outcomeKey(state))
    while (!outcome && performance.now() <= deadline && this.#seconds() <= claim.claimedAt + claimantSeconds) {
      await delay(pollMs)
      outcome = await this.#find<FlowOutcome>(outcomeKey(state))
    }
    return outcome
  }

  #seconds (): number {
    return epochSeconds(() => this.#store.now())
  }

  #put (key: string, value: object, expiresAt: number): Promise<boolean> {
    return this.#store.claim(key, this.#box.seal(JSON.stringify(value), key), expiresAt)
  }

  async #find<Value> (key: string): Promise<Value | undefined> {
    const sealed = await this.#store.get(key)
    const text = sealed && this.#box.open(sealed, key)
    return text ? JSON.parse(text) as Value : undefined
  }
}

const claimKey = (state: string): string => `flows/${state}`
const outcomeKey = (state: string): string => `flows/${state}/outcome`

const digestOf = ({ code, oauth_token: token, oauth_verifier: verifier }: CallbackAnswer): string =>
  createHash('sha256').update(JSON.stringify([code, token, verifier])).digest('base64url')
