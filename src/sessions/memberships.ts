import { AuthError } from '../errors.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import type { Grant, Provider } from '../providers/provider.ts'
import { epochSeconds, type Clock } from '../clock.ts'

/** A provider's own tokens and when they last showed that the person belongs. */
interface KeptGrant extends Grant {
  /** epoch seconds */
  checkedAt: number
}

export interface MembershipsOptions {
  providers: ReadonlyMap<string, Provider>
  box: SecretBox
  clock: Clock
  warn: (message: string, error: unknown) => void
}

/** For so long an unreachable provider ends no session; longer would keep people who have left. */
const patienceSeconds = 24 * 3_600
const notedEverySeconds = 3_600
/** Well below the grace of a refresh token, within which a caller must come again if the answer is late. */
const answerWithinMs = 5_000

/** With RECHECK_MEMBERSHIP: a person who has left the organisation, group or guild since the login loses the session. */
export class Memberships {
  readonly #options: MembershipsOptions

  constructor (options: MembershipsOptions) {
    this.#options = options
  }

  /** What a session keeps for later checks, sealed. */
  keep (provider: string, grant: Grant): string {
    return this.#sealed(provider, { ...grant, checkedAt: epochSeconds(this.#options.clock) })
  }

  /**
   * Checks again, and gives back what the session keeps from now on.
   * @throws AuthError email_not_allowed for a person who does not belong any more, invalid_refresh_token where that cannot be told
   */
  async recheck (id: string, kept: string | undefined): Promise<string | undefined> {
    const { providers, box, clock, warn } = this.#options
    const provider = providers.get(id)
    if (!provider?.checksMembership) return kept
    const text = kept === undefined ? undefined : box.open(kept, id)
    if (kept === undefined || text === undefined) throw new AuthError('invalid_refresh_token') // from before the check was on
    const { checkedAt, ...grant } = JSON.parse(text) as KeptGrant
    const now = epochSeconds(clock)
    let living: Grant = grant
    const isRenewed = () => living.accessToken !== grant.accessToken
    try {
      await withinReach(provider.recheck(grant, renewed => { living = renewed }))
      const worthNoting = isRenewed() || now - checkedAt > notedEverySeconds || !box.isNewest(kept, id)
      return worthNoting ? this.keep(id, living) : kept
    } catch (error) {
      if (error instanceof AuthError && error.code === 'email_not_allowed') throw error
      if (now - checkedAt > patienceSeconds) throw new AuthError('invalid_refresh_token', { cause: error })
      warn(`${id}: a membership could not be checked again`, error)
      return isRenewed() ? this.#sealed(id, { ...living, checkedAt }) : kept // the provider may take each refresh token once
    }
  }

  #sealed (provider: string, kept: KeptGrant): string {
    return this.#options.box.seal(JSON.stringify(kept), provider)
  }
}

function withinReach<Answer> (answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new AuthError('provider_timeout')), answerWithinMs)
    answer.then(resolve, reject).finally(() => clearTimeout(late))
  })
}
