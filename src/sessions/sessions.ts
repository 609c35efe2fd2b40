import { randomId } from '../keys/randomness.ts'
import { pagesOf, type Entry } from '../stores/store.ts'
import { subjectOf, type AdmittedIdentity } from '../identity.ts'
import { backdatedSeconds, type AccessTokenClaims } from '../tokens/claims.ts'
import { endEveryone, endOne, endSession, endSessions } from './end.ts'
import { hashOf, subjectIdOf } from './refresh-tokens.ts'
import { Rotation, type RotationOptions } from './rotation.ts'
import { SessionLimit, type LimitOptions } from './limit.ts'
import { expiryOf, isOver, newPlace, sessionOf, withToken, type RefreshedSession, type Session } from './session.ts'
import { folderOf, keyOf, recordOf, sessionIdOf, sessionsFolder, sessionText, type SessionRecord } from './record.ts'
import { indexOfPlace } from '../tokens/status-lists.ts'
import { epochSeconds } from '../clock.ts'

/** Some of a person's sessions, last used first. */
export interface SessionPage {
  sessions: Session[]
  next?: string
}

const pageSize = 100
const listSize = 1_000
const lastUsedFirst = (one: Session, other: Session): number => other.lastUsedAt - one.lastUsedAt

/**
 * Sessions: started by a login, kept alive by refresh tokens that change at every use, ended by sign-out, by time, or
 * by a token that was used before.
 */
export class Sessions {
  readonly #options: RotationOptions & LimitOptions
  readonly #rotation: Rotation
  readonly #limit: SessionLimit

  constructor (options: RotationOptions & LimitOptions) {
    this.#options = options
    this.#rotation = new Rotation(options)
    this.#limit = new SessionLimit(options)
  }

  /**
   * Begins a session; the person's oldest one ends if that makes one too many.
   * @param grant what `recheck` will be asked with
   * @throws StoreError: then there is no session, and no token may be issued
   */
  async start (identity: AdmittedIdentity, device: number, grant?: string): Promise<RefreshedSession> {
    const { store, refreshTokens, config, clock, revocations } = this.#options
    const subject = subjectOf(identity)
    const token = refreshTokens.first(subjectIdOf(subject), randomId(16))
    const record: SessionRecord = {
      generation: token.generation,
      tokenHash: hashOf(token),
      // A session that begins after all sessions were ended stays, even if the clock was set back.
      startedAt: Math.max(epochSeconds(clock), revocations.everyoneBefore),
      rotatedAt: clock() / 1000,
      device,
      identity,
      ...(config.token.status && { statusIndex: await newPlace(this.#options) }),
      ...(grant !== undefined && { grant }),
      rest: []
    }
    const isTooMany = await store.add(keyOf(token), sessionText(record), config.sessionsPerPerson, expiryOf(record, config))
    if (isTooMany) await this.#limit.keep(subject, { id: token.sessionId, at: record.rotatedAt })
    return withToken(sessionOf(token.sessionId, record, this.#options), refreshTokens.text(token))
  }

  /** Trades a refresh token for its successor, as Rotation does. */
  refresh (text: string): Promise<RefreshedSession> {
    return this.#rotation.refresh(text)
  }

  /** The live sessions of a subject, last used first, however many. @throws StoreError */
  async list (subject: string): Promise<Session[]> {
    const found: Session[] = []
    for await (const entries of pagesOf(this.#options.store, folderOf(subjectIdOf(subject)), listSize)) found.push(...this.#of(subject, entries))
    return found.sort(lastUsedFirst)
  }

  /** Some of them, and where the next ones begin if there are more. The current one is on the first page. @throws StoreError */
  async page (subject: string, current: string, from?: string): Promise<SessionPage> {
    const { store } = this.#options
    const folder = folderOf(subjectIdOf(subject))
    const { entries, next } = await store.page(folder, pageSize, from)
    if (next === undefined && from === undefined) return { sessions: this.#of(subject, entries).sort(lastUsedFirst) }
    const others = entries.filter(([key]) => key !== folder + current)
    const text = from === undefined ? await store.get(folder + current) : undefined
    const here = text === undefined ? [] : this.#of(subject, [[folder + current, text]])
    return { sessions: [...here, ...this.#of(subject, others).sort(lastUsedFirst)], ...(next !== undefined && { next }) }
  }

  /** Every live session there is, for operators. */
  async * all (): AsyncIterable<Session> {
    for await (const [key, text] of this.#options.store.walk(sessionsFolder)) yield * this.#live(key, text)
  }

  /** Ends one session of a subject: false if it has no such live one. @throws StoreError */
  end (subject: string, sessionId: string): Promise<boolean> {
    return endOne(this.#options, subject, sessionId, this.#isLive)
  }

  /** Ends every session of a subject but some; gives back the ids of those that lived. @throws StoreError */
  endAll (subject: string, except: string[] = []): Promise<string[]> {
    return endSessions(this.#options, subject, except, this.#isLive)
  }

  /** Ends the session that an access token names, whether or not it is still in the store: false if it had ended. @throws StoreError */
  async endOf (claims: Pick<AccessTokenClaims, 'sub' | 'sid' | 'status' | 'auth_time' | 'iat'>): Promise<boolean> {
    const { revocations, config, clock } = this.#options
    const { sub, sid, status, auth_time: startedAt, iat } = claims
    if (await this.end(sub, sid)) return true
    if (revocations.has(claims)) return false
    // If the record vanished before it expired, the store lost writes, and this index may belong to another session: do not revoke it.
    const wasOver = expiryOf({ startedAt, rotatedAt: iat + backdatedSeconds }, config) <= epochSeconds(clock)
    await endSession(this.#options, subjectIdOf(sub), { id: sid, ...(wasOver && status && { statusIndex: indexOfPlace(status.status_list) }) })
    return true
  }

  /** Whether a refresh token was issued to another person, though its session may be gone. */
  isOfAnother (text: string, subject: string): boolean {
    const token = this.#options.refreshTokens.parse(text)
    return token !== undefined && token.subjectId !== subjectIdOf(subject)
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

  readonly #isLive = (id: string, record: SessionRecord): boolean => !isOver(id, record, this.#options)

  /** Two people may share a folder. */
  #of (subject: string, entries: Entry[]): Session[] {
    return entries.flatMap(([key, text]) => this.#live(key, text)).filter(({ identity }) => subjectOf(identity) === subject)
  }

  #live (key: string, text: string): Session[] {
    const [id, record] = [sessionIdOf(key), recordOf(text)]
    return record && !isOver(id, record, this.#options) ? [sessionOf(id, record, this.#options)] : []
  }
}
