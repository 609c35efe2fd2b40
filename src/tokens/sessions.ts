import type { Config } from '../config/config.ts'
import { randomId } from '../keys/randomness.ts'
import { epochSeconds, type Clock, type Store } from '../stores/store.ts'
import type { Revocations } from './revocations.ts'

/** One login on one browser or device. Times are epoch seconds. */
export interface Session {
  id: string
  startedAt: number
}

/** Kept while access tokens of the session may be alive. `v` tells later versions how to read it. */
interface SessionRecord {
  v: 1
  startedAt: number
}

/**
 * Starts and ends sessions. A session lasts as long as its access token: whoever refreshes sessions later extends
 * the record here.
 */
export class Sessions {
  readonly #store: Store
  readonly #revocations: Revocations
  readonly #tokenSeconds: number
  readonly #clock: Clock

  constructor (store: Store, revocations: Revocations, { token }: Pick<Config, 'token'>, clock: Clock) {
    this.#store = store
    this.#revocations = revocations
    this.#tokenSeconds = token.ttlSeconds
    this.#clock = clock
  }

  /** @throws StoreError: then there is no session, and no token may be issued */
  async start (subject: string): Promise<Session> {
    const session = { id: randomId(16), startedAt: epochSeconds(this.#clock) }
    const record: SessionRecord = { v: 1, startedAt: session.startedAt }
    await this.#store.put(sessionKey(subject, session.id), JSON.stringify(record), session.startedAt + this.#tokenSeconds)
    return session
  }

  /** Ends one session: its access tokens are refused here from now on. @throws StoreError */
  async end (subject: string, sessionId: string): Promise<void> {
    await this.#revocations.revoke(sessionId, epochSeconds(this.#clock) + this.#tokenSeconds)
    await this.#store.remove(sessionKey(subject, sessionId))
  }

  /** Ends every session of a subject; gives back how many. @throws StoreError */
  async endAll (subject: string): Promise<number> {
    const records = await this.#store.list(sessionKey(subject, ''))
    for (const [key] of records) await this.end(subject, key.slice(key.lastIndexOf('/') + 1))
    return records.length
  }
}

/** A subject may hold any printable character; encoded, it cannot leave its place in a key. */
const sessionKey = (subject: string, sessionId: string): string =>
  `sessions/${Buffer.from(subject).toString('base64url')}/${sessionId}`
