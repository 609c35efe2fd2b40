import { pagesOf, StoreError } from '../stores/store.ts'
import { subjectOf } from '../identity.ts'
import { endSession } from './end.ts'
import { subjectIdOf } from './refresh-tokens.ts'
import { isOver, type SessionTerms } from './session.ts'
import { folderOf, recordOf, sessionIdOf, type SessionRecord } from './record.ts'

export interface LimitOptions extends SessionTerms {
  /** Hears which session ended, and which began. */
  onLimit?: (ended: string, begun: string, provider: string) => void
}

/** One sign-in looks at no more sessions and ends no more, however many a person has from before there was a limit. */
const pageSize = 200
const maxLooked = 400
const maxEnded = 50

/** Sign-ins that are under way together begin within so much. */
const togetherSeconds = 2

type Live = SessionRecord & { id: string }

/** When a session began, with thousandths while it was never refreshed. */
const startOf = ({ generation, rotatedAt, startedAt }: SessionRecord): number => generation === 1 ? rotatedAt : startedAt

/** Sessions of one person, at most SESSIONS_PER_PERSON: when one more begins, the oldest ends. */
export class SessionLimit {
  readonly #options: LimitOptions
  /** By person: of sign-ins at once each looks at what the one before has left. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor (options: LimitOptions) {
    this.#options = options
  }

  /**
   * Ends what is too much. The next sign-in goes on where the store fails.
   * @param begun the session that has just begun, and when, with thousandths
   */
  async keep (subject: string, begun: { id: string, at: number }): Promise<void> {
    const turn = (this.#turns.get(subject) ?? Promise.resolve()).then(() => this.#endOldest(subject, begun))
    this.#turns.set(subject, turn)
    try {
      await turn
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    } finally {
      if (this.#turns.get(subject) === turn) this.#turns.delete(subject)
    }
  }

  /** All replicas have the same order, so that sign-ins at once never end each other's sessions beyond what is too much. */
  async #endOldest (subject: string, begun: { id: string, at: number }): Promise<void> {
    const { config, onLimit } = this.#options
    const live = await this.#live(subject)
    const tooMany = Math.min(live.length - config.sessionsPerPerson, maxEnded)
    if (tooMany <= 0) return
    // Where the clock was set back, others say that they begin later: the one that has just begun is no older for it.
    const beganAt = (session: Live) => startOf(session) > begun.at + togetherSeconds ? begun.at - togetherSeconds : startOf(session)
    const byId = (one: Live, other: Live) => Number(one.id > other.id) - Number(one.id < other.id)
    const oldest = live.sort((one, other) => beganAt(one) - beganAt(other) || byId(one, other)).slice(0, tooMany)
    await Promise.all(oldest.map(async session => {
      if (await this.#end(subject, session)) onLimit?.(session.id, begun.id, session.identity.provider)
    }))
  }

  /** Says whether it was this call that ended it. Where the store fails half way, it counts as ended: no token of that session is accepted any more. */
  async #end (subject: string, session: Live): Promise<boolean> {
    try {
      return await endSession(this.#options, subjectIdOf(subject), session)
    } catch (error) {
      if (error instanceof StoreError) return true
      throw error
    }
  }

  async #live (subject: string): Promise<Live[]> {
    const { store, config: { sessionsPerPerson } } = this.#options
    const found: Live[] = []
    for await (const page of pagesOf(store, folderOf(subjectIdOf(subject)), pageSize)) {
      for (const [key, text] of page) {
        const [id, record] = [sessionIdOf(key), recordOf(text)]
        if (record && subjectOf(record.identity) === subject && !isOver(id, record, this.#options)) found.push({ ...record, id })
      }
      if (found.length >= sessionsPerPerson + maxLooked) break
    }
    return found
  }
}
