import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, {
  closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, rmSync, statSync, symlinkSync, truncateSync,
  writeFileSync, writeSync
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { open } from 'lmdb'
import t from 'tap'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { EmbeddedStore } from '../../../src/stores/embedded/embedded-store.ts'
import { TransactionCounter } from '../../../src/stores/embedded/lmdb-counter.ts'
import { assertWhole, examine, lastTransaction } from '../../../src/stores/embedded/lmdb-file.ts'
import { markClosed } from '../../../src/stores/embedded/lmdb-mark.ts'
import { temporaryFolder, type Teardown } from '../../helpers/app.ts'
import { run, serve } from '../../helpers/child.ts'
import { eventually } from '../../helpers/eventually.ts'
import { failing, replaceCalls } from '../../helpers/file-system.ts'
import { listOf } from '../../helpers/stores.ts'
import { conformance } from '../conformance.ts'
import { competitors } from '../neighbour.ts'

conformance(t, async t => {
  const dataDir = temporaryFolder(t)
  return { settings: { dataDir }, open: () => opened(t, dataDir) }
})

async function opened (t: Teardown, folder: string, clock?: () => number): Promise<EmbeddedStore> {
  const store = await EmbeddedStore.open(folder, clock)
  t.teardown(() => store.close())
  return store
}

/** The file of a store that holds 600 entries and is closed. */
async function filledFile (t: Teardown): Promise<string> {
  const folder = temporaryFolder(t)
  const store = await EmbeddedStore.open(folder)
  await Promise.all(Array.from({ length: 600 }, (_, number) => store.put(`things/${number}`, 'x'.repeat(300))))
  await store.put('things/large', 'x'.repeat(20_000))
  await store.close()
  return join(folder, 'handstamp.mdb')
}

/** Entries in the file, over or not: as its newer meta page says, since LMDB must not open what this process has open. */
function entriesIn (folder: string): number {
  const bytes = readFileSync(join(folder, 'handstamp.mdb'))
  const [first = 0n, second = 0n] = [152, 4_096 + 152].map(at => bytes.readBigUInt64LE(at))
  return Number(bytes.readBigUInt64LE((first > second ? 0 : 4_096) + 128))
}

t.test('R41 the files are for us alone, and so is a folder we made', async t => {
  const folder = join(temporaryFolder(t), 'made', 'for us')
  await (await EmbeddedStore.open(folder)).close()
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.same(readdirSync(folder).sort(), ['handstamp.mdb', 'handstamp.mdb-lock', 'handstamp.mdb.closed'])
  for (const file of readdirSync(folder)) t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
})

t.test('a sweep leaves nothing that is over, and takes nothing that lives', async t => {
  const folder = temporaryFolder(t)
  let now = 1_000_000
  const store = await opened(t, folder, () => now * 1000)
  const put = (kind: string, count: number, end?: number) =>
    Promise.all(Array.from({ length: count }, (_, number) => store.put(`${kind}/${number}`, 'x', end)))
  await put('short', 3_000, now + 10)
  await put('long', 2_500, now + 100)
  await put('for-ever', 50)
  await store.announce('news', now + 10)
  now += 10
  while (await store.sweep() > 0 && entriesIn(folder) > 2_553);
  t.equal(entriesIn(folder), 2_550 + 2, 'the format and the counter of news besides')
  now += 90
  for (let sweep = 0; sweep < 3; sweep++) await store.sweep()
  t.equal(entriesIn(folder), 50 + 2)
  await store.put('short/1', 'x', now + 10)
  t.equal(await store.get('for-ever/1'), 'x')
})

t.test('a store sweeps by itself', async t => {
  const folder = temporaryFolder(t)
  const store = await opened(t, folder)
  await Promise.all(Array.from({ length: 20 }, (_, number) => store.put(`things/${number}`, 'x', 1)))
  await eventually('it is swept', () => entriesIn(folder) === 1)
})

t.test('a store at rest is swept seldom, and much that has expired is swept soon', async t => {
  const waits: number[] = []
  const { setTimeout: originalTimeout } = globalThis
  t.intercept(globalThis, 'setTimeout', {
    value: (act: () => void, ms: number) => {
      waits.push(ms)
      return originalTimeout(act, Math.min(ms, 5))
    }
  })
  const store = await opened(t, temporaryFolder(t))
  await eventually('it has nothing to do', () => waits.filter(ms => ms >= 10_000).length > 3)
  await Promise.all(Array.from({ length: 300 }, (_, number) => store.put(`things/${number}`, 'x', 1)))
  const from = waits.length
  await eventually('it hurries', () => waits.slice(from).includes(1_000))
})

t.test('processes that start at once on an empty folder share one store', async t => {
  for (let round = 0; round < 20; round++) {
    const folder = join(temporaryFolder(t), 'data')
    const stores = await Promise.all([opened(t, folder), opened(t, folder), opened(t, folder)])
    const claims = await Promise.all(stores.map(store => store.claim('things/a', 'x')))
    t.equal(claims.filter(Boolean).length, 1)
    t.same(readdirSync(folder).sort(), ['handstamp.mdb', 'handstamp.mdb-lock'], 'no draft is left')
  }
})

t.test('another store on the same folder in the same process does not make others take us for dead', async t => {
  // Closing any file descriptor of the lock file gives up the locks that all of the process has on it (POSIX fcntl).
  const dataDir = temporaryFolder(t)
  const first = await opened(t, dataDir)
  await first.put('sums/whole', '0')
  await first.put('sums/line', '0;\n')
  await (await EmbeddedStore.open(dataDir)).close()
  let isOver = false
  const competing = competitors(2, { dataDir }).finally(() => { isOver = true })
  await eventually('all is done, and we could read all the time', async () => {
    await first.get('sums/whole')
    await first.put('things/a', 'x')
    return isOver
  })
  await competing
  t.equal(await first.get('sums/whole'), '200')
})

t.test('stores of one process on the same folder open and write at once, and do not wait for each other', async t => {
  const folder = temporaryFolder(t)
  const first = await opened(t, folder)
  const stop = new AbortController()
  const writing = Array.from({ length: 10 }, async (_, number) => {
    for (let count = 0; !stop.signal.aborted; count++) await first.put(`things/${number}`, String(count))
  })
  for (let round = 0; round < 300; round++) {
    const store = await EmbeddedStore.open(folder)
    await store.put('things/a', String(round))
    await store.close()
    await store.close()
  }
  stop.abort()
  await Promise.all(writing)
  t.equal(await first.get('things/a'), '299')
})

t.test('a folder that cannot be written is told as it is', async t => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, '')
  await t.rejects(EmbeddedStore.open(join(file, 'folder')), { code: 'ENOTDIR' })
  mkdirSync(`${file}.d`)
  symlinkSync(`${file}/nowhere`, `${file}.d/handstamp.mdb-lock`)
  await t.rejects(EmbeddedStore.open(`${file}.d`), { name: 'StoreError', message: /cannot be opened/ })
})

