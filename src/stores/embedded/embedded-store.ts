import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DiskRoom } from './disk-room.ts'
import { removeDrafts } from '../drafts.ts'
import { Lmdb } from './lmdb.ts'
import { assertWhole, lastTransaction } from './lmdb-file.ts'
import { isAsClosed } from './lmdb-mark.ts'
import type { StoreWatcher } from '../outages.ts'
import { StoreError, type Entry, type Heard, type Page, type Store, type Swap } from '../store.ts'
import { epochSeconds, type Clock } from '../../clock.ts'

const format = 'handstamp 1'
/** Sweeping takes a four-thousandth of the time, and more only where much has expired. */
const sweepRest = 4_000
const sweepSoonMs = 1_000
const sweepIdleMs = 10_000
const sweepBatch = 2_000
const muchExpired = 200
const pageSize = 1_000
const forever = 0
const newsFolder = 'news/'
const newsCounter = 'counters/news'

/**
 * A folder on this machine, by LMDB: durable, safe for several processes, nothing to run beside it.
 * A value is four bytes of expiry and then its text. An expired value is not served, and is swept away in the background.
 */
export class EmbeddedStore implements Store {
  readonly #lmdb: Lmdb
  readonly #room: DiskRoom
  readonly #clock: Clock
  #sweeping: NodeJS.Timeout | undefined
  #sweptTo = ''
  #closed: Promise<void> | undefined

  private constructor (lmdb: Lmdb, folder: string, clock: Clock) {
    this.#lmdb = lmdb
    this.#room = new DiskRoom(folder)
    this.#clock = clock
    this.#sweepIn(sweepSoonMs)
  }

  /**
   * @throws StoreError for a file that is damaged or not ours: it is never replaced by an empty one; and where there is no room
   * left, as LMDB would end the process when it writes to a mapped page that the disk cannot hold
   */
  static async open (folder: string, clock: Clock = Date.now, watcher?: StoreWatcher): Promise<EmbeddedStore> {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    new DiskRoom(folder).assertLeft()
    const path = join(folder, 'handstamp.mdb')
    if (!existsSync(path)) await Lmdb.make(path, entries => { entries.putSync('format', entryOf(format, forever)) })
    removeDrafts(path)
    const isAsItWas = isAsClosed(path, lastTransaction(path))
    if (!isAsItWas) assertWhole(path)
    try {
      const store = new EmbeddedStore(await Lmdb.open(path, !isAsItWas, clock, watcher), folder, clock)
      if (store.#live('format') === format) return store
      await store.close()
    } catch (error) {
      throw new StoreError(`the store ${path} cannot be opened`, error)
    }
    throw new StoreError(`the store ${path} was written by something else, or by a newer version`)
  }

  async get (key: string): Promise<string | undefined> {
    return this.#lmdb.read(() => this.#live(key))
  }

  async put (key: string, value: string, expiresAt = forever): Promise<void> {
    await this.#write(() => this.#set(key, value, expiresAt))
  }

  async add (key: string, value: string, room: number, expiresAt = forever): Promise<boolean> {
    const start = key.slice(0, key.lastIndexOf('/') + 1)
    return this.#write(() => {
      this.#set(key, value, expiresAt)
      return [...this.#lmdb.entries.getKeys({ start, end: endOf(start), limit: room + 1 })].length > room
    })
  }

