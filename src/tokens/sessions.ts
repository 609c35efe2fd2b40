import type { Config } from '../config/config.ts'
import { AuthError } from '../errors.ts'
import { randomId } from '../keys/randomness.ts'
import { epochSeconds, type Clock, type Store } from '../stores/store.ts'
import type { AdmittedIdentity } from './access-tokens.ts'
import { hashOf, subjectIdOf, type RefreshToken, type RefreshTokens } from './refresh-tokens.ts'
import type { Revocations } from './revocations.ts'
import { lineOf, lineStart, sessionOf, sessionText, type SessionRecord } from './session-record.ts'

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

/** A refresh that was refused and ended the session: its token had been used before, or the person may no longer sign in. */
export class SessionEnded extends AuthError {
  readonly session: Session
  /** Somebody has a copy of the token. */
  readonly reused: boolean

  constructor (session: Session, { code, cause, detail }: AuthError, reused = false) {
    super(code, { cause, detail })
    this.session = session
    this.reused = reused
  }
}

/** The immediate predecessor still gets its successor for so long: answers get lost, and tabs race. */
const graceSeconds = 10

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
    const now = this.#now()
    const token = refreshTokens.first(subjectIdOf(subjectOf(identity)), randomId(16))
    const record: SessionRecord = {
      generation: token.generation,
      tokenHash: hashOf(token),
      startedAt: now,
      rotatedAt: now,
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
   * @throws StoreError: nothing may be issued then
   */
  async refresh (text: string): Promise<RefreshedSession> {
    const { store, refreshTokens, config } = this.#options
    const token = refreshTokens.parse(text)
    if (!token) throw new AuthError('invalid_refresh_token')
    const now = this.#now()
    const next = token.successor
    const presented = { generation: token.generation, tokenHash: hashOf(token) }
    const rotated = { generation: next.generation, tokenHash: hashOf(next) }
    const { replaced, found } = await store.replaceLine(keyOf(token), lineStart(presented), lineOf(rotated, now), now + config.sessionIdleSeconds)
    const record = found === undefined ? undefined : sessionOf(found)
    if (!record) throw new AuthError('invalid_refresh_token')
    if (this.#isOver(token.sessionId, record)) {
      await this.#end(token.subjectId, this.#sessionOf(token.sessionId, record))
      throw new AuthError('invalid_refresh_token')
    }
    if (!this.#options.admits(record.identity)) return this.#refuse(token, record, new AuthError('email_not_allowed'))
    if (!replaced) return this.#again(token, record)
    const current = await this.#broughtUpToDate(token, { ...record, ...rotated, rotatedAt: now })
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
    for await (const [key, text] of this.#options.store.walk('sessions/')) yield * this.#liveSession(key, text)
  }

  /** Ends one session of a subject: false if it has no such live one. @throws StoreError */
  async end (subject: string, sessionId: string): Promise<boolean> {
    const session = (await this.list(subject)).find(({ id }) => id === sessionId)
    if (session) await this.#end(subjectIdOf(subject), session)
    return session !== undefined
  }

  /** Ends the session that an access token names, whether or not it is still in the store. @throws StoreError */
  async endOf ({ sub, sid }: { sub: string, sid: string }): Promise<void> {
    if (!await this.end(sub, sid)) await this.#end(subjectIdOf(sub), { id: sid })
  }

  /** Ends the session that a refresh token was issued for, lately or long ago. @throws StoreError */
  async endByToken (text: string): Promise<Session | undefined> {
    const token = this.#options.refreshTokens.parse(text)
    const stored = token && await this.#options.store.get(keyOf(token))
    const record = stored === undefined ? undefined : sessionOf(stored)
    if (!token || !record) return undefined
    const session = this.#sessionOf(token.sessionId, record)
    await this.#end(token.subjectId, session)
    return session
  }

  /** Ends every session of a subject, and gives them back. @throws StoreError */
  async endAll (subject: string): Promise<Session[]> {
    const sessions = await this.list(subject)
    await Promise.all(sessions.map(session => this.#end(subjectIdOf(subject), session)))
    return sessions
  }

  /** Ends everybody's sessions that began before now. @throws StoreError */
  async endEveryone (): Promise<void> {
    const { store, revocations, config } = this.#options
    const before = this.#now() + 1
    await revocations.revokeEveryone(before, await store.count('status'), before + config.sessionMaxSeconds)
    // Whoever signs in from now on has begun after it: times have no smaller unit.
    await new Promise(resolve => setTimeout(resolve, 1_000))
  }

  /** What is not the current token: the predecessor within its grace, or a copy that came back. */
  async #again (token: RefreshToken, record: SessionRecord): Promise<RefreshedSession> {
    const { store, refreshTokens } = this.#options
    // One that is ahead of the record was issued before the store lost its last writes: nobody's fault, and of no use.
    if (token.generation >= record.generation) throw new AuthError('invalid_refresh_token')
    // The grace does not run while the store is away: nobody can come for an answer that was lost with it.
    const waited = this.#now() - record.rotatedAt - store.secondsAway(record.rotatedAt)
    if (token.generation === record.generation - 1 && waited <= graceSeconds) {
      const successor = refreshTokens.knownSuccessor(token, record.tokenHash)
      if (successor) return withToken(this.#sessionOf(token.sessionId, record), refreshTokens.text(successor))
    }
    return this.#refuse(token, record, new AuthError('invalid_refresh_token'), true)
  }

  /** Who is refused loses the session. */
  async #refuse ({ subjectId, sessionId }: RefreshToken, record: SessionRecord, refusal: AuthError, reused = false): Promise<never> {
    const session = this.#sessionOf(sessionId, record)
    await this.#end(subjectId, session)
    throw new SessionEnded(session, refusal, reused)
  }

  /** What a refresh may change beside the token: what is kept of a membership, and a place in the status lists for a session without one. */
  async #broughtUpToDate (token: RefreshToken, record: SessionRecord): Promise<SessionRecord> {
    const { store, config } = this.#options
    const grant = await this.#grantOf(token, record) ?? record.grant
    const statusIndex = config.token.status ? record.statusIndex ?? await store.count('status') : record.statusIndex
    if (grant === record.grant && statusIndex === record.statusIndex) return record
    const current = { ...record, ...(grant !== undefined && { grant }), ...(statusIndex !== undefined && { statusIndex }) }
    await store.replace(keyOf(token), sessionText(record), sessionText(current), this.#expiryOf(current))
    return current
  }

  /** What is kept of a membership from now on, where there is one to check. */
  async #grantOf (token: RefreshToken, record: SessionRecord): Promise<string | undefined> {
    try {
      return await this.#options.recheck?.(record.identity.provider, record.grant)
    } catch (error) {
      if (error instanceof AuthError) return this.#refuse(token, record, error)
      throw error
    }
  }

  /** Without its record there is no refresh; news of it stops its access tokens. Both may be done again. */
  async #end (subjectId: string, { id, statusIndex }: Pick<Session, 'id' | 'statusIndex'>): Promise<void> {
    const { store, revocations, config } = this.#options
    const until = this.#now() + config.token.ttlSeconds
    await Promise.all([
      revocations.revoke({ id, until, ...(statusIndex !== undefined && { statusIndex }) }),
      store.remove(folderOf(subjectId) + id)
    ])
  }

  #liveSession (key: string, text: string): Session[] {
    const record = sessionOf(text)
    const id = key.slice(key.lastIndexOf('/') + 1)
    return record && !this.#isOver(id, record) ? [this.#sessionOf(id, record)] : []
  }

  #sessionOf (id: string, record: SessionRecord): Session {
    const { startedAt, rotatedAt, device, identity, statusIndex } = record
    return {
      id,
      startedAt,
      lastUsedAt: rotatedAt,
      endsAt: startedAt + this.#options.config.sessionMaxSeconds,
      idleEndsAt: this.#expiryOf(record),
      device,
      identity,
      ...(statusIndex !== undefined && { statusIndex })
    }
  }

  /** The earlier of the idle and the absolute end. */
  #expiryOf ({ startedAt, rotatedAt }: SessionRecord): number {
    const { sessionIdleSeconds, sessionMaxSeconds } = this.#options.config
    return Math.min(rotatedAt + sessionIdleSeconds, startedAt + sessionMaxSeconds)
  }

  #isOver (id: string, record: SessionRecord): boolean {
    return this.#expiryOf(record) <= this.#now() || this.#options.revocations.has({ sid: id, auth_time: record.startedAt })
  }

  #now (): number {
    return epochSeconds(this.#options.clock)
  }
}

export const subjectOf = ({ provider, subject }: Pick<AdmittedIdentity, 'provider' | 'subject'>): string => `${provider}|${subject}`

/** Not `{ ...session, refreshToken }`: in Node 20 such an object gets a shape of its own, and marking them all holds up every request. */
const withToken = (session: Session, refreshToken: string): RefreshedSession => Object.assign(session, { refreshToken })

const folderOf = (subjectId: string): string => `sessions/${subjectId}/`
const keyOf = ({ subjectId, sessionId }: RefreshToken): string => folderOf(subjectId) + sessionId
