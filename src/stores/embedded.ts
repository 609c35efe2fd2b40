import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { epochSeconds, StoreError, type Clock, type Store } from './store.ts'

type Entry = [expiresAt: number, value: string]

const purgeEveryMs = 60_000
const purgeBatch = 1_000
const forever = 0

/** A folder on this machine, by LMDB: durable, safe for several processes, nothing to run beside it. */
export class EmbeddedStore implements Store {
  readonly #root: RootDatabase
  readonly #entries: Database<Entry, string>
  /** [expiresAt, key] in order of time, so that a purge reads only what is over. */
  readonly #expiries: Database<true, [number, string]>
  readonly #clock: Clock
  readonly #purging: NodeJS.Timeout

  constructor (folder: string, clock: Clock = Date.now) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, 'handstamp.mdb')
    this.#root = open({ path, noSubdir: true, maxDbs: 4, encoding: 'msgpack' })
    this.#entries = this.#root.openDB<Entry, string>({ name: 'entries' })
    this.#expiries = this.#root.openDB<true, [number, string]>({ name: 'expiries' })
    for (const file of [path, `${path}-lock`]) chmodSync(file, 0o600)
    this.#clock = clock
    this.#purging = setInterval(() => { this.purge().catch(() => {}) }, purgeEveryMs).unref()
  }

  async get (key: string): Promise<string | undefined> {
    return this.#live(key)
  }

  async put (key: string, value: string, expiresAt = forever): Promise<void> {
    await this.#write(() => this.#set(key, value, expiresAt))
  }

  async claim (key: string, value: string, expiresAt = forever): Promise<boolean> {
    return this.#write(() => {
      if (this.#live(key) !== undefined) return false
      this.#set(key, value, expiresAt)
      return true
    })
  }

  async remove (key: string): Promise<void> {
    await this.#write(() => {
      this.#forgetExpiry(key)
      this.#entries.removeSync(key)
    })
  }

  async list (prefix: string): Promise<Array<[key: string, value: string]>> {
    const now = epochSeconds(this.#clock)
    const found: Array<[string, string]> = []
    for (const { key, value: [expiresAt, value] } of this.#entries.getRange({ start: prefix, end: `${prefix}\uffff` })) {
      if (expiresAt === forever || expiresAt > now) found.push([key, value])
    }
    return found
  }

  async ping (): Promise<void> {
    this.#entries.get('ping')
  }

  async close (): Promise<void> {
    clearInterval(this.#purging)
    await this.#root.close()
  }

  /** Removes what is over, a batch at a time. */
  async purge (): Promise<number> {
    const now = epochSeconds(this.#clock)
    return this.#write(() => {
      const over = [...this.#expiries.getKeys({ end: [now, '\uffff'], limit: purgeBatch })]
      for (const expiry of over) {
        this.#expiries.removeSync(expiry)
        this.#entries.removeSync(expiry[1])
      }
      return over.length
    })
  }

  #live (key: string): string | undefined {
    const [expiresAt, value] = this.#entries.get(key) ?? []
    return expiresAt === forever || (expiresAt ?? 0) > epochSeconds(this.#clock) ? value : undefined
  }

  #set (key: string, value: string, expiresAt: number): void {
    this.#forgetExpiry(key)
    this.#entries.putSync(key, [expiresAt, value])
    if (expiresAt !== forever) this.#expiries.putSync([expiresAt, key], true)
  }

  #forgetExpiry (key: string): void {
    const [expiresAt] = this.#entries.get(key) ?? []
    if (expiresAt !== undefined && expiresAt !== forever) this.#expiries.removeSync([expiresAt, key])
  }

  /** One transaction: all of it is on disk when this resolves, or none of it ever. */
  async #write<Result> (change: () => Result): Promise<Result> {
    try {
      const result = await this.#root.transaction(change)
      await this.#root.flushed
      return result
    } catch (error) {
      throw new StoreError('the embedded store could not write', error)
    }
  }
}
