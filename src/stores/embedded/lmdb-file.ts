import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreError } from '../store.ts'

export const magic = 0xbeefc0de
const version = 2
/** Where LMDB keeps what we look at: in a meta page, in any page, and in a node of one. */
export const meta = { magic: 24, version: 28, pageSize: 48, freeDepth: 54, freeRoot: 88, depth: 102, root: 136, lastPage: 144, transaction: 152, bytes: 160 }
const page = { number: 0, flags: 18, lower: 20, upper: 22, length: 20, head: 24 }
const node = { low: 0, high: 2, flags: 4, keyLength: 6, key: 8 }
const branch = 1
const leaf = 2
const overflow = 4
const metaPage = 8
const bigData = 1
const nothing = 0xffff_ffff_ffff_ffffn

/** A page, and the kinds that may be there. */
type Place = [number: number, kinds: number]

/** Where a transaction left the trees of free pages and of entries. */
interface Meta {
  pageSize: number
  trees: Array<{ root: bigint, depth: number }>
  pages: number
  transaction: bigint
}

/**
 * Goes through the pages of a data file before LMDB does: the engine takes an empty file for a new store, which would
 * make new keys and sign everyone out, and it ends the process at a page it does not understand.
 * @throws StoreError
 */
export function assertWhole (path: string): void {
  withFile(path, file => {
    const found = readMeta(file)
    try {
      // The size says nothing: pages at the end that are free were perhaps never written.
      for (const { root } of found.trees) if (root !== nothing) assertTree(pagesOf(file, found), Number(root), found.pages)
    } catch (error) {
      // Pages may change under our eyes, but only where another process writes, and so can read.
      if (readMeta(file).transaction === found.transaction) throw error
    }
  })
}

/**
 * The same for a file that is open: each step looks at one page. Pages that were written meanwhile are others, and those that
 * were not are looked at: the branches, which lead to them, come first and in one go.
 * @throws StoreError
 */
export function * examine (path: string): Generator<void, void> {
  const file = openSync(path, 'r')
  try {
    const found = readMeta(file)
    const childrenOf = pagesOf(file, found)
    for (const { root, depth } of found.trees) {
      let leaves: Place[] = root === nothing ? [] : [[Number(root), branch | leaf]]
      for (let level = depth; level > 1; level--) leaves = leaves.flatMap(place => [...childrenOf(place)])
      for (const place of leaves) {
        for (const large of childrenOf(place)) childrenOf(large)
        yield
      }
    }
  } catch {
    assertWhole(path) // in one go: it says whether that was damage, or a page that was used again
  } finally {
    closeSync(file)
  }
}

/** The last transaction of a file. @throws StoreError */
export const lastTransaction = (path: string): bigint => withFile(path, file => readMeta(file).transaction)

function withFile<Result> (path: string, look: (file: number) => Result): Result {
  const file = openSync(path, 'r')
  let result: Result
  try {
    result = look(file)
  } catch (error) {
    throw new StoreError(`the store ${path} is damaged: restore a backup, or move it away to start empty`, error)
  } finally {
    closeSync(file)
  }
  return result
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
    trees: [
      { root: bytes.readBigUInt64LE(meta.freeRoot), depth: bytes.readUInt16LE(meta.freeDepth) },
      { root: bytes.readBigUInt64LE(meta.root), depth: bytes.readUInt16LE(meta.depth) }
    ],
    pages: Number(bytes.readBigUInt64LE(meta.lastPage)) + 1,
    transaction: bytes.readBigUInt64LE(meta.transaction)
  }
}

/** Every page that can be reached is one. */
function assertTree (childrenOf: (place: Place) => Iterable<Place>, root: number, pages: number): void {
  const waiting: Place[] = [[root, branch | leaf]]
  for (let next = waiting.pop(), visited = 0; next !== undefined; next = waiting.pop(), visited++) {
    if (visited > pages) throw new Error('its pages lead in a circle')
    for (const child of childrenOf(next)) waiting.push(child)
  }
}

/** Says where a page leads, if it is where it says it is, of a kind we know, and its nodes are inside it. */
function pagesOf (file: number, { pageSize, pages }: Meta): (place: Place) => Iterable<Place> {
  const { size } = fstatSync(file)
  return ([number, kinds]) => {
    if (number >= pages) throw new Error(`page ${number} is not there`)
    const bytes = read(file, number * pageSize, pageSize)
    const kind = bytes.readUInt16LE(page.flags) & (branch | leaf | overflow)
    if (Number(bytes.readBigUInt64LE(page.number)) !== number || (kind & kinds) === 0) throw new Error(`page ${number} is another one`)
    if (kind !== overflow) return childrenOf(bytes, number, kind)
    if ((number + bytes.readUInt32LE(page.length)) * pageSize > size) throw new Error('it ends too early')
    return []
  }
}

function * childrenOf (bytes: Buffer, number: number, kind: number): Iterable<Place> {
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