t.test('a file system that fails is told as it is, and nothing is left there', async t => {
  const folder = temporaryFolder(t)
  replaceCalls(t, { linkSync: failing('EIO') })
  await t.rejects(EmbeddedStore.open(folder), { name: 'StoreError', message: /cannot be made/, cause: { code: 'EIO' } })
  t.same(readdirSync(folder), [])
})

t.test('L20 on a disk that is nearly full a store is neither made nor opened: LMDB would end the process', async t => {
  const folder = temporaryFolder(t)
  await (await EmbeddedStore.open(folder)).close()
  replaceCalls(t, { statfsSync: (() => ({ blocks: 1_000, bavail: 511, bsize: 4_096 })) as unknown as typeof fs.statfsSync })
  const empty = temporaryFolder(t)
  for (const place of [folder, empty]) {
    await t.rejects(EmbeddedStore.open(place), { name: 'StoreError', message: `there is no room left in ${place}` })
  }
  t.same(readdirSync(empty), [])
})

t.test('a store that is closed serves nothing', async t => {
  const store = await EmbeddedStore.open(temporaryFolder(t))
  await store.close()
  await t.rejects(store.get('things/a'), { name: 'StoreError' })
  await t.rejects(store.put('things/a', 'x'), { name: 'StoreError' })
  await t.rejects(store.ping(), { name: 'StoreError' })
})

