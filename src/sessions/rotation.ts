import { setTimeout as delay } from 'node:timers/promises'
import { AuthError } from '../errors.ts'
import { StoreError } from '../stores/store.ts'
import type { AdmittedIdentity } from '../identity.ts'
import { endSession } from './end.ts'
import { hashOf, type RefreshToken, type RefreshTokens } from './refresh-tokens.ts'
import { expiryOf, isOver, newPlace, sessionOf, withToken, type RefreshedSession, type SessionTerms } from './session.ts'
import { SessionEnded } from './ended.ts'
import { keyOf, lineOf, lineStart, recordOf, sessionText, type SessionRecord } from './record.ts'

export interface RotationOptions extends SessionTerms {
  refreshTokens: RefreshTokens
  /** Whether the person may still sign in: asked again at every refresh. */
  admits: (identity: AdmittedIdentity) => boolean
  /**
   * Checks at a refresh whether the person still belongs, by what the session keeps for it, and gives back what it
   * keeps from now on; undefined changes nothing. Throws AuthError for who does not.
   */
  recheck?: (provider: string, grant: string | undefined) => Promise<string | undefined>
  /** Waits for so many milliseconds. */
  wait?: (ms: number) => Promise<unknown>
}

/** The immediate predecessor still gets its successor for so long: answers get lost, and tabs race. */
const graceSeconds = 10
/**
 * Later, too, as a browser may lose an answer and come back after hours, but so rarely that a thief who always presents
 * the token that the browser has just used is found out: at his third refresh within a day, at his fifth in all.
 */
const lateSeconds = 86_400
const maxRepeatsADay = 2
const maxRepeats = 4
/** Tabs that wake up together count as one repeat: those that come while the first of them waits for its answer. */
const togetherSeconds = 0.25
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
    const swap = await store.replaceLine(keyOf(token), lineStart(presented), lineOf(rotated, rotatedAt), until)
    const found = heldOf(swap.found)
    const { record } = found
    if (isOver(token.sessionId, record, this.#options)) {
      await endSession(this.#options, token.subjectId, sessionOf(token.sessionId, record, this.#options))
      throw new AuthError('invalid_refresh_token')
    }
    if (!this.#options.admits(record.identity)) return this.#refuse(token, record, new AuthError('email_not_allowed'))
    if (!swap.replaced) return this.#again(token, found)
    const held = { text: withLine(found.text, lineOf(rotated, rotatedAt)), record: { ...record, ...rotated, rotatedAt } }
    return this.#goesOn(token, await this.#placed(token, await this.#granted(token, held)), next)
  }

  /** What is not the current token: the predecessor of one that was never used, or a copy that came back. */
  async #again (token: RefreshToken, held: Held): Promise<RefreshedSession> {
    const { store, refreshTokens } = this.#options
    const { generation, tokenHash, rotatedAt } = held.record
    // One that is ahead of the record was issued before the store lost its last writes: no theft, and of no use.
    if (token.generation >= generation) throw new AuthError('invalid_refresh_token')
    const successor = token.generation === generation - 1 ? refreshTokens.knownSuccessor(token, tokenHash) : undefined
    if (!successor) return this.#refuseCopy(token, held)
    // The grace does not run while the store is away: no browser can come again for an answer that was lost with it.
    const waited = this.#now() - rotatedAt - store.secondsAway(Math.floor(rotatedAt))
    if (waited <= graceSeconds && waited >= -skewSeconds) return this.#goesOn(token, await this.#placed(token, held), successor)
    return waited <= lateSeconds ? this.#repeat(token, held, successor) : this.#refuseCopy(token, held)
  }

  /** The predecessor after its grace. The store has counted it before anything is answered. */
  async #repeat (token: RefreshToken, held: Held, successor: RefreshToken): Promise<RefreshedSession> {
    const { store, config, wait = delay } = this.#options
    const now = this.#now()
    const { repeats = [] } = held.record
    const together = repeats.find(at => Math.abs(now - at) < togetherSeconds)
    let counted = held
    if (together === undefined) {
      const lately = repeats.filter(at => now - at < lateSeconds).length
      if (lately >= maxRepeatsADay || repeats.length >= maxRepeats) return this.#refuseCopy(token, held)
      const record = { ...held.record, repeats: [...repeats, now] }
      counted = { text: sessionText(record), record }
      if (!await store.replace(keyOf(token), held.text, counted.text, expiryOf(record, config))) {
        return this.#again(token, await this.#current(token)) // its successor was used meanwhile, or another tab was faster
      }
    }
    // A browser that had its answer and comes again is counted again.
    await wait(1000 * ((together ?? now) + togetherSeconds - now))
    const current = await this.#placed(token, await this.#granted(token, counted))
    return Object.assign(this.#goesOn(token, current, successor), { repeated: true })
  }

  #goesOn ({ sessionId }: RefreshToken, { record }: Held, successor: RefreshToken): RefreshedSession {
    return withToken(sessionOf(sessionId, record, this.#options), this.#options.refreshTokens.text(successor))
  }

  #refuseCopy (token: RefreshToken, { record }: Held): Promise<never> {
    return this.#refuse(token, record, new AuthError('invalid_refresh_token'), true)
  }

  /** Who is refused loses the session. */
  async #refuse ({ subjectId, sessionId }: RefreshToken, record: SessionRecord, refusal: AuthError, reused = false): Promise<never> {
    const session = sessionOf(sessionId, record, this.#options)
    await endSession(this.#options, subjectId, session)
    throw new SessionEnded(session, refusal, reused)
  }

  /** With what is kept of a membership from now on, where there is one to check. */
  async #granted (token: RefreshToken, held: Held): Promise<Held> {
    const grant = await this.#grantOf(token, held.record)
    return grant === undefined || grant === held.record.grant ? held : this.#amend(token, held, known => ({ ...known, grant }))
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
  async #placed (token: RefreshToken, held: Held): Promise<Held> {
    if (!this.#options.config.token.status || held.record.statusIndex !== undefined) return held
    const statusIndex = await newPlace(this.#options)
    return this.#amend(token, held, known => known.statusIndex === undefined ? { ...known, statusIndex } : known)
  }

  /** Changes what stands beside the refresh token in the store: again from what is there now, if another process was faster. */
  async #amend (token: RefreshToken, held: Held, change: (known: SessionRecord) => SessionRecord): Promise<Held> {
    const { store, config } = this.#options
    const record = change(held.record)
    if (record === held.record) return held
    const text = sessionText(record)
    const isStored = await store.replace(keyOf(token), held.text, text, expiryOf(record, config))
    return isStored ? { text, record } : this.#amend(token, await this.#current(token), change)
  }

  /** @throws AuthError where it has ended meanwhile */
  async #current (token: RefreshToken): Promise<Held> {
    return heldOf(await this.#options.store.get(keyOf(token)))
  }

  /** Epoch seconds with their thousandths. */
  #now (): number {
    return this.#options.clock() / 1000
  }
}

/** A record, and the very text that the store has of it. */
interface Held {
  text: string
  record: SessionRecord
}

function heldOf (text: string | undefined): Held {
  if (text === undefined) throw new AuthError('invalid_refresh_token')
  const record = recordOf(text)
  if (!record) throw new StoreError('a session was written by a newer version, which has to refresh it')
  return { text, record }
}

const withLine = (text: string, line: string): string => line + text.slice(text.indexOf('\n'))
