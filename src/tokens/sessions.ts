import type { Config } from '../config/config.ts'
import { AuthError } from '../errors.ts'
import { randomId } from '../keys/randomness.ts'
import { epochSeconds, StoreError, type Clock, type Store } from '../stores/store.ts'
import { subjectOf, type AdmittedIdentity } from './access-tokens.ts'
import { backdatedSeconds, type AccessTokenClaims } from './claims.ts'
import { endEveryone, endSession, endSessions } from './end-sessions.ts'
import { hashOf, subjectIdOf, type RefreshToken, type RefreshTokens } from './refresh-tokens.ts'
import type { Revocations } from './revocations.ts'
import { SessionEnded } from './session-ended.ts'
import { folderOf, keyOf, lineOf, lineStart, sessionIdOf, sessionOf, sessionsFolder, sessionText, type SessionRecord } from './session-record.ts'
import { indexOfPlace } from './status-lists.ts'

/** One login on one browser or device: a family of refresh tokens. Times are epoch seconds. */
export interface Session {
  id: string
  startedAt: number
  /** When its current refresh token was issued. */
  lastUsedAt: number
  /** Its absolute end, which no refresh moves. */
  endsAt: number
  /** When it ends if nobody refreshes it. */
  idleEndsAt: number
  /** Browser and system (login/device.ts). */
  device: number
  identity: AdmittedIdentity
  statusIndex?: number
}

/** A session with the refresh token that goes on with it. */
export interface RefreshedSession extends Session {
  refreshToken: string
}

export interface SessionsOptions {
  store: Store
  revocations: Revocations
  refreshTokens: RefreshTokens
  config: Pick<Config, 'token' | 'sessionIdleSeconds' | 'sessionMaxSeconds'>
  clock: Clock
  /** Whether the person may still sign in: asked again at every refresh. */
  admits: (identity: AdmittedIdentity) => boolean
  /**
   * Checks at a refresh whether the person still belongs, by what the session keeps for it, and gives back what it
   * keeps from now on. Throws AuthError for who does not.
   */
  recheck?: (provider: string, grant: string | undefined) => Promise<string | undefined>
}

/** The immediate predecessor still gets its successor for so long: answers get lost, and tabs race. */
const graceSeconds = 10
/** By so much the clocks of replicas may differ. After a clock was set back by more, the grace would last for ever. */
const skewSeconds = 60

/**
 * Sessions: started by a login, kept alive by refresh tokens that change at every use, ended by sign-out, by time, or
 * by a token that was used before (RFC 9700 section 4.14.2).
 */
export class Sessions {
  readonly #options: SessionsOptions

  constructor (options: SessionsOptions) {
    this.#options = options
  }