t.test('L20 on a disk that is nearly full a write is refused, and made when there is room', async t => {
  const store = await opened(t, temporaryFolder(t))
  await store.put('things/a', 'one')
  const { statfsSync } = fs
  const pretend = (answer: object) => {
    fs.statfsSync = (() => answer) as unknown as typeof statfsSync
    syncBuiltinESMExports() // for the module that imported it, too
  }
  t.teardown(() => {
    fs.statfsSync = statfsSync
    syncBuiltinESMExports()
  })
  pretend({ blocks: 1_000, bavail: 511, bsize: 4_096 })
  await eventually('it is noticed', () => store.put('things/a', 'two').then(() => false, (error: Error) => /no room/.test(error.message)))
  const kept = await store.get('things/a') ?? ''
  const writes: Array<() => Promise<unknown>> = [
    () => store.put('things/a', 'three'),
    () => store.claim('things/b', 'x'),
    () => store.replaceLine('things/a', kept, 'three'),
    () => store.count('numbers'),
    () => store.announce('news', 4_000_000_000)
  ]
  for (const write of writes) await t.rejects(async () => { await write() }, { name: 'StoreError' })
  t.equal(await store.get('things/a'), kept)
  await store.ping()
  pretend({ blocks: 0, bavail: 0, bsize: 4_096 })
  await eventually('one that does not tell is written to', () => store.put('things/a', 'three').then(() => true, () => false))
  t.equal(await store.count('numbers'), 1)
})

t.test('L20 a store whose folder was taken away refuses writes', async t => {
  const folder = join(temporaryFolder(t), 'folder')
  const store = await opened(t, folder)
  await store.put('things/a', 'one')
  fs.renameSync(folder, `${folder}.gone`)
  await eventually('it is noticed', () => store.put('things/a', 'two').then(() => false, (error: Error) => /is gone/.test(error.message)))
  fs.renameSync(`${folder}.gone`, folder)
  await store.put('things/a', 'two')
})

t.test('L21 a commit that the disk does not take is refused, and changes nothing', async t => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'handstamp.mdb')
  const store = await opened(t, folder)
  await store.put('things/a', 'one')
  const capture = t.capture(console, 'error') // the engine says so, too
  // A device that takes every byte, and cannot synchronise.
  for (const file of openFilesOf(path, constants.O_RDWR)) {
    closeSync(file)
    t.equal(openSync('/dev/null', 'r+'), file)
  }
  await t.rejects(Promise.all([store.put('things/a', 'two'), store.put('things/b', 'x')]), { name: 'StoreError', message: /could not write/ })
  for (const file of openFilesOf('/dev/null', constants.O_RDWR)) {
    closeSync(file)
    t.equal(openSync(path, 'r+'), file)
  }
  t.ok(capture().length > 0)
  t.equal(await store.get('things/a'), 'one')
  await store.put('things/b', 'y')
  t.same(await listOf(store, 'things/'), [['things/a', 'one'], ['things/b', 'y']])
})

for (const transactions of [1, 2, 3, 10]) {
  t.test(`L21 what ${transactions} writes committed while another process opened the store is not taken back`, async t => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'handstamp.mdb')
    const store = await EmbeddedStore.open(folder)
    const expected: Array<[string, string]> = []
    for (let round = 0; round < 20; round++) {
      for (let number = 0; number < transactions; number++) {
        await store.put(`things/${round}-${number}`, 'x'.repeat(round * 100))
        expected.push([`things/${round}-${number}`, 'x'.repeat(round * 100)])
      }
      setBack(path, transactions)
      if (round % 2 === 0) await Promise.all([store.count('numbers'), store.count('numbers')])
      else t.ok(await store.replace(`things/${round}-0`, 'x'.repeat(round * 100), 'x'.repeat(round * 100)))
    }
    t.same(await listOf(store, 'things/'), expected.sort(([one], [other]) => one < other ? -1 : 1))
    t.equal(await store.count('numbers'), 21)
    await store.close()
    t.equal((await listOf(await opened(t, folder), 'things/')).length, expected.length)
  })
}

t.test('L21 a process that opens the store puts right at once what it did to others', async t => {
  const folder = temporaryFolder(t)
  const store = await opened(t, folder)
  await store.put('things/a', 'one')
  await store.put('things/a', 'two')
  setBack(join(folder, 'handstamp.mdb'), 1)
  t.equal(await store.get('things/a'), 'one', 'what anybody would read')
  await opened(t, folder)
  t.equal(await store.get('things/a'), 'two')
})

