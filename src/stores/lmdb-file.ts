import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreError } from './store.ts'

const magic = 0xbeefc0de
/** Where LMDB's meta page keeps what we look at. */
const at = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152 }
const metaBytes = 160

/**
 * Refuses a data file that LMDB would take for a new one, or whose end is missing: the engine would go on with an empty
 * store, and everyone would be signed out by keys that nobody knows.
 * @throws StoreError
 */
export function assertWhole (path: string): void {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const first = metaPage(file, 0)
    const pageSize = first.readUInt32LE(at.pageSize)
    const second = metaPage(file, pageSize)
    const pages = [first, second]
      .sort((one, other) => Number(other.readBigUInt64LE(at.transaction) - one.readBigUInt64LE(at.transaction)))
      .map(page => Number(page.readBigUInt64LE(at.lastPage)) + 1)
    if (size < (pages[0] ?? 0) * pageSize) throw new Error(`${size} bytes of at least ${(pages[0] ?? 0) * pageSize} are there`)
  } catch (error) {
    throw new StoreError(`the store ${path} is damaged: restore a backup, or move it away to start empty`, error)
  } finally {
    closeSync(file)
  }
}

function metaPage (file: number, offset: number): Buffer {
  const page = Buffer.alloc(metaBytes)
  if (readSync(file, page, 0, metaBytes, offset) < metaBytes) throw new Error('the file ends within its first pages')
  if (page.readUInt32LE(at.magic) !== magic) throw new Error('this is no LMDB file')
  return page
}
