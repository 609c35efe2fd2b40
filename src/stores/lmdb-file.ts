import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreError } from './store.ts'

export const magic = 0xbeefc0de
const version = 2
/** Where LMDB keeps what we look at: in a meta page, in any page, and in a node of one. */
export const meta = { magic: 24, version: 28, pageSize: 48, freeRoot: 88, root: 136, lastPage: 144, transaction: 152, bytes: 160 }
const page = { number: 0, flags: 18, lower: 20, upper: 22, length: 20, head: 24 }
const node = { low: 0, high: 2, flags: 4, keyLength: 6, key: 8 }
const branch = 1
const leaf = 2
const overflow = 4
const metaPage = 8
const bigData = 1
const nothing = 0xffff_ffff_ffff_ffffn

/** Where a transaction left the trees of entries and of free pages. */
interface Meta {
  pageSize: number
  roots: bigint[]
  pages: number
  transaction: bigint
}

/**
 * Goes through the pages of a data file before LMDB does: the engine takes an empty file for a new store, which would
 * sign everyone out by keys that nobody knows, and ends the process at a page it does not understand.
 * @throws StoreError
 */
export function assertWhole (path: string): void {
  const file = openSync(path, 'r')
  try {
    const { pageSize, roots, pages, transaction } = readMeta(file)
    try {
      // The size says nothing: pages at the end that are free were perhaps never written.
      for (const root of roots) if (root !== nothing) assertTree(file, Number(root), pageSize, pages)
    } catch (error) {
      // Pages may change under our eyes, but only where another process writes, and so can read.
      if (readMeta(file).transaction === transaction) throw error
    }
  } catch (error) {
    throw new StoreError(`the store ${path} is damaged: restore a backup, or move it away to start empty`, error)
  } finally {
    closeSync(file)
  }
}

/** The newer of two: the other one is of the transaction before. */
export function readMeta (file: number): Meta {
  const first = readMetaPage(file, 0)
  const second = readMetaPage(file, first.pageSize)
  return first.transaction > second.transaction ? first : second
}

function readMetaPage (file: number, offset: number): Meta {
  const bytes = read(file, offset, meta.bytes)
  const isMeta = (bytes.readUInt16LE(page.flags) & metaPage) !== 0 && bytes.readUInt32LE(meta.magic) === magic
  if (!isMeta || bytes.readUInt16LE(meta.version) !== version) throw new Error('it is no LMDB file, or of another version')
  return {
    pageSize: bytes.readUInt32LE(meta.pageSize),
    roots: [bytes.readBigUInt64LE(meta.freeRoot), bytes.readBigUInt64LE(meta.root)],
    pages: Number(bytes.readBigUInt64LE(meta.lastPage)) + 1,
    transaction: bytes.readBigUInt64LE(meta.transaction)
  }
}

/** Every page that can be reached is where it says it is, of a kind we know, and its nodes are inside it. */
function assertTree (file: number, root: number, pageSize: number, pages: number): void {
  const { size } = fstatSync(file)
  const waiting: Array<[number: number, kinds: number]> = [[root, branch | leaf]]
  for (let next = waiting.pop(), visited = 0; next !== undefined; next = waiting.pop(), visited++) {
    const [number, kinds] = next
    if (number >= pages || visited > pages) throw new Error(`page ${number} is not there`)
    const bytes = read(file, number * pageSize, pageSize)
    const kind = bytes.readUInt16LE(page.flags) & (branch | leaf | overflow)
    if (Number(bytes.readBigUInt64LE(page.number)) !== number || (kind & kinds) === 0) throw new Error(`page ${number} is another one`)
    if (kind !== overflow) for (const child of childrenOf(bytes, number, kind)) waiting.push(child)
    else if ((number + bytes.readUInt32LE(page.length)) * pageSize > size) throw new Error('it ends too early')
  }
}

function * childrenOf (bytes: Buffer, number: number, kind: number): Iterable<[number: number, kinds: number]> {
  // Places within a page count from the end of its head.
  const lower = bytes.readUInt16LE(page.lower)
  if (lower > bytes.readUInt16LE(page.upper)) throw new Error(`page ${number} is garbled`)
  for (let pointer = 0; pointer < lower; pointer += 2) {
    const at = page.head + bytes.readUInt16LE(page.head + pointer)
    if (at + node.key > bytes.length) throw new Error(`page ${number} is garbled`)
    const low = bytes.readUInt16LE(at + node.low) + bytes.readUInt16LE(at + node.high) * 0x1_0000
    const flags = bytes.readUInt16LE(at + node.flags)
    const end = at + node.key + bytes.readUInt16LE(at + node.keyLength)
    const isBig = kind === leaf && (flags & bigData) !== 0
    if (end + (kind === branch ? 0 : isBig ? 8 : low) > bytes.length) throw new Error(`page ${number} is garbled`)
    if (kind === branch) yield [low + flags * 0x1_0000_0000, branch | leaf]
    if (isBig) yield [Number(bytes.readBigUInt64LE(end)), overflow]
  }
}

function read (file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  if (readSync(file, bytes, 0, length, offset) < length) throw new Error('it ends too early')
  return bytes
}