  async claim (key: string, value: string, expiresAt = forever): Promise<boolean> {
    return this.#write(() => {
      if (this.#live(key) !== undefined) return false
      this.#set(key, value, expiresAt)
      return true
    })
  }

  async replace (key: string, expected: string, value: string, expiresAt = forever): Promise<boolean> {
    return this.#write(() => {
      if (this.#live(key) !== expected) return false
      this.#set(key, value, expiresAt)
      return true
    })
  }

  async replaceLine (key: string, expected: string, line: string, expiresAt = forever): Promise<Swap> {
    return this.#write(() => {
      const found = this.#live(key)
      if (!found?.startsWith(expected)) return { replaced: false, found }
      const [first = ''] = found.split('\n', 1)
      this.#set(key, line + found.slice(first.length), expiresAt)
      return { replaced: true, found }
    })
  }

  async remove (key: string): Promise<boolean> {
    return this.#lmdb.change(() => this.#lmdb.entries.removeSync(key))
  }

  async page (folder: string, size: number, from?: string): Promise<Page> {
    const start = from === undefined ? folder : `${folder}${from}\0`
    const found = this.#lmdb.read(() => [...this.#lmdb.entries.getRange({ start, end: endOf(folder), limit: size })])
    const last = found[size - 1]
    return { entries: this.#living(found), ...(last && { next: last.key.slice(folder.length) }) }
  }

  /** By the page: what is changed meanwhile is seen or not. */
  async * walk (prefix: string): AsyncIterable<Entry> {
    for (let start = prefix; ;) {
      const page = this.#lmdb.read(() => [...this.#lmdb.entries.getRange({ start, end: endOf(prefix), limit: pageSize })])
      yield * this.#living(page)
      const last = page[pageSize - 1]
      if (!last) return
      start = `${last.key}\0`
    }
  }

  async announce (news: string, expiresAt: number): Promise<void> {
    await this.#write(() => this.#set(newsKey(this.#increment(newsCounter)), news, expiresAt))
  }

  async newsAfter (after: number): Promise<Heard> {
    return this.#lmdb.read(() => {
      const last = Number(this.#live(newsCounter) ?? 0)
      if (last === after) return { last, news: [], mayHaveLost: false }
      const start = last > after ? after + 1 : 0
      const found = this.#living(this.#lmdb.entries.getRange({ start: newsKey(start), end: endOf(newsFolder) }))
      return { last, news: found.map(([, news]) => news), mayHaveLost: false }
    })
  }

  async count (counter: string, above = 0): Promise<number> {
    return this.#write(() => this.#increment(`counters/${counter}`, above))
  }

  now (): number {
    return this.#clock()
  }

  async ping (): Promise<void> {
    this.#lmdb.assertNotHeldUp()
    this.#lmdb.read(() => this.#live('format'))
  }

  secondsAway (since: number): number {
    return this.#lmdb.outages.secondsAway(since)
  }

  async close (): Promise<void> {
    clearTimeout(this.#sweeping)
    this.#closed ??= this.#lmdb.close()
    await this.#closed
  }

  /** Looks at the next batch of entries and removes what has expired; gives back how many it looked at. */
  async sweep (): Promise<number> {
    const { looked } = await this.#sweepBatch()
    return looked
  }

  async #sweepBatch (): Promise<{ looked: number, expired: number, tookMs: number }> {
    const began = performance.now()
    const now = epochSeconds(this.#clock)
    const batch = [...this.#lmdb.entries.getRange({ start: this.#sweptTo, limit: sweepBatch })]
    const last = batch[sweepBatch - 1]
    this.#sweptTo = last ? `${last.key}\0` : ''
    const isOver = (value: Buffer | undefined) => value !== undefined && expiryOf(value) !== forever && expiryOf(value) <= now
    const over = batch.filter(({ value }) => isOver(value))
    const tookMs = performance.now() - began
    if (over.length > 0) {
      await this.#lmdb.change(() => {
        for (const { key } of over) if (isOver(this.#lmdb.entries.get(key))) this.#lmdb.entries.removeSync(key)
      })
    }
    return { looked: batch.length, expired: over.length, tookMs }
  }

  #sweepIn (ms: number): void {
    const swept = () => this.#sweepBatch()
      .then(({ expired, tookMs }) => expired > muchExpired ? sweepSoonMs : Math.max(sweepIdleMs, tookMs * sweepRest), () => sweepIdleMs)
      .then(next => { if (this.#closed === undefined) this.#sweepIn(next) })
    this.#sweeping = setTimeout(() => { swept().catch(() => {}) }, ms).unref()
  }

  #live (key: string): string | undefined {
    const value = this.#lmdb.entries.get(key)
    return value && isLive(value, epochSeconds(this.#clock)) ? textOf(value) : undefined
  }

  #living (found: Iterable<{ key: string, value: Buffer }>): Entry[] {
    const now = epochSeconds(this.#clock)
    return [...found].filter(({ value }) => isLive(value, now)).map(({ key, value }) => [key, textOf(value)])
  }

  #set (key: string, value: string, expiresAt: number): void {
    this.#lmdb.entries.putSync(key, entryOf(value, expiresAt))
  }

  #increment (key: string, above = 0): number {
    const next = Math.max(Number(this.#live(key) ?? 0), above) + 1
    this.#set(key, String(next), forever)
    return next
  }

  /** A change that may need more room than there was. */
  async #write<Result> (change: () => Result): Promise<Result> {
    this.#room.assertLeft()
    return this.#lmdb.change(change)
  }
}

const endOf = (prefix: string): string => `${prefix}\uffff`
const newsKey = (number: number): string => `${newsFolder}${String(number).padStart(16, '0')}`
const entryOf = (value: string, expiresAt: number): Buffer => {
  const entry = Buffer.allocUnsafe(4 + Buffer.byteLength(value))
  entry.writeUInt32BE(expiresAt)
  entry.write(value, 4)
  return entry
}
const expiryOf = (value: Buffer): number => value.readUInt32BE(0)
const textOf = (value: Buffer): string => value.toString('utf8', 4)
const isLive = (value: Buffer, now: number): boolean => expiryOf(value) === forever || expiryOf(value) > now
