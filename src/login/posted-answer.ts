import { AuthError } from '../errors.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import type { CallbackAnswer } from '../providers/provider.ts'
import { epochSeconds, type Clock } from '../clock.ts'

const lifeSeconds = 60
/** What fits into the callback's URL, beside the state. */
export const maxSealedLength = 7_000

/**
 * Takes an answer that came as a form post from the provider's site through a redirect to our own GET callback, where
 * the browser sends the flow's cookie (SameSite=Lax) again. Codes stay out of URLs: the answer is sealed, for one state.
 */
export class PostedAnswers {
  readonly #box: SecretBox
  readonly #clock: Clock

  constructor (box: SecretBox, clock: Clock) {
    this.#box = box
    this.#clock = clock
  }

  /** @throws AuthError invalid_request where it is too long */
  seal (provider: string, answer: { state: string } & Record<string, string | undefined>): string {
    const sealed = this.#box.seal(JSON.stringify({ answer, expiresAt: epochSeconds(this.#clock) + lifeSeconds }), context(provider, answer.state))
    if (sealed.length > maxSealedLength) throw new AuthError('invalid_request')
    return sealed
  }

  /** @throws AuthError flow_mismatch, flow_expired */
  open (provider: string, state: string, sealed: string): CallbackAnswer {
    const text = this.#box.open(sealed, context(provider, state))
    if (text === undefined) throw new AuthError('flow_mismatch')
    const { answer, expiresAt } = JSON.parse(text) as { answer: CallbackAnswer, expiresAt: number }
    if (expiresAt < epochSeconds(this.#clock)) throw new AuthError('flow_expired')
    return answer
  }
}

const context = (provider: string, state: string): string => `${provider} ${state}`
