import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreError } from './store.ts'

const magic = 0xbeefc0de
/** Where LMDB keeps what we look at: in a meta page, in any page, and in a node of one. */
const meta = { magic: 24, pageSize: 48, root: 136, lastPage: 144, transaction: 152, bytes: 160 }
const page = { number: 0, flags: 18, lower: 20, upper: 22, head: 24 }
const node = { low: 0, high: 2, flags: 4, keyLength: 6, key: 8 }
const branch = 1
const leaf = 2
const overflow = 4
const bigData = 1
const nothing = 0xffff_ffff_ffff_ffffn

/** The newer of the two meta pages. */
interface Meta {
  pageSize: number
  root: bigint
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
    const { pageSize, root, pages, transaction } = readMeta(file)
    try {
      if (fstatSync(file).size < pages * pageSize) throw new Error('its end is missing')
      if (root !== nothing) assertTree(file, Number(root), pageSize, pages)
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

function readMeta (file: number): Meta {
  const first = readMetaPage(file, 0)
  const pageSize = first.readUInt32LE(meta.pageSize)
  const second = readMetaPage(file, pageSize)
  const newer = first.readBigUInt64LE(meta.transaction) > second.readBigUInt64LE(meta.transaction) ? first : second
  return {
    pageSize,
    root: newer.readBigUInt64LE(meta.root),
    pages: Number(newer.readBigUInt64LE(meta.lastPage)) + 1,
    transaction: newer.readBigUInt64LE(meta.transaction)
  }
}

function readMetaPage (file: number, offset: number): Buffer {
  const bytes = read(file, offset, meta.bytes)
  if (bytes.readUInt32LE(meta.magic) !== magic) throw new Error('it is no LMDB file')
  return bytes
}

/** Every page that can be reached is where it says it is, of a kind we know, and its nodes are inside it. */
function assertTree (file: number, root: number, pageSize: number, pages: number): void {
  const waiting: Array<[number: number, kinds: number]> = [[root, branch | leaf]]
  for (let visited = 0; waiting.length > 0; visited++) {
    const [number, kinds] = waiting.pop() ?? [0, 0]
    if (number >= pages || visited > pages) throw new Error(`page ${number} is not there`)
    const bytes = read(file, number * pageSize, pageSize)
    const kind = bytes.readUInt16LE(page.flags) & (branch | leaf | overflow)
    if (Number(bytes.readBigUInt64LE(page.number)) !== number || (kind & kinds) === 0) throw new Error(`page ${number} is another one`)
    if (kind !== overflow) for (const child of childrenOf(bytes, number, kind)) waiting.push(child)
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
