import { lineOf, type News, type Topic } from '../stores/news.ts'
import { epochSeconds, type Clock } from '../clock.ts'
import type { AccessTokenClaims } from './claims.ts'

/** A session whose access tokens may still be alive. Times are epoch seconds. */
export interface EndedSession {
  id: string
  /** When the last of its access tokens expires. */
  until: number
  /** Its place in the status lists. */
  statusIndex?: number
}

/** An end is remembered until the last access token expires, and an hour more: for a clock that jumps, or a TOKEN_TTL that was longer. */
export const revokedSeconds = ({ token }: { token: { ttlSeconds: number } }): number => token.ttlSeconds + 3_600

const forgetEverySeconds = 60
const atOnce = 500

/**
 * Sessions that ended before their access tokens did, on any replica. Every request depends on it, so the answer comes from
 * memory; news carries it to the others and over a restart. Keys are session ids, never a token's text: a signature
 * has many spellings (RFC 7515 section 10, malleability of ECDSA).
 */
export class Revocations {
  readonly #news: News
  readonly #clock: Clock
  readonly #ended = new Map<string, EndedSession>()
  readonly #recordSeconds: number
  #everyoneBefore = 0
  #everyoneUpTo = -1
  #lastPlace = 0
  /** When expired ones are forgotten next. */
  #forgetAt = 0
  #revision = 0

  /** @param recordSeconds how long the record of a session may be in the store */
  constructor (news: News, clock: Clock, recordSeconds: number) {
    this.#news = news
    this.#clock = clock
    this.#recordSeconds = recordSeconds
    news.on('session', text => {
      const [id = '', until, statusIndex] = text.split(' ')
      this.#end({ id, until: Number(until), ...(statusIndex && { statusIndex: Number(statusIndex) }) })
    })
    news.on('everyone', text => {
      const [before, statusIndex] = text.split(' ')
      this.#everyoneBefore = Math.max(this.#everyoneBefore, Number(before))
      this.#everyoneUpTo = Math.max(this.#everyoneUpTo, Number(statusIndex))
      this.#lastPlace = Math.max(this.#lastPlace, this.#everyoneUpTo)
      this.#revision++
    })
    news.onLoss(lines => { this.#tellAgain(lines).catch(() => {}) }) // other news need not wait for it
  }

  /** @throws StoreError: the session is then refused here all the same */
  async revoke (session: EndedSession): Promise<void> {
    this.#end(session)
    await this.#news.announce('session', textOf(session), session.until)
  }

  /** Ends every session that began before a time and has a place up to `statusIndex`. @throws StoreError */
  async revokeEveryone (before: number, statusIndex: number, until: number): Promise<void> {
    await this.#news.announce('everyone', `${before} ${statusIndex}`, until)
  }

  /** Whether the session of a token was ended. */
  has ({ sid, auth_time: startedAt }: Pick<AccessTokenClaims, 'sid' | 'auth_time'>): boolean {
    return this.#ended.has(sid) || startedAt < this.#everyoneBefore
  }

  /** The places of ended sessions in the status lists; everything up to `upTo` has ended as well. */
  get statusIndices (): { upTo: number, indices: number[] } {
    return { upTo: this.#everyoneUpTo, indices: [...this.#ended.values()].flatMap(({ statusIndex }) => statusIndex ?? []) }
  }

  /** When everybody's sessions were ended the last time: those that began earlier are refused. 0 for never. */
  get everyoneBefore (): number {
    return this.#everyoneBefore
  }

  /** The highest place in the status lists that a session which ended has or had. */
  get lastPlace (): number {
    return this.#lastPlace
  }

  /** Grows with every session that ends: what was answered or made before is stale when it differs. */
  get revision (): number {
    return this.#revision
  }

  #end (session: EndedSession): void {
    const now = epochSeconds(this.#clock)
    if (now >= this.#forgetAt) {
      for (const [id, { until }] of this.#ended) if (until <= now) this.#ended.delete(id)
      this.#forgetAt = now + forgetEverySeconds
    }
    if (session.until <= Math.max(now, this.#ended.get(session.id)?.until ?? 0)) return
    this.#ended.set(session.id, session)
    this.#lastPlace = Math.max(this.#lastPlace, session.statusIndex ?? 0)
    this.#revision++
  }

  /** What a store lost with its last writes; the records of those sessions may be back, and are refused for as long as they may live. */
  async #tellAgain (lines: Set<string>): Promise<void> {
    const now = epochSeconds(this.#clock)
    const until = now + this.#recordSeconds
    const everyone = `${this.#everyoneBefore} ${this.#everyoneUpTo}`
    const isLost = (topic: Topic, text: string) => !lines.has(lineOf(topic, text))
    const tell = (topic: Topic, text: string) => this.#news.announce(topic, text, until).catch(() => {}) // it is told later
    if (this.#everyoneBefore > 0 && isLost('everyone', everyone)) await tell('everyone', everyone)
    const lost = [...this.#ended.values()].filter(session => session.until > now && isLost('session', textOf(session)))
    for (let told = 0; told < lost.length; told += atOnce) {
      await Promise.all(lost.slice(told, told + atOnce).map(session => tell('session', textOf({ ...session, until }))))
    }
  }
}

const textOf = ({ id, until, statusIndex }: EndedSession): string => `${id} ${until} ${statusIndex ?? ''}`
