import { statfsSync } from 'node:fs'
import { StoreError } from '../store.ts'

const reserveBytes = 2 * 1024 * 1024
const knownForMs = 10

/**
 * Tells when a file system is nearly full, before LMDB runs into it: its way out of a write that fails is not safe.
 * Only room is remembered, so that writes go on as soon as there is some again.
 */
export class DiskRoom {
  readonly #folder: string
  #hadRoomAt = -Infinity

  constructor (folder: string) {
    this.#folder = folder
  }

  /** @throws StoreError */
  assertLeft (): void {
    const now = performance.now()
    if (now - this.#hadRoomAt <= knownForMs) return
    if (!hasRoom(this.#folder)) throw new StoreError(`there is no room left in ${this.#folder}`)
    this.#hadRoomAt = now
  }
}

function hasRoom (folder: string): boolean {
  try {
    const { blocks, bavail, bsize } = statfsSync(folder)
    return blocks === 0 || bavail * bsize >= reserveBytes // some file systems do not tell
  } catch (error) {
    throw new StoreError(`the folder ${folder} is gone`, error)
  }
}