  /**
   * @param grant what `recheck` will be asked with
   * @throws StoreError: then there is no session, and no token may be issued
   */
  async start (identity: AdmittedIdentity, device: number, grant?: string): Promise<RefreshedSession> {
    const { store, refreshTokens, config } = this.#options
    const token = refreshTokens.first(subjectIdOf(subjectOf(identity)), randomId(16))
    const record: SessionRecord = {
      generation: token.generation,
      tokenHash: hashOf(token),
      startedAt: this.#now(),
      rotatedAt: this.#exactly(),
      device,
      identity,
      ...(config.token.status && { statusIndex: await store.count('status') }),
      ...(grant !== undefined && { grant }),
      rest: []
    }
    await store.put(keyOf(token), sessionText(record), this.#expiryOf(record))
    return withToken(this.#sessionOf(token.sessionId, record), refreshTokens.text(token))
  }

  /**
   * Trades a refresh token for its successor: one compare-and-swap, so that of any number of callers one rotates.
   * @throws AuthError invalid_refresh_token
   * @throws SessionEnded invalid_refresh_token for a token that was used before; email_not_allowed for a person who may no longer sign in
   * @throws StoreError: nothing may be issued then, and the token is still good
   */
  async refresh (text: string): Promise<RefreshedSession> {
    const { store, refreshTokens, config } = this.#options
    const token = refreshTokens.parse(text)
    if (!token) throw new AuthError('invalid_refresh_token')
    const rotatedAt = this.#exactly()
    const next = token.successor
    const presented = { generation: token.generation, tokenHash: hashOf(token) }
    const rotated = { generation: next.generation, tokenHash: hashOf(next) }
    const until = Math.floor(rotatedAt) + config.sessionIdleSeconds
    const { replaced, found } = await store.replaceLine(keyOf(token), lineStart(presented), lineOf(rotated, rotatedAt), until)
    if (found === undefined) throw new AuthError('invalid_refresh_token')
    const record = sessionOf(found)
    if (!record) throw new StoreError('a session was written by a newer version, which has to refresh it')
    if (this.#isOver(token.sessionId, record)) {
      await endSession(this.#options, token.subjectId, this.#sessionOf(token.sessionId, record))
      throw new AuthError('invalid_refresh_token')
    }
    if (!this.#options.admits(record.identity)) return this.#refuse(token, record, new AuthError('email_not_allowed'))
    if (!replaced) return this.#again(token, record)
    const current = await this.#placed(token, await this.#granted(token, { ...record, ...rotated, rotatedAt }))
    return withToken(this.#sessionOf(token.sessionId, current), refreshTokens.text(next))
  }

  /** The live sessions of a subject, last used first. @throws StoreError */
  async list (subject: string): Promise<Session[]> {
    const found = await this.#options.store.list(folderOf(subjectIdOf(subject)))
    return found.flatMap(([key, text]) => this.#liveSession(key, text))
      .filter(({ identity }) => subjectOf(identity) === subject)
      .sort((one, other) => other.lastUsedAt - one.lastUsedAt)
  }

  /** Every live session there is, for operators. */
  async * all (): AsyncIterable<Session> {
    for await (const [key, text] of this.#options.store.walk(sessionsFolder)) yield * this.#liveSession(key, text)
  }

  /** Ends one session of a subject: false if it has no such live one. @throws StoreError */
  async end (subject: string, sessionId: string): Promise<boolean> {
    return (await this.#endThose(subject, id => id === sessionId)).length > 0
  }

  /** Ends every session of a subject but some; gives back the ids of those that lived. @throws StoreError */
  async endAll (subject: string, except: string[] = []): Promise<string[]> {
    return this.#endThose(subject, id => !except.includes(id))
  }

  /** Ends the session that an access token names, whether or not it is still in the store: false if it had ended. @throws StoreError */
  async endOf (claims: Pick<AccessTokenClaims, 'sub' | 'sid' | 'status' | 'auth_time' | 'iat'>): Promise<boolean> {
    const { sub, sid, status, auth_time: startedAt, iat } = claims
    if (await this.end(sub, sid)) return true
    if (this.#options.revocations.has(claims)) return false
    // A record that is gone before its time went with a store that lost its last writes, and then the place may be somebody else's.
    const wasOver = this.#expiryOf({ startedAt, rotatedAt: iat + backdatedSeconds }) <= this.#now()
    await endSession(this.#options, subjectIdOf(sub), { id: sid, ...(wasOver && status && { statusIndex: indexOfPlace(status.status_list) }) })
    return true
  }

  /** The session that a refresh token was issued for, lately or long ago, if it is in the store. @throws StoreError */
  async findByToken (text: string): Promise<Session | undefined> {
    const token = this.#options.refreshTokens.parse(text)
    const record = token && sessionOf(await this.#options.store.get(keyOf(token)) ?? '')
    return token && record && this.#sessionOf(token.sessionId, record)
  }

  /** Ends the session that a refresh token was issued for, and gives it back as far as this version can read it. @throws StoreError */
  async endByToken (text: string): Promise<Session | undefined> {
    const { store, refreshTokens } = this.#options
    const token = refreshTokens.parse(text)
    const stored = token && await store.get(keyOf(token))
    if (!token || stored === undefined) return undefined
    const record = sessionOf(stored)
    const session = record && this.#sessionOf(token.sessionId, record)
    await endSession(this.#options, token.subjectId, session ?? { id: token.sessionId })
    return session
  }

  /** Ends everybody's sessions. @throws StoreError */
  endEveryone (): Promise<void> {
    return endEveryone(this.#options)
  }

  /** What is not the current token: the predecessor within its grace, or a copy that came back. */
  async #again (token: RefreshToken, record: SessionRecord): Promise<RefreshedSession> {
    const { store, refreshTokens } = this.#options
    // One that is ahead of the record was issued before the store lost its last writes: nobody's fault, and of no use.
    if (token.generation >= record.generation) throw new AuthError('invalid_refresh_token')
    // The grace does not run while the store is away: nobody can come for an answer that was lost with it.
    const waited = this.#exactly() - record.rotatedAt - store.secondsAway(Math.floor(record.rotatedAt))
    if (token.generation === record.generation - 1 && waited <= graceSeconds && waited >= -skewSeconds) {
      const successor = refreshTokens.knownSuccessor(token, record.tokenHash)
      if (successor) return withToken(this.#sessionOf(token.sessionId, await this.#placed(token, record)), refreshTokens.text(successor))
    }
    return this.#refuse(token, record, new AuthError('invalid_refresh_token'), true)
  }

  /** Who is refused loses the session. */
  async #refuse ({ subjectId, sessionId }: RefreshToken, record: SessionRecord, refusal: AuthError, reused = false): Promise<never> {
    const session = this.#sessionOf(sessionId, record)
    await endSession(this.#options, subjectId, session)
    throw new SessionEnded(session, refusal, reused)
  }

  /** With what is kept of a membership from now on, where there is one to check. */
  async #granted (token: RefreshToken, record: SessionRecord): Promise<SessionRecord> {
    const grant = await this.#grantOf(token, record)
    return grant === undefined || grant === record.grant ? record : this.#amend(token, record, known => ({ ...known, grant }))
  }

  /** With a place in the status lists, which a session from before TOKEN_STATUS does not have. */
  async #placed (token: RefreshToken, record: SessionRecord): Promise<SessionRecord> {
    const { store, config } = this.#options
    if (!config.token.status || record.statusIndex !== undefined) return record
    const statusIndex = await store.count('status')
    return this.#amend(token, record, known => known.statusIndex === undefined ? { ...known, statusIndex } : known)
  }

  /** Changes what stands beside the refresh token in the store: again from what is there now, if somebody else was faster. */
  async #amend (token: RefreshToken, record: SessionRecord, change: (known: SessionRecord) => SessionRecord): Promise<SessionRecord> {
    const { store } = this.#options
    let known = record
    let changed = change(known)
    while (changed !== known && !await store.replace(keyOf(token), sessionText(known), sessionText(changed), this.#expiryOf(changed))) {
      const current = sessionOf(await store.get(keyOf(token)) ?? '')
      if (!current) throw new AuthError('invalid_refresh_token') // it has ended meanwhile
      known = current
      changed = change(known)
    }
    return changed
  }

  async #grantOf (token: RefreshToken, record: SessionRecord): Promise<string | undefined> {
    try {
      return await this.#options.recheck?.(record.identity.provider, record.grant)
    } catch (error) {
      if (error instanceof AuthError) return this.#refuse(token, record, error)
      throw error
    }
  }

  #endThose (subject: string, chosen: (id: string) => boolean): Promise<string[]> {
    return endSessions(this.#options, subject, chosen, (id, record) => !this.#isOver(id, record))
  }

  #liveSession (key: string, text: string): Session[] {
    const record = sessionOf(text)
    const id = sessionIdOf(key)
    return record && !this.#isOver(id, record) ? [this.#sessionOf(id, record)] : []
  }

  #sessionOf (id: string, record: SessionRecord): Session {
    const { startedAt, rotatedAt, device, identity, statusIndex } = record
    return {
      id,
      startedAt,
      lastUsedAt: Math.floor(rotatedAt),
      endsAt: startedAt + this.#options.config.sessionMaxSeconds,
      idleEndsAt: this.#expiryOf(record),
      device,
      identity,
      ...(statusIndex !== undefined && { statusIndex })
    }
  }

  /** The earlier of the idle and the absolute end. */
  #expiryOf ({ startedAt, rotatedAt }: Pick<SessionRecord, 'startedAt' | 'rotatedAt'>): number {
    const { sessionIdleSeconds, sessionMaxSeconds } = this.#options.config
    return Math.min(Math.floor(rotatedAt) + sessionIdleSeconds, startedAt + sessionMaxSeconds)
  }

  #isOver (id: string, record: SessionRecord): boolean {
    return this.#expiryOf(record) <= this.#now() || this.#options.revocations.has({ sid: id, auth_time: record.startedAt })
  }

  #now (): number {
    return epochSeconds(this.#options.clock)
  }

  /** Epoch seconds with their thousandths. */
  #exactly (): number {
    return this.#options.clock() / 1000
  }
}

/** Not `{ ...session, refreshToken }`: in Node 20 such an object gets a shape of its own, and marking them all holds up every request. */
const withToken = (session: Session, refreshToken: string): RefreshedSession => Object.assign(session, { refreshToken })
