import { AuthError } from '../errors.ts'
import { StoreError } from '../stores/store.ts'
import type { AdmittedIdentity } from './access-tokens.ts'
import { endSession } from './end-sessions.ts'
import { hashOf, type RefreshToken, type RefreshTokens } from './refresh-tokens.ts'
import { expiryOf, isOver, newPlace, sessionOf, withToken, type RefreshedSession, type SessionTerms } from './session.ts'
import { SessionEnded } from './session-ended.ts'
import { keyOf, lineOf, lineStart, recordOf, sessionText, type SessionRecord } from './session-record.ts'

export interface RotationOptions extends SessionTerms {
  refreshTokens: RefreshTokens
  /** Whether the person may still sign in: asked again at every refresh. */
  admits: (identity: AdmittedIdentity) => boolean
  /**
   * Checks at a refresh whether the person still belongs, by what the session keeps for it, and gives back what it
   * keeps from now on; undefined changes nothing. Throws AuthError for who does not.
   */
  recheck?: (provider: string, grant: string | undefined) => Promise<string | undefined>
}

/** The immediate predecessor still gets its successor for so long: answers get lost, and tabs race. */
const graceSeconds = 10
/** By so much the clocks of replicas may differ. After a clock was set back by more, the grace would last for ever. */
const skewSeconds = 60

/** Refresh tokens change at every use: one that was used before ends its session (RFC 9700 section 4.14.2). */
export class Rotation {
  readonly #options: RotationOptions

  constructor (options: RotationOptions) {
    this.#options = options
  }

  /**
   * Trades a refresh token for its successor: one compare-and-swap, so that of any number of callers one rotates.
   * @throws AuthError invalid_refresh_token
   * @throws SessionEnded invalid_refresh_token for a token that was used before; email_not_allowed for a person who may no longer sign in
   * @throws StoreError: nothing may be issued then, and the token is still good, or has its grace
   */
  async refresh (text: string): Promise<RefreshedSession> {
    const { store, refreshTokens, config } = this.#options
    const token = refreshTokens.parse(text)
    if (!token) throw new AuthError('invalid_refresh_token')
    const rotatedAt = this.#now()
    const next = token.successor
    const presented = { generation: token.generation, tokenHash: hashOf(token) }
    const rotated = { generation: next.generation, tokenHash: hashOf(next) }
    const until = Math.floor(rotatedAt) + config.sessionIdleSeconds
    const { replaced, found } = await store.replaceLine(keyOf(token), lineStart(presented), lineOf(rotated, rotatedAt), until)
    if (found === undefined) throw new AuthError('invalid_refresh_token')
    const record = recordOf(found)
    if (!record) throw new StoreError('a session was written by a newer version, which has to refresh it')
    if (isOver(token.sessionId, record, this.#options)) {
      await endSession(this.#options, token.subjectId, sessionOf(token.sessionId, record, this.#options))
      throw new AuthError('invalid_refresh_token')
    }
    if (!this.#options.admits(record.identity)) return this.#refuse(token, record, new AuthError('email_not_allowed'))
    if (!replaced) return this.#again(token, record)
    const current = await this.#placed(token, await this.#granted(token, { ...record, ...rotated, rotatedAt }))
    return this.#goesOn(token, current, next)
  }

  /** What is not the current token: the predecessor within its grace, or a copy that came back. */
  async #again (token: RefreshToken, record: SessionRecord): Promise<RefreshedSession> {
    const { store, refreshTokens } = this.#options
    // One that is ahead of the record was issued before the store lost its last writes: nobody's fault, and of no use.
    if (token.generation >= record.generation) throw new AuthError('invalid_refresh_token')
    // The grace does not run while the store is away: nobody can come for an answer that was lost with it.
    const waited = this.#now() - record.rotatedAt - store.secondsAway(Math.floor(record.rotatedAt))
    if (token.generation === record.generation - 1 && waited <= graceSeconds && waited >= -skewSeconds) {
      const successor = refreshTokens.knownSuccessor(token, record.tokenHash)
      if (successor) return this.#goesOn(token, await this.#placed(token, record), successor)
    }
    return this.#refuse(token, record, new AuthError('invalid_refresh_token'), true)
  }

  #goesOn ({ sessionId }: RefreshToken, record: SessionRecord, successor: RefreshToken): RefreshedSession {
    return withToken(sessionOf(sessionId, record, this.#options), this.#options.refreshTokens.text(successor))
  }

  /** Who is refused loses the session. */
  async #refuse ({ subjectId, sessionId }: RefreshToken, record: SessionRecord, refusal: AuthError, reused = false): Promise<never> {
    const session = sessionOf(sessionId, record, this.#options)
    await endSession(this.#options, subjectId, session)
    throw new SessionEnded(session, refusal, reused)
  }

  /** With what is kept of a membership from now on, where there is one to check. */
  async #granted (token: RefreshToken, record: SessionRecord): Promise<SessionRecord> {
    const grant = await this.#grantOf(token, record)
    return grant === undefined || grant === record.grant ? record : this.#amend(token, record, known => ({ ...known, grant }))
  }

  async #grantOf (token: RefreshToken, record: SessionRecord): Promise<string | undefined> {
    try {
      return await this.#options.recheck?.(record.identity.provider, record.grant)
    } catch (error) {
      if (error instanceof AuthError) return this.#refuse(token, record, error)
      throw error
    }
  }

  /** With a place in the status lists, which a session from before TOKEN_STATUS does not have. */
  async #placed (token: RefreshToken, record: SessionRecord): Promise<SessionRecord> {
    if (!this.#options.config.token.status || record.statusIndex !== undefined) return record
    const statusIndex = await newPlace(this.#options)
    return this.#amend(token, record, known => known.statusIndex === undefined ? { ...known, statusIndex } : known)
  }

  /** Changes what stands beside the refresh token in the store: again from what is there now, if somebody else was faster. */
  async #amend (token: RefreshToken, record: SessionRecord, change: (known: SessionRecord) => SessionRecord): Promise<SessionRecord> {
    const { store, config } = this.#options
    let known = record
    let changed = change(known)
    while (changed !== known && !await store.replace(keyOf(token), sessionText(known), sessionText(changed), expiryOf(changed, config))) {
      const current = recordOf(await store.get(keyOf(token)) ?? '')
      if (!current) throw new AuthError('invalid_refresh_token') // it has ended meanwhile
      known = current
      changed = change(known)
    }
    return changed
  }

  /** Epoch seconds with their thousandths. */
  #now (): number {
    return this.#options.clock() / 1000
  }
}
