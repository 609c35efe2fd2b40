import { randomUUID } from 'node:crypto'
import { accessSync, closeSync, constants, existsSync, linkSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { assertWhole } from './lmdb-file.ts'
import { epochSeconds, StoreError, type Clock, type Entry, type Store, type Swap } from './store.ts'

const format = 'handstamp 1'
const sweepEveryMs = 1_000
const sweepBatch = 2_000
const forever = 0
const newsFolder = 'news/'
const newsCounter = 'counters/news'

/**
 * A folder on this machine, by LMDB: durable, safe for several processes, nothing to run beside it.
 * A value is four bytes of expiry and then its text. What is over is not served, and swept away in the background.
 */
export class EmbeddedStore implements Store {
  readonly #entries: RootDatabase<Buffer, string>
  readonly #clock: Clock
  readonly #sweeping: NodeJS.Timeout
  #sweptTo = ''

  private constructor (path: string, clock: Clock) {
    this.#clock = clock
    this.#entries = openFile(path)
    this.#sweeping = setInterval(() => { this.sweep().catch(() => {}) }, sweepEveryMs).unref()
  }

  /** @throws StoreError for a file that is damaged or not ours: it is never replaced by an empty one */
  static async open (folder: string, clock: Clock = Date.now): Promise<EmbeddedStore> {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, 'handstamp.mdb')
    if (!existsSync(path)) await makeFile(path)
    assertWhole(path)
    try {
      const store = new EmbeddedStore(path, clock)
      if (store.#live('format') === format) return store
      await store.close()
    } catch (error) {
      throw new StoreError(`the store ${path} cannot be opened`, error)
    }
    throw new StoreError(`the store ${path} was written by something else, or by a newer version`)
  }

  async get (key: string): Promise<string | undefined> {
    return this.#read(() => this.#live(key))
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

  async remove (key: string): Promise<void> {
    await this.#write(() => { this.#entries.removeSync(key) })
  }

  async list (folder: string): Promise<Entry[]> {
    return this.#read(() => [...this.#range(folder)])
  }

  async * walk (prefix: string): AsyncIterable<Entry> {
    yield * this.#range(prefix)
  }

  async announce (news: string, expiresAt: number): Promise<void> {
    await this.#write(() => this.#set(newsKey(this.#increment(newsCounter)), news, expiresAt))
  }

  async newsAfter (after: number): Promise<{ last: number, news: string[] }> {
    return this.#read(() => {
      const last = Number(this.#live(newsCounter) ?? 0)
      if (last === after) return { last, news: [] }
      const start = last > after ? after + 1 : 0
      return { last, news: [...this.#range(newsFolder, newsKey(start))].map(([, news]) => news) }
    })
  }

  async count (counter: string): Promise<number> {
    return this.#write(() => this.#increment(`counters/${counter}`))
  }

  async ping (): Promise<void> {
    this.#read(() => this.#live('format'))
  }

  secondsAway (): number {
    return 0
  }

  async close (): Promise<void> {
    clearInterval(this.#sweeping)
    await this.#entries.close()
  }

  /** Looks at the next batch of entries and removes what is over; gives back how many it looked at. */
  async sweep (): Promise<number> {
    const now = epochSeconds(this.#clock)
    const batch = [...this.#entries.getRange({ start: this.#sweptTo, limit: sweepBatch })]
    const last = batch[sweepBatch - 1]
    this.#sweptTo = last ? `${last.key}\0` : ''
    const isOver = (value: Buffer | undefined) => value !== undefined && expiryOf(value) !== forever && expiryOf(value) <= now
    const over = batch.filter(({ value }) => isOver(value))
    if (over.length > 0) {
      await this.#write(() => {
        for (const { key } of over) if (isOver(this.#entries.get(key))) this.#entries.removeSync(key)
      })
    }
    return batch.length
  }

  #live (key: string): string | undefined {
    const value = this.#entries.get(key)
    return value && isLive(value, epochSeconds(this.#clock)) ? textOf(value) : undefined
  }

  * #range (prefix: string, start = prefix): Iterable<Entry> {
    const now = epochSeconds(this.#clock)
    for (const { key, value } of this.#entries.getRange({ start, end: `${prefix}\uffff` })) {
      if (isLive(value, now)) yield [key, textOf(value)]
    }
  }

  #set (key: string, value: string, expiresAt: number): void {
    this.#entries.putSync(key, entryOf(value, expiresAt))
  }

  #increment (key: string): number {
    const next = Number(this.#live(key) ?? 0) + 1
    this.#set(key, String(next), forever)
    return next
  }

  #read<Result> (look: () => Result): Result {
    try {
      this.#entries.resetReadTxn() // it is kept for a while, and would not show what another process wrote just now
      return look()
    } catch (error) {
      throw new StoreError('the embedded store could not read', error)
    }
  }

  /** One transaction: all of it is on disk when this resolves, or none of it ever. */
  async #write<Result> (change: () => Result): Promise<Result> {
    try {
      return await this.#entries.transaction(change)
    } catch (error) {
      const { commitError } = error as { commitError?: Promise<unknown> }
      commitError?.catch(() => {}) // or it ends the process
      throw new StoreError('the embedded store could not write', error)
    }
  }
}

/** Files are made for us alone, and one that cannot be written is an error here: the engine would end the process. */
function openFile (path: string): RootDatabase<Buffer, string> {
  for (const file of [path, `${path}-lock`]) {
    // A lock file that is there is not opened: to close it would give up every lock this process has on it.
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
    else closeSync(openSync(file, 'a', 0o600))
  }
  return open<Buffer, string>({
    path,
    noSubdir: true,
    encoding: 'binary',
    overlappingSync: false, // it loses transactions of others when a process is killed while it syncs
    eventTurnBatching: false // it leaves a rejection that nobody can handle when the disk is full
  })
}

/** Of several processes that start at once, one makes the file, and none ever sees half of it. */
async function makeFile (path: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  try {
    const entries = openFile(draft)
    entries.transactionSync(() => entries.putSync('format', entryOf(format, forever)))
    await entries.close()
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new StoreError(`the store ${path} cannot be made`, error)
  } finally {
    for (const file of [draft, `${draft}-lock`]) rmSync(file, { force: true })
  }
}

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
