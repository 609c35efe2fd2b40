import { accessSync, closeSync, constants, existsSync, openSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { open, type RootDatabase } from 'lmdb'
import { draftOf, place } from '../drafts.ts'
import { TransactionCounter } from './lmdb-counter.ts'
import { examine, lastTransaction } from './lmdb-file.ts'
import { markClosed, unmark } from './lmdb-mark.ts'
import { Outages, type StoreWatcher } from '../outages.ts'
import { StoreError } from '../store.ts'
import type { Clock } from '../../clock.ts'

export type Entries = RootDatabase<Buffer, string>

/** A caller that waits for a change hears that it was not made after so many looks in a row saw no progress. */
const maxStillness = 5
const lookEveryMs = 100
const notMade = Symbol('not made')
/** Looking through a file behind its back takes a twentieth of the time, in slices that no request notices. */
const sliceMs = 1
const betweenSlicesMs = 20
/** One follows the other, unless processes open the store all the time. */
const attempts = 20

/** Opening one file twice in a process deadlocks LMDB, so handles are shared per path. */
const handles = new Map<string, Lmdb>()

/** A data file in the hands of LMDB, which may have it in several processes at once. Whatever LMDB throws is a StoreError here. */
export class Lmdb {
  readonly entries: Entries
  readonly outages: Outages
  readonly #path: string
  readonly #counter: TransactionCounter
  #users = 0
  /** How to give up each change that is under way. */
  readonly #waiting = new Set<() => void>()
  #looking: NodeJS.Timeout | undefined
  /** Looks in a row that saw nothing move. Time would not do: it also passes while this process is busy. */
  #stillness = 0
  /** So many changes were given up and are still under way. */
  #heldUp = 0
  /** Set where the error is about to end the process. */
  #lost: NodeJS.Immediate | undefined
  /** Where the file was looked through after it was opened: what was wrong with it. */
  #damage: unknown
  #examining: Promise<void> | undefined
  readonly #closing = new AbortController()

  private constructor (path: string, clock: Clock, watcher?: StoreWatcher) {
    this.#path = path
    this.outages = new Outages(clock, watcher)
    this.entries = openFile(path)
    this.#counter = new TransactionCounter(path)
  }

  /**
   * To be closed once for each time it was opened.
   * @param isWhole all of the file was looked through; else that is done in the background, and damage ends the process
   */
  static async open (path: string, isWhole: boolean, clock: Clock, watcher?: StoreWatcher): Promise<Lmdb> {
    const lmdb = handles.get(path) ?? new Lmdb(path, clock, watcher)
    handles.set(path, lmdb)
    lmdb.#users++
    try {
      await lmdb.change(() => {}) // puts right what the opening may have done to the counter
      if (!isWhole) lmdb.#examining ??= lmdb.#examine()
      return lmdb
    } catch (error) {
      await lmdb.close()
      throw error
    }
  }

  /** Of several processes that start at once, one makes the file, and none ever sees half of it. */
  static async make (path: string, fill: (entries: Entries) => void): Promise<void> {
    const draft = draftOf(path)
    try {
      const entries = openFile(draft)
      entries.transactionSync(() => fill(entries))
      await entries.close()
      place(draft, path)
    } catch (error) {
      throw new StoreError(`the store ${path} cannot be made`, error)
    } finally {
      for (const file of [draft, `${draft}-lock`]) rmSync(file, { force: true })
    }
  }

  read<Result> (look: () => Result): Result {
    this.#assertNotDamaged()
    try {
      this.entries.resetReadTxn() // it is kept for a while, and would not show what another process wrote just now
      return look()
    } catch (error) {
      if (/MDB_PANIC/.test((error as Error).message)) this.#lose(error)
      throw new StoreError('the embedded store could not read', error)
    }
  }

  /**
   * One transaction: all of it is on disk when this resolves. It waits for other processes and for the disk, but not
   * for long; a commit that was under way when it was given up may yet succeed.
   */
  async change<Result> (change: () => Result): Promise<Result> {
    this.assertNotHeldUp()
    const waiting = { isOver: false }
    const changed = this.#transaction(change, waiting)
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        waiting.isOver = true
        reject(this.#giveUp(changed))
      }
      this.#waiting.add(giveUp)
      this.#looking ??= setInterval(() => this.#look(), lookEveryMs)
      changed.then(resolve, reject).finally(() => {
        this.#stillness = 0
        this.#waiting.delete(giveUp)
        this.#lookNoLonger()
      })
    })
  }

  assertNotHeldUp (): void {
    this.#assertNotDamaged()
    if (this.#heldUp > 0) throw new StoreError('the embedded store does not get to write')
  }

  async close (): Promise<void> {
    if (--this.#users > 0) return
    handles.delete(this.#path)
    this.#closing.abort()
    if (this.#lost !== undefined || this.#heldUp > 0) return endWithoutWaiting()
    await this.#examining
    await this.entries.close()
    this.#counter.close()
    if (this.#damage === undefined) markClosed(this.#path, lastTransaction(this.#path))
  }

  #assertNotDamaged (): void {
    if (this.#damage !== undefined) throw new StoreError('the embedded store is damaged', this.#damage)
  }

  async #examine (): Promise<void> {
    try {
      const looking = examine(this.#path)
      for (let isDone = false; !isDone;) {
        await pause(betweenSlicesMs, undefined, { ref: false, signal: this.#closing.signal })
        for (const until = performance.now() + sliceMs; !isDone && performance.now() < until;) isDone = looking.next().done === true
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#condemn(error)
    }
  }

  /** Nothing is served from a damaged file, and nothing written to it. */
  #condemn (error: unknown): void {
    this.#damage = error
    unmark(this.#path)
    this.outages.begin(new StoreError('the embedded store is damaged', error))
    setImmediate(() => { throw error })
  }

  /** Makes all of the change or none of it, and none if its caller has given up before its turn comes. */
  async #transaction<Result> (change: () => Result, waiting: { isOver: boolean }): Promise<Result> {
    try {
      for (let attempt = 0; attempt < attempts && !waiting.isOver; attempt++) {
        const outcome = await this.entries.transaction(() => {
          this.#stillness = 0
          return !waiting.isOver && this.#counter.follows(this.entries.getWriteTxnId()) ? change() : notMade
        })
        if (outcome !== notMade) return outcome
      }
      throw new Error(waiting.isOver ? 'nobody waits for it any more' : 'its transactions do not follow each other')
    } catch (error) {
      const { commitError } = error as { commitError?: Promise<unknown> }
      commitError?.catch(() => {}) // or it ends the process
      throw new StoreError('the embedded store could not write', error)
    }
  }

  #look (): void {
    if (++this.#stillness < maxStillness) return
    for (const giveUp of this.#waiting) giveUp()
    this.#waiting.clear()
    this.#lookNoLonger()
  }

  #lookNoLonger (): void {
    if (this.#waiting.size > 0) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }

  #giveUp (changed: Promise<unknown>): StoreError {
    const error = new StoreError('the embedded store does not get to write')
    this.#heldUp++
    this.outages.begin(error)
    changed.catch(() => {}).finally(() => { if (--this.#heldUp === 0) this.outages.end() })
    return error
  }

  /** After some errors of the disk LMDB answers no change of this process any more: only another one can go on. */
  #lose (error: unknown): void {
    this.#lost ??= setImmediate(() => { throw new StoreError('the embedded store is lost to this process', error) })
  }
}

/** A thread of LMDB's waits, perhaps for ever, and the end of a process would wait for it. */
function endWithoutWaiting (): void {
  process.once('exit', () => process.kill(process.pid, 'SIGKILL'))
}

/** Files are made for us alone, and one that cannot be written is an error here: LMDB would end the process. */
function openFile (path: string): Entries {
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
    eventTurnBatching: false // on a full disk it leaves a rejection that no caller can handle
  })
}