t.test('L21 a lock file of another kind is not written to', async t => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'handstamp.mdb')
  const store = await opened(t, folder)
  await store.put('things/a', 'one')
  setBack(path, 1)
  const lock = openSync(`${path}-lock`, 'r+')
  const magic = Buffer.alloc(4)
  readSync(lock, magic, 0, 4, 0)
  writeSync(lock, Buffer.alloc(4), 0, 4, 0)
  await t.rejects(store.put('things/a', 'two'), { name: 'StoreError', cause: { message: /of another kind/ } })
  writeSync(lock, magic, 0, 4, 0)
  await store.put('things/a', 'two')
  t.equal(await store.get('things/a'), 'two')
})

t.test('L21 a counter that cannot be put right is an error, and no endless try', async t => {
  const store = await opened(t, temporaryFolder(t))
  const { restore } = t.intercept(TransactionCounter.prototype, 'follows', { value: () => false })
  await t.rejects(store.put('things/a', 'one'), { name: 'StoreError', cause: { message: /do not follow/ } })
  restore()
  await store.put('things/a', 'two')
})

t.test('L17 a process that does not let go of the store is waited for no longer than a second, and all comes back by itself', async t => {
  const folder = temporaryFolder(t)
  const told: Array<Error | undefined> = []
  const store = await EmbeddedStore.open(folder, Date.now, error => { told.push(error) })
  t.teardown(() => store.close())
  await store.put('things/a', 'one')
  const holder = spawn(process.execPath, [fileURLToPath(new URL('holder.js', import.meta.url)), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')

  const from = performance.now()
  const asked: Array<Promise<unknown>> = [
    store.put('things/a', 'two'), store.claim('things/b', 'x'), store.replaceLine('things/a', 'one', 'three'), store.count('numbers'), store.remove('things/a')
  ]
  for (const write of asked) t.equal((await write.catch((error: Error) => error) as Error).name, 'StoreError')
  t.ok(performance.now() - from < 1_000)
  const again = performance.now()
  for (let attempt = 0; attempt < 20; attempt++) await t.rejects(store.put('things/a', 'four'), { name: 'StoreError' })
  t.ok(performance.now() - again < 200, 'those who come later do not wait')
  await t.rejects(store.ping(), { name: 'StoreError' })
  await t.rejects(EmbeddedStore.open(folder), { name: 'StoreError', message: /cannot be opened/ })
  t.equal(await store.get('things/a'), 'one', 'what is there can be read')
  t.ok(store.secondsAway(0) >= 1)

  holder.kill('SIGKILL')
  await eventually('it is back', () => store.ping().then(() => true, () => false))
  t.equal(await store.get('things/a'), 'one', 'what was refused was not made')
  t.equal(await store.get('things/b'), undefined)
  t.equal(await store.count('numbers'), 1)
  t.match(told, [Error, undefined], 'one problem, one recovery')
})

/** The files under a path that this process has open in a mode. */
const openFilesOf = (path: string, mode: number): number[] =>
  readdirSync('/proc/self/fd').map(Number).filter(file => {
    try {
      const [, flags = ''] = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${file}`, 'utf8')) ?? []
      const opened = Number.parseInt(flags, 8) & (constants.O_RDWR | constants.O_WRONLY | constants.O_DSYNC)
      return readlinkSync(`/proc/self/fd/${file}`) === path && opened === mode
    } catch {
      return false
    }
  })

/** What LMDB does in a process that opens the store while others commit: the lock file then names an older transaction. */
function setBack (path: string, transactions: number): void {
  const lock = openSync(`${path}-lock`, 'r+') // it stays open: to close it would give up our locks
  const counter = Buffer.alloc(8)
  readSync(lock, counter, 0, 8, 8)
  counter.writeBigUInt64LE(counter.readBigUInt64LE() - BigInt(transactions))
  writeSync(lock, counter, 0, 8, 8)
}

const damages: Record<string, (path: string) => void> = {
  'no byte at all': path => truncateSync(path),
  'a first page that ends early': path => truncateSync(path, 100),
  'no second page': path => truncateSync(path, 4_096),
  'half of the file': path => truncateSync(path, statSync(path).size / 2),
  'all but the end': path => truncateSync(path, 4_096 * Math.ceil(statSync(path).size / 4_096 - 5)),
  'garbage at the start': path => overwrite(path, 0, 4_096),
  'garbage in the second page': path => overwrite(path, 4_096, 4_096),
  'zeros at the start': path => overwrite(path, 0, 8_192, () => 0),
  'garbage in the middle': path => overwrite(path, 8_192, statSync(path).size - 8_192),
  'zeros in the middle': path => overwrite(path, 8_192, statSync(path).size - 8_192, () => 0),
  'pages that point outside': path => overwritePages(path, page => page.fill(0xff, 24, 60)),
  'pages with more than fits': path => overwritePages(path, page => page.fill(0xff, 20, 22)),
  'a text': path => writeFileSync(path, 'Dear diary,\n'.repeat(1_000)),
  'an entry outside its page': path => overwritePages(path, page => page.writeUInt16LE(0xfff0, 24)),
  'an entry larger than its page': path => overwritePages(path, page => { if (isLeaf(page)) page.writeUInt16LE(0xffff, 24 + page.readUInt16LE(24)) }),
  'a large value that does not end': path => overwritePages(path, page => { if (page.readUInt16LE(18) === 4) page.writeUInt32LE(1_000, 20) }),
  'pages of another version': path => overwritePages(path, page => page.writeUInt16LE(3, 28), 0),
  'first pages that are no such': path => overwritePages(path, page => page.writeUInt16LE(2, 18), 0),
  'an SQLite file': path => writeFileSync(path, Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8_192, 1)]))
}

const isLeaf = (page: Buffer): boolean => page.readUInt16LE(18) === 2

function overwrite (path: string, from: number, length: number, byte = (at: number) => (at * 7 + 13) & 0xff): void {
  const bytes = readFileSync(path)
  for (let at = from; at < from + length; at++) bytes[at] = byte(at)
  writeFileSync(path, bytes)
}

function overwritePages (path: string, change: (page: Buffer) => void, from = 8_192): void {
  const bytes = readFileSync(path)
  for (let at = from; at < bytes.length; at += 4_096) change(bytes.subarray(at, at + 4_096))
  writeFileSync(path, bytes)
}

for (const [what, damage] of Object.entries(damages)) {
  t.test(`L22 a file with ${what} is refused, and left as it is`, async t => {
    const path = await filledFile(t)
    damage(path)
    const before = readFileSync(path)
    const message = `the store ${path} is damaged: restore a backup, or move it away to start empty`
    await t.rejects(EmbeddedStore.open(join(path, '..')), { name: 'StoreError', message })
    t.ok(readFileSync(path).equals(before))
  })
}

t.test('L22 the service does not start on a damaged store', async t => {
  const path = await filledFile(t)
  truncateSync(path)
  await t.rejects(buildApp(loadConfig({ DATA_DIR: join(path, '..') })), { name: 'StoreError', message: /is damaged: restore a backup/ })
  t.equal(statSync(path).size, 0)
})

t.test('L22 a file that was closed well is opened without reading all of it, and read behind', async t => {
  const path = await filledFile(t)
  const reads = () => {
    let count = 0
    const { readSync: original } = fs
    t.intercept(fs, 'readSync', { value: (...args: Parameters<typeof original>) => { count++; return original(...args) } })
    syncBuiltinESMExports()
    return () => count
  }
  const counted = reads()
  const store = await opened(t, join(path, '..'))
  const atStart = counted()
  t.ok(atStart < 20, `${atStart} reads`)
  await eventually('all of it is read', () => counted() > atStart + 50)
  await store.close()
  rmSync(`${path}.closed`)
  const from = counted()
  await opened(t, join(path, '..'))
  t.ok(counted() > from + 50, 'without the mark all of it is read at once')
})

t.test('L22 a file that cannot be marked as closed well is read the next time', async t => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'handstamp.mdb.closed'))
  for (let time = 0; time < 2; time++) {
    const store = await EmbeddedStore.open(folder)
    await store.put('things/a', 'x')
    await store.close()
  }
  t.same(readdirSync(folder).sort(), ['handstamp.mdb', 'handstamp.mdb-lock', 'handstamp.mdb.closed'])
})

t.test('L22 damage that nobody could see from outside ends the service, and is not served', async t => {
  const DATA_DIR = temporaryFolder(t)
  const first = await serve(t, { DATA_DIR })
  first.process.kill('SIGTERM')
  t.equal(await first.ended, 0)
  const store = await EmbeddedStore.open(DATA_DIR)
  await Promise.all(Array.from({ length: 2_000 }, (_, number) => store.put(`things/${number}`, 'x'.repeat(300))))
  await store.close()
  const path = join(DATA_DIR, 'handstamp.mdb')
  const last = lastTransaction(path)
  overwritePages(path, page => { if (isLeaf(page) && page.includes('things/1999')) page.writeUInt16LE(0xfff0, 24) })
  markClosed(path, last)
  const child = run(t, { DATA_DIR, PORT: '0', DEV_LOGIN: 'true' })
  t.equal(await child.ended, 1)
  t.match(child.stdout(), /"level":60,[^\n]*is damaged: restore a backup, or move it away to start empty/)
  t.match(child.stdout(), /the store has a problem/)
  await t.rejects(EmbeddedStore.open(DATA_DIR), { message: /is damaged/ }, 'and it does not start again')
})

t.test('L22 damage that is found while the store is open ends all reads and writes, and then the process', async t => {
  const path = await filledFile(t)
  overwritePages(path, page => { if (isLeaf(page) && page.includes('things/599')) page.writeUInt16LE(0xfff0, 24) })
  markClosed(path, lastTransaction(path))
  const fatal: unknown[] = []
  const { setImmediate: original } = globalThis
  const heard = (callback: (...args: unknown[]) => void, ...args: unknown[]) => original(() => {
    try {
      callback(...args)
    } catch (error) {
      fatal.push(error)
    }
  })
  t.intercept(globalThis, 'setImmediate', { value: heard })
  const store = await EmbeddedStore.open(join(path, '..'))
  await eventually('the process would end', () => fatal.length > 0)
  t.match(fatal, [{ name: 'StoreError', message: /is damaged: restore a backup/ }])
  await t.rejects(store.get('things/1'), { name: 'StoreError', message: 'the embedded store is damaged' })
  await t.rejects(store.put('things/1', 'x'), { name: 'StoreError', message: 'the embedded store is damaged' })
  await t.rejects(store.ping(), { name: 'StoreError', message: 'the embedded store is damaged' })
  await store.close()
  await t.rejects(EmbeddedStore.open(join(path, '..')), { message: /is damaged/ }, 'it was not marked as closed well')
})

t.test('L22 a tree of any height is looked through, page by page, and an empty one is whole', async t => {
  const path = join(temporaryFolder(t), 'tree.mdb')
  const fill = async (entries: number, length: number) => {
    const file = open({ path, noSubdir: true, encoding: 'binary' })
    await file.transaction(() => {
      for (let number = 0; number < entries; number++) file.put(`${'k'.repeat(400)}${number}`, Buffer.alloc(length))
    })
    await file.close()
  }
  await fill(0, 0)
  t.same([...examine(path)], [], 'there is nothing to look at')
  assertWhole(path)
  await fill(1_000, 1_500)
  await fill(3, 20_000)
  assertWhole(path)
  const leaves = [...examine(path)].length
  t.ok(leaves > 300, `${leaves} leaves`)

  overwritePages(path, page => { if (page.readUInt16LE(18) === 4) page.writeUInt32LE(10_000, 20) })
  t.throws(() => [...examine(path)], { name: 'StoreError', message: /is damaged/ })
})

t.test('L22 pages that lead in a circle are damage', async t => {
  const path = join(temporaryFolder(t), 'tree.mdb')
  const file = open({ path, noSubdir: true, encoding: 'binary' })
  await file.transaction(() => { for (let number = 0; number < 1_000; number++) file.put(`${number}`, Buffer.alloc(300)) })
  await file.close()
  // Each child of a branch is the branch itself: the lower half of a page number stands at the start of a node.
  overwritePages(path, page => {
    if (page.readUInt16LE(18) !== 1) return
    for (let pointer = 24; pointer < 24 + page.readUInt16LE(20); pointer += 2) {
      page.writeUInt32LE(page.readUInt32LE(0), 24 + page.readUInt16LE(pointer))
    }
  })
  t.throws(() => assertWhole(path), { name: 'StoreError', message: /is damaged/, cause: { message: 'its pages lead in a circle' } })
})

t.test('L22 another program\'s LMDB file, and one of a newer version, are refused and left as they are', async t => {
  for (const [key, value] of [['a', 'b'], ['format', 'x'], ['format', '\0\0\0\0handstamp 2']] as const) {
    const folder = temporaryFolder(t)
    const path = join(folder, 'handstamp.mdb')
    const file = open({ path, noSubdir: true, encoding: 'binary' })
    await file.put(key, Buffer.from(value))
    await file.close()
    await t.rejects(EmbeddedStore.open(folder), { name: 'StoreError', message: /written by something else|cannot be opened/ })
    const again = open({ path, noSubdir: true, encoding: 'binary' })
    t.equal(String(again.get(key)), value)
    t.equal(again.getKeysCount(), 1)
    await again.close()
  }
})

t.test('L22 a good file may be shorter than it says: what is missing is free', async t => {
  // The engine may free pages at the end of the file before it ever wrote them.
  let found = 0
  for (let start = 1; start <= 40 && found < 3; start++) {
    let seed = start
    const random = (below: number) => (seed = seed * 48_271 % 2_147_483_647) % below
    const path = join(temporaryFolder(t), 'handstamp.mdb')
    const file = open({ path, noSubdir: true, encoding: 'binary' })
    const keys: string[] = []
    file.transactionSync(() => file.putSync('format', Buffer.from('\0\0\0\0handstamp 1')))
    for (let step = 0; step < 8 && !isShort(path); step++) {
      file.transactionSync(() => {
        const isAdding = step % 2 === 0
        for (let count = random(isAdding ? 1_500 : keys.length + 1); count > 0; count--) {
          if (isAdding) file.putSync(keys[keys.push(`things/${random(1e9)}`) - 1] ?? '', Buffer.alloc(200))
          else file.removeSync(keys.splice(random(keys.length), 1)[0] ?? '')
        }
      })
    }
    await file.close()
    if (!isShort(path)) continue
    found++
    const store = await opened(t, join(path, '..'))
    t.equal((await listOf(store, 'things/')).length, new Set(keys).size)
  }
  t.equal(found, 3)
})

const isShort = (path: string): boolean => {
  const bytes = readFileSync(path)
  const [first = 0n, second = 0n] = [0, 4_096].map(at => bytes.readBigUInt64LE(at + 152))
  return bytes.length < (Number(bytes.readBigUInt64LE(first > second ? 144 : 4_096 + 144)) + 1) * 4_096
}

t.test('L21 after the machine went down in the middle of a write, all that was acknowledged is there', async t => {
  const [folder, crashed] = [temporaryFolder(t), temporaryFolder(t)]
  const path = join(folder, 'handstamp.mdb')
  const store = await opened(t, folder)
  await Promise.all(Array.from({ length: 300 }, (_, number) => store.put(`things/${number}`, 'x'.repeat(300))))
  await store.put('things/0', 'acknowledged')
  const before = readFileSync(path)
  await store.put('things/1', 'lost')
  const after = readFileSync(path)

  // Everything of the last write reached the disk but its meta page, which is written last.
  writeFileSync(join(crashed, 'handstamp.mdb'), Buffer.concat([before.subarray(0, 8_192), after.subarray(8_192)]))
  const again = await opened(t, crashed)
  t.equal(await again.get('things/0'), 'acknowledged')
  t.equal(await again.get('things/1'), 'x'.repeat(300))
  await again.put('things/1', 'written')
  t.equal(await again.get('things/1'), 'written')
  t.equal((await listOf(again, 'things/')).length, 300)
})

t.test('L22 what the newer meta page speaks of must be whole', async t => {
  const path = await filledFile(t)
  const bytes = readFileSync(path)
  const newer = bytes.readBigUInt64LE(152) > bytes.readBigUInt64LE(4_096 + 152) ? 0 : 4_096
  bytes.writeBigUInt64LE(1_000_000n, newer + 136)
  writeFileSync(path, bytes)
  await t.rejects(EmbeddedStore.open(join(path, '..')), { name: 'StoreError', message: /is damaged/ })
})

t.test('a walk sees every entry that is there all the time, however many come and go, and a store that is closed says so', async t => {
  const store = await EmbeddedStore.open(temporaryFolder(t))
  const keys = Array.from({ length: 2_500 }, (_, number) => `things/${String(number).padStart(4, '0')}`)
  await Promise.all(keys.map(key => store.put(key, 'x')))
  const seen: string[] = []
  for await (const [key] of store.walk('things/')) {
    seen.push(key)
    await store.remove(key)
    await store.put(`things/0000/${seen.length}`, 'y')
  }
  t.same(seen.filter(key => keys.includes(key)), keys)
  await store.close()
  const walk = async () => { for await (const entry of store.walk('')) t.fail(entry[0]) }
  await t.rejects(walk(), { name: 'StoreError' })
})
