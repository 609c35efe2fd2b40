import { randomId } from '../keys/randomness.ts'
import { epochSeconds } from '../stores/store.ts'
import { subjectOf, type AdmittedIdentity } from './access-tokens.ts'
import { backdatedSeconds, type AccessTokenClaims } from './claims.ts'
import { endEveryone, endSession, endSessions } from './end-sessions.ts'
import { hashOf, subjectIdOf } from './refresh-tokens.ts'
import { Rotation, type RotationOptions } from './rotation.ts'
import { expiryOf, isOver, newPlace, sessionOf, withToken, type RefreshedSession, type Session } from './session.ts'
import { folderOf, keyOf, recordOf, sessionIdOf, sessionsFolder, sessionText, type SessionRecord } from './session-record.ts'
import { indexOfPlace } from './status-lists.ts'

/**
 * Sessions: started by a login, kept alive by refresh tokens that change at every use, ended by sign-out, by time, or
 * by a token that was used before.
 */
export class Sessions {
  readonly #options: RotationOptions
  readonly #rotation: Rotation

  constructor (options: RotationOptions) {
    this.#options = options
    this.#rotation = new Rotation(options)
  }

  /**
   * @param grant what `recheck` will be asked with
   * @throws StoreError: then there is no session, and no token may be issued
   */
  async start (identity: AdmittedIdentity, device: number, grant?: string): Promise<RefreshedSession> {
    const { store, refreshTokens, config, clock, revocations } = this.#options
    const token = refreshTokens.first(subjectIdOf(subjectOf(identity)), randomId(16))
    const record: SessionRecord = {
      generation: token.generation,
      tokenHash: hashOf(token),
      // Whoever signs in after everybody's sessions were ended stays, though the clock was set back.
      startedAt: Math.max(epochSeconds(clock), revocations.everyoneBefore),
      rotatedAt: clock() / 1000,
      device,
      identity,
      ...(config.token.status && { statusIndex: await newPlace(this.#options) }),
      ...(grant !== undefined && { grant }),
      rest: []
    }
    await store.put(keyOf(token), sessionText(record), expiryOf(record, config))
    return withToken(sessionOf(token.sessionId, record, this.#options), refreshTokens.text(token))
  }

  /** Trades a refresh token for its successor, as Rotation does. */
  refresh (text: string): Promise<RefreshedSession> {
    return this.#rotation.refresh(text)
  }

  /** The live sessions of a subject, last used first. @throws StoreError */
  async list (subject: string): Promise<Session[]> {
    const found = await this.#options.store.list(folderOf(subjectIdOf(subject)))
    return found.flatMap(([key, text]) => this.#live(key, text))
      .filter(({ identity }) => subjectOf(identity) === subject)
      .sort((one, other) => other.lastUsedAt - one.lastUsedAt)
  }

  /** Every live session there is, for operators. */
  async * all (): AsyncIterable<Session> {
    for await (const [key, text] of this.#options.store.walk(sessionsFolder)) yield * this.#live(key, text)
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
    const { revocations, config, clock } = this.#options
    const { sub, sid, status, auth_time: startedAt, iat } = claims
    if (await this.end(sub, sid)) return true
    if (revocations.has(claims)) return false
    // A record that is gone before its time went with a store that lost its last writes, and then the place may be somebody else's.
    const wasOver = expiryOf({ startedAt, rotatedAt: iat + backdatedSeconds }, config) <= epochSeconds(clock)
    await endSession(this.#options, subjectIdOf(sub), { id: sid, ...(wasOver && status && { statusIndex: indexOfPlace(status.status_list) }) })
    return true
  }

  /** The session that a refresh token was issued for, lately or long ago, if it is in the store. @throws StoreError */
  async findByToken (text: string): Promise<Session | undefined> {
    const token = this.#options.refreshTokens.parse(text)
    const record = token && recordOf(await this.#options.store.get(keyOf(token)) ?? '')
    return token && record && sessionOf(token.sessionId, record, this.#options)
  }

  /** The live session of a refresh token, and whether that token is its newest. @throws StoreError */
  async resume (text: string): Promise<{ session: RefreshedSession, isNewest: boolean } | undefined> {
    const token = this.#options.refreshTokens.parse(text)
    const record = token && recordOf(await this.#options.store.get(keyOf(token)) ?? '')
    if (!token || !record || isOver(token.sessionId, record, this.#options)) return undefined
    const isNewest = token.generation === record.generation && hashOf(token) === record.tokenHash
    return { session: withToken(sessionOf(token.sessionId, record, this.#options), text), isNewest }
  }

  /** Ends the session that a refresh token was issued for, and gives it back as far as this version can read it. @throws StoreError */
  async endByToken (text: string): Promise<Session | undefined> {
    const { store, refreshTokens } = this.#options
    const token = refreshTokens.parse(text)
    const stored = token && await store.get(keyOf(token))
    if (!token || stored === undefined) return undefined
    const record = recordOf(stored)
    const session = record && sessionOf(token.sessionId, record, this.#options)
    await endSession(this.#options, token.subjectId, session ?? { id: token.sessionId })
    return session
  }

  /** Ends everybody's sessions. @throws StoreError */
  endEveryone (): Promise<void> {
    return endEveryone(this.#options)
  }

  #endThose (subject: string, chosen: (id: string) => boolean): Promise<string[]> {
    return endSessions(this.#options, subject, chosen, (id, record) => !isOver(id, record, this.#options))
  }

  #live (key: string, text: string): Session[] {
    const [id, record] = [sessionIdOf(key), recordOf(text)]
    return record && !isOver(id, record, this.#options) ? [sessionOf(id, record, this.#options)] : []
  }
}
