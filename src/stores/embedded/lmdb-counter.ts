import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { magic, meta, readMeta } from './lmdb-file.ts'
import { StoreError } from '../store.ts'

/** Where the number of the last transaction is in a lock file. */
const counterAt = 8

/**
 * LMDB numbers write transactions by a counter in the lock file. The build that we use sets it whenever a process opens
 * the store, to what that process read a moment before (mdb_env_open2 in lmdb 3.5.6): what others committed in that
 * moment would be taken back by the next write, or garbled. So each write asks here first.
 */
export class TransactionCounter {
  readonly #path: string
  readonly #data: number
  readonly #metas: Buffer
  readonly #secondAt: number
  /** Never closed: to close it would give up every lock this process has on the file. */
  #lock: number | undefined

  /** @param path of a data file that is there */
  constructor (path: string) {
    this.#path = path
    this.#data = openSync(path, 'r')
    this.#secondAt = readMeta(this.#data).pageSize + meta.transaction
    this.#metas = Buffer.alloc(this.#secondAt + 8)
  }

  /**
   * Whether a write transaction follows the last one that was committed; to be asked within it. If it does not, it may
   * change nothing, and the next one will follow.
   * @throws StoreError for a lock file of another kind
   */
  follows (transaction: number): boolean {
    const last = this.#last()
    if (transaction === last + 1) return true
    this.#set(last)
    return false
  }

  close (): void {
    closeSync(this.#data)
  }

  /** Only to be asked within a write transaction: no other process writes meanwhile. */
  #last (): number {
    readSync(this.#data, this.#metas, 0, this.#metas.length, 0)
    return Math.max(Number(this.#metas.readBigUInt64LE(meta.transaction)), Number(this.#metas.readBigUInt64LE(this.#secondAt)))
  }

  #set (transaction: number): void {
    this.#lock ??= openSync(`${this.#path}-lock`, 'r+')
    const bytes = Buffer.alloc(8)
    readSync(this.#lock, bytes, 0, 4, 0)
    if (bytes.readUInt32LE() !== magic) throw new StoreError('the lock file of the embedded store is of another kind')
    bytes.writeBigUInt64LE(BigInt(transaction))
    writeSync(this.#lock, bytes, 0, 8, counterAt)
  }
}
