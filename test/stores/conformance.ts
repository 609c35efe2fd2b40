import type { Test } from 'tap'
import type { Entry, Store } from '../../src/stores/store.ts'
import type { Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { listOf } from '../helpers/stores.ts'
import { competitors, type Settings } from './neighbour.ts'

/** A kind of store, empty. */
export interface Place {
  /** A handle of its own, as every process has one; closed at the end of the test. */
  open (): Promise<Store>
  settings: Settings
}

async function everything (entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const entry of entries) found.push(entry)
  return found
}

const seconds = (): number => Math.floor(Date.now() / 1000)
const callers = 64
const processes = 3

/** What many callers get that ask at the same time. */
const byMany = <Result>(ask: (caller: number) => Promise<Result> | undefined) => Promise.all(Array.from({ length: callers }, (_, caller) => ask(caller)))

/** What every store promises (src/stores/store.ts). */
export function conformance (t: Test, empty: (t: Teardown) => Promise<Place>): void {
  t.test('what was put is there until it is removed', async t => {
    const store = await (await empty(t)).open()
    t.equal(await store.get('things/a'), undefined)
    await store.put('things/a', 'one')
    t.equal(await store.get('things/a'), 'one')
    await store.put('things/a', 'two')
    t.equal(await store.get('things/a'), 'two')
    t.equal(await store.remove('things/a'), true)
    t.equal(await store.get('things/a'), undefined)
    t.equal(await store.remove('things/a'), false, 'it says whether there was something')
  })

  t.test('a value is any text', async t => {
    const store = await (await empty(t)).open()
    for (const value of ['', ' ', '\0', 'ünïcödé 한국어 🪪', '\n', '{"a":[1,"\\"]}', 'x'.repeat(100_000)]) {
      await store.put('things/a', value)
      t.equal(await store.get('things/a'), value)
    }
  })

  t.test('keys that look alike are different keys', async t => {
    const store = await (await empty(t)).open()
    const keys = ['things/a', 'things/A', 'things/a ', 'things/aa', 'things/a-b', 'things/a_b', 'thing/a', 'x/things/a', `things/${'k'.repeat(200)}`]
    for (const key of keys) await store.put(key, key)
    for (const key of keys) t.equal(await store.get(key), key)
  })

  t.test('what one handle wrote, every other reads', async t => {
    const place = await empty(t)
    const [here, there] = [await place.open(), await place.open()]
    for (let round = 0; round < 20; round++) {
      await here.put('things/a', `here ${round}`)
      t.equal(await there.get('things/a'), `here ${round}`)
      await there.put('things/a', `there ${round}`)
      t.equal(await here.get('things/a'), `there ${round}`)
    }
  })

  t.test('what was written is there after everybody has gone', async t => {
    const place = await empty(t)
    const first = await place.open()
    await first.put('things/a', 'one', seconds() + 60)
    t.equal(await first.count('numbers'), 1)
    await first.close()
    const second = await place.open()
    t.equal(await second.get('things/a'), 'one')
    t.equal(await second.count('numbers'), 2)
  })

  t.test('a value is gone at its end, and not before', async t => {
    const store = await (await empty(t)).open()
    const end = seconds() + 2
    await store.put('ends/1/put', 'x', end)
    await store.put('ends/1/later', 'x', end + 600)
    await store.claim('ends/1/claim', 'x', end)
    await store.put('ends/1/replace', 'x', end + 60)
    await store.replace('ends/1/replace', 'x', 'y', end)
    await store.put('ends/1/line', 'x\n', end + 60)
    await store.replaceLine('ends/1/line', 'x', 'y', end)
    const keys = ['put', 'claim', 'replace', 'line'].map(name => `ends/1/${name}`)
    for (const key of keys) {
      const value = await store.get(key)
      if (Date.now() < end * 1000 - 500) t.type(value, 'string', key)
      await eventually(`${key} is over`, async () => await store.get(key) === undefined)
      t.ok(Date.now() >= end * 1000, key)
    }
    t.same(await listOf(store, 'ends/1/'), [['ends/1/later', 'x']])
    t.same(await everything(store.walk('ends/')), [['ends/1/later', 'x']])
    t.notOk(await store.replace('ends/1/put', 'x', 'y'))
    t.same(await store.replaceLine('ends/1/line', 'y', 'z'), { replaced: false, found: undefined })
    t.ok(await store.claim('ends/1/claim', 'again'), 'its place is free again')
  })

  t.test('an end that has passed already ends at once', async t => {
    const store = await (await empty(t)).open()
    await store.put('ends/1/a', 'x', seconds() - 1)
    t.equal(await store.get('ends/1/a'), undefined)
    await store.put('ends/1/b', 'x')
    await store.put('ends/1/b', 'y', seconds() - 1)
    t.equal(await store.get('ends/1/b'), undefined)
    t.same(await listOf(store, 'ends/1/'), [])
  })

  t.test('each write sets the end anew: without one, a value lasts', async t => {
    const store = await (await empty(t)).open()
    const soon = seconds() + 1
    await store.put('ends/1/put', 'x', soon)
    await store.put('ends/1/put', 'y')
    await store.put('ends/1/replace', 'x', soon)
    await store.replace('ends/1/replace', 'x', 'y', soon + 60)
    await store.put('ends/1/line', 'x\n', soon)
    await store.replaceLine('ends/1/line', 'x', 'y', soon + 60)
    await eventually('the first ends have passed', () => Date.now() > soon * 1000)
    t.equal(await store.get('ends/1/put'), 'y')
    t.equal(await store.get('ends/1/replace'), 'y')
    t.equal(await store.get('ends/1/line'), 'y\n')
    t.equal((await listOf(store, 'ends/1/')).length, 3)
  })

  t.test('a claim is for the first, and changes nothing for the others', async t => {
    const store = await (await empty(t)).open()
    t.ok(await store.claim('races/a', 'mine', seconds() + 60))
    t.notOk(await store.claim('races/a', 'yours', seconds() + 120))
    t.notOk(await store.claim('races/a', 'mine'))
    t.equal(await store.get('races/a'), 'mine')
    await store.put('races/b', 'put')
    t.notOk(await store.claim('races/b', 'x'))
    await store.remove('races/a')
    t.ok(await store.claim('races/a', 'yours'))
  })

  t.test('of many that claim at once, one succeeds', async t => {
    const place = await empty(t)
    const handles = [await place.open(), await place.open()]
    for (let round = 0; round < 10; round++) {
      const claims = await byMany(caller => handles[caller % 2]?.claim(`races/${round}`, String(caller), seconds() + 60))
      t.equal(claims.filter(Boolean).length, 1)
      t.equal(await handles[0]?.get(`races/${round}`), String(claims.indexOf(true)))
    }
  })

  t.test('a swap needs the very text that is there', async t => {
    const store = await (await empty(t)).open()
    t.notOk(await store.replace('swaps/a', '', 'x'), 'nothing is not the empty text')
    t.equal(await store.get('swaps/a'), undefined)
    await store.put('swaps/a', 'one')
    for (const wrong of ['', 'on', 'one ', 'One', 'onee', 'one\0']) t.notOk(await store.replace('swaps/a', wrong, 'x'), JSON.stringify(wrong))
    t.equal(await store.get('swaps/a'), 'one')
    t.ok(await store.replace('swaps/a', 'one', ''))
    t.equal(await store.get('swaps/a'), '')
    t.ok(await store.replace('swaps/a', '', 'two'))
    t.notOk(await store.replace('swaps/a', 'one', 'three'))
    t.equal(await store.get('swaps/a'), 'two')
  })

  t.test('of many that swap at once, one succeeds, and none is lost', async t => {
    const place = await empty(t)
    const handles = [await place.open(), await place.open()]
    await handles[0]?.put('swaps/a', '0')
    for (let round = 0; round < 10; round++) {
      const swaps = await byMany(caller => handles[caller % 2]?.replace('swaps/a', String(round), String(round + 1)))
      t.equal(swaps.filter(Boolean).length, 1)
    }
    t.equal(await handles[1]?.get('swaps/a'), '10')
  })

  t.test('a line is swapped where it starts as expected, and what follows it stays', async t => {
    const store = await (await empty(t)).open()
    t.same(await store.replaceLine('lines/a', 'one', 'two'), { replaced: false, found: undefined })
    t.equal(await store.get('lines/a'), undefined)
    await store.put('lines/a', 'one 1\nthe rest\nof it %1 \\ ü')
    for (const wrong of ['two', 'one 2', 'One', ' one', 'one 1 ', 'ne 1', 'the rest']) {
      t.same(await store.replaceLine('lines/a', wrong, 'x'), { replaced: false, found: 'one 1\nthe rest\nof it %1 \\ ü' }, wrong)
    }
    t.same(await store.replaceLine('lines/a', 'one ', 'two 2'), { replaced: true, found: 'one 1\nthe rest\nof it %1 \\ ü' })
    t.equal(await store.get('lines/a'), 'two 2\nthe rest\nof it %1 \\ ü')
    t.same(await store.replaceLine('lines/a', 'one ', 'three 3'), { replaced: false, found: 'two 2\nthe rest\nof it %1 \\ ü' })
    await store.put('lines/a', 'a.c ($1)\n')
    t.notOk((await store.replaceLine('lines/a', 'abc', 'x')).replaced, 'no pattern')
    t.ok((await store.replaceLine('lines/a', 'a.c ($1', '%1 $& \\1')).replaced)
    t.equal(await store.get('lines/a'), '%1 $& \\1\n')
    await store.put('lines/b', 'one')
    t.ok((await store.replaceLine('lines/b', 'one', 'two')).replaced, 'a last line needs no end')
    t.equal(await store.get('lines/b'), 'two')
    t.same(await store.replaceLine('lines/b', '', ''), { replaced: true, found: 'two' })
    t.equal(await store.get('lines/b'), '')
  })

  t.test('of many that swap a line at once, one succeeds, and all see what was there', async t => {
    const place = await empty(t)
    const handles = [await place.open(), await place.open()]
    await handles[0]?.put('lines/a', '0;\nrest')
    for (let round = 0; round < 10; round++) {
      const swaps = await byMany(caller => handles[caller % 2]?.replaceLine('lines/a', `${round};`, `${round + 1};`))
      t.equal(swaps.filter(swap => swap?.replaced).length, 1)
      for (const swap of swaps) t.equal(swap?.found, `${swap?.replaced ? round : round + 1};\nrest`)
    }
  })

  t.test('a folder lists what was put there, and nothing else', async t => {
    const store = await (await empty(t)).open()
    t.same(await listOf(store, 'folder/1/'), [])
    const keys = ['folder/1/a', 'folder/1/b', 'folder/1/c', 'folder/10/x', 'folder/2/x', 'folder', 'folder/1', 'xfolder/1/x']
    for (const key of keys) await store.put(key, `of ${key}`)
    await store.put('folder/1/e', 'x', seconds() - 1)
    await store.remove('folder/1/b')
    await store.replace('folder/1/c', 'of folder/1/c', 'changed')
    await store.put('folder/1/d', 'one\n')
    await store.replaceLine('folder/1/d', 'one', 'two')
    t.same((await listOf(store, 'folder/1/')).sort(), [['folder/1/a', 'of folder/1/a'], ['folder/1/c', 'changed'], ['folder/1/d', 'two\n']])
    for (const name of 'acd') await store.remove(`folder/1/${name}`)
    t.same(await listOf(store, 'folder/1/'), [])
  })

  t.test('a folder of one, of several and of none again holds the same', async t => {
    const place = await empty(t)
    const [here, there] = [await place.open(), await place.open()]
    const end = seconds() + 60
    t.equal(await here.add('folder/1/a', 'one\nrest', 1, end), false)
    t.equal(await there.get('folder/1/a'), 'one\nrest')
    t.equal(await there.get('folder/1/b'), undefined)
    t.notOk(await there.remove('folder/1/b'))
    t.notOk(await there.claim('folder/1/a', 'x', end), 'what was put is taken')
    t.ok(await there.claim('claims/1/c', 'claimed', end))
    t.ok(await there.replace('claims/1/c', 'claimed', 'claimed again', end))
    t.equal(await here.get('claims/1/c'), 'claimed again')
    t.same(await here.replaceLine('claims/1/c', 'claimed', 'twice'), { replaced: true, found: 'claimed again' })
    t.ok(await here.remove('claims/1/c'))
    t.same(await listOf(here, 'folder/1/'), [['folder/1/a', 'one\nrest']])
    t.same(await here.replaceLine('folder/1/a', 'one', 'two', end), { replaced: true, found: 'one\nrest' })
    t.equal(await there.add('folder/1/b', 'x', 1), true)
    t.same((await listOf(here, 'folder/1/')).sort(), [['folder/1/a', 'two\nrest'], ['folder/1/b', 'x']])
    t.ok(await there.replace('folder/1/a', 'two\nrest', 'three', end + 1))
    t.ok(await here.remove('folder/1/a'))
    t.same(await listOf(there, 'folder/1/'), [['folder/1/b', 'x']])
    t.ok(await here.remove('folder/1/b'))
    t.same(await listOf(there, 'folder/1/'), [])

    await here.put('folder/2/lasts', 'x')
    await here.put('folder/2/ends', 'y', seconds() + 1)
    await eventually('one has ended', async () => await here.get('folder/2/ends') === undefined)
    t.same(await listOf(there, 'folder/2/'), [['folder/2/lasts', 'x']], 'the first lasts as it did')
    await here.put('folder/3/ends', 'x', seconds() + 1)
    await here.put('folder/3/later', 'y', end)
    await eventually('the first has ended', async () => await here.get('folder/3/ends') === undefined)
    t.same(await listOf(there, 'folder/3/'), [['folder/3/later', 'y']])
  })

  t.test('of many that add to an empty folder at once, each is there', async t => {
    const place = await empty(t)
    const handles = [await place.open(), await place.open()]
    await byMany(caller => handles[caller % 2]?.put(`folder/1/${caller}`, String(caller), seconds() + 60))
    for (let caller = 0; caller < callers; caller++) t.equal(await handles[0]?.get(`folder/1/${caller}`), String(caller))
    t.equal((await listOf(await place.open(), 'folder/1/')).length, callers)
  })

  t.test('of many that remove at once, one hears that there was something', async t => {
    const place = await empty(t)
    const handles = [await place.open(), await place.open()]
    await handles[0]?.put('races/a', 'x', seconds() + 60)
    t.equal((await byMany(caller => handles[caller % 2]?.remove('races/a'))).filter(Boolean).length, 1)
  })

  t.test('whoever adds to a folder hears whether it is too full now', async t => {
    const place = await empty(t)
    const [here, there] = [await place.open(), await place.open()]
    await here.put('folder/10/x', 'x')
    t.equal(await here.add('folder/1/a', 'one', 2, seconds() + 60), false)
    t.equal(await there.add('folder/1/b', 'two', 2), false)
    t.equal(await here.add('folder/1/b', 'three', 2, seconds() + 60), false, 'what is there takes no more room')
    t.equal(await there.add('folder/1/c', 'four', 2, seconds() + 60), true)
    t.same((await listOf(here, 'folder/1/')).sort(), [['folder/1/a', 'one'], ['folder/1/b', 'three'], ['folder/1/c', 'four']])
    await there.remove('folder/1/a')
    t.equal(await here.add('folder/1/c', 'five', 2, seconds() + 60), false)
    const added = await byMany(caller => (caller % 2 ? here : there).add(`folder/2/${caller}`, 'x', 50, seconds() + 60))
    t.equal(added.filter(Boolean).length, callers - 50)
  })

  t.test('a folder comes by the page, with all that is there the whole time', async t => {
    const store = await (await empty(t)).open()
    const keys = Array.from({ length: 1_000 }, (_, number) => `folder/many/${number}-`)
    await Promise.all(keys.map(key => store.put(key, key, seconds() + 60)))
    const [seen, changed] = [new Set<string>(), new Set<string>()]
    let pages = 0
    for (let from: string | undefined, more = true; more; pages++) {
      const { entries, next } = await store.page('folder/many/', 50, from)
      t.ok(entries.length <= 75, `${entries.length} on a page of about fifty`)
      for (const [key] of entries) {
        seen.add(key)
        if (seen.size % 3 > 0) continue
        changed.add(key)
        await store.remove(key)
      }
      await store.put(`folder/many/new-${pages}`, 'x')
      if (next !== undefined) t.match(next, /^[\w-]+$/)
      from = next
      more = next !== undefined
    }
    for (const key of keys) if (!changed.has(key)) t.ok(seen.has(key), key)
    t.ok(pages >= 14 && pages < 60, `${pages} pages`)
    t.same(await store.page('folder/none/', 50), { entries: [] })
    for (const from of ['nonsense', '-', '99999999999999999999']) t.ok(Array.isArray((await store.page('folder/many/', 50, from)).entries))
  })

  t.test('a folder may be large', async t => {
    const store = await (await empty(t)).open()
    const keys = Array.from({ length: 1_500 }, (_, number) => `folder/many/${number}`)
    await Promise.all(keys.map(key => store.put(key, key, seconds() + 60)))
    t.same([...new Set((await listOf(store, 'folder/many/')).map(([key]) => key))].sort(), keys.sort())
  })

  t.test('a walk sees everything below a prefix, and nothing else', async t => {
    const store = await (await empty(t)).open()
    const keys = Array.from({ length: 2_500 }, (_, number) => `walks/${number % 50}/${number}`)
    await Promise.all(keys.map(key => store.put(key, `of ${key}`, seconds() + 60)))
    await store.put('walk/a', 'x')
    await store.put('walks', 'x')
    await store.remove('walks/0/0')
    await store.put('walks/1/1', 'x', seconds() - 1)
    const found = new Map(await everything(store.walk('walks/')))
    t.same([...found.keys()].sort(), keys.filter(key => key !== 'walks/0/0' && key !== 'walks/1/1').sort())
    for (const [key, value] of found) t.equal(value, `of ${key}`)
    t.same(await everything(store.walk('nowhere/')), [])
  })

  t.test('numbers count up from one, each counter for itself', async t => {
    const place = await empty(t)
    const [here, there] = [await place.open(), await place.open()]
    t.same([await here.count('a'), await there.count('a'), await here.count('b'), await here.count('a')], [1, 2, 1, 3])
    t.same([await here.count('a', 2), await there.count('a', 10), await here.count('c', 5), await there.count('a')], [4, 11, 6, 12], 'and above what is known')
  })

  t.test('no number comes twice', async t => {
    const place = await empty(t)
    const handles = [await place.open(), await place.open()]
    const numbers = await byMany(caller => handles[caller % 2]?.count('numbers'))
    t.same(numbers.sort((one = 0, other = 0) => one - other), Array.from({ length: callers }, (_, number) => number + 1))
  })

  t.test('every reader reads all news once, in order', async t => {
    const place = await empty(t)
    const [here, there] = [await place.open(), await place.open()]
    t.same(await here.newsAfter(0), { last: 0, news: [], mayHaveLost: false })
    const read: Record<string, string[]> = { here: [], there: [] }
    let [lastHere, lastThere] = [0, 0]
    for (let number = 1; number <= 30; number++) {
      await (number % 2 ? here : there).announce(`news ${number}: ünï`, seconds() + 60)
      if (number % 3 === 0) {
        const { last, news } = await here.newsAfter(lastHere)
        lastHere = last
        read['here']?.push(...news)
      }
      if (number % 10 === 0) {
        const { last, news } = await there.newsAfter(lastThere)
        lastThere = last
        read['there']?.push(...news)
      }
    }
    const all = Array.from({ length: 30 }, (_, number) => `news ${number + 1}: ünï`)
    t.same(read, { here: all, there: all })
    t.same(await here.newsAfter(lastHere), { last: 30, news: [], mayHaveLost: false })
    t.same((await here.newsAfter(0)).news, all, 'a newcomer reads all that lives')
  })

  t.test('the same news twice is news twice', async t => {
    const store = await (await empty(t)).open()
    await store.announce('keys', seconds() + 60)
    await store.announce('keys', seconds() + 60)
    t.same(await store.newsAfter(0), { last: 2, news: ['keys', 'keys'], mayHaveLost: false })
  })

  t.test('news is forgotten at its end', async t => {
    const store = await (await empty(t)).open()
    const end = seconds() + 1
    await store.announce('short', end)
    await store.announce('long', end + 60)
    await store.announce('over', end - 60)
    await eventually('the end has come', () => store.now() >= end * 1000)
    t.same(await store.newsAfter(0), { last: 3, news: ['long'], mayHaveLost: false })
    t.same(await store.newsAfter(1), { last: 3, news: ['long'], mayHaveLost: false })
  })

  t.test('a store that lost its count of news is read from the start', async t => {
    const store = await (await empty(t)).open()
    for (const news of ['a', 'b', 'c']) await store.announce(news, seconds() + 60)
    const { last } = await store.newsAfter(0)
    await store.remove('counters/news')
    await store.announce('d', seconds() + 60)
    const after = await store.newsAfter(last)
    t.equal(after.last, 1)
    t.ok(after.news.includes('d'))
    await store.announce('e', seconds() + 60)
    const later = await store.newsAfter(after.last)
    t.equal(later.last, 2)
    t.ok(later.news.includes('e'))
  })

  t.test('several processes at once lose nothing, and never get what is for one', async t => {
    const place = await empty(t)
    const store = await place.open()
    await store.put('sums/whole', '0')
    await store.put('sums/line', '0;\nrest')
    const read: string[] = []
    let [last, done] = [0, false]
    const reading = (async () => {
      for (let rest = 2; rest > 0; rest -= done ? 1 : 0) {
        const { last: newest, news } = await store.newsAfter(last)
        read.push(...news)
        last = newest
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    })()
    const hauls = await competitors(processes, place.settings)
    done = true
    await reading

    const total = processes * 100
    const ascending = (one: number, other: number) => one - other
    t.same(hauls.flatMap(({ claimed }) => claimed).sort(ascending), Array.from({ length: 100 }, (_, round) => round), 'each claim went to one')
    t.same(hauls.flatMap(({ counted }) => counted).sort(ascending), Array.from({ length: total }, (_, number) => number + 1), 'no number came twice')
    t.equal(await store.get('sums/whole'), String(total))
    t.equal(await store.get('sums/line'), `${total};\nrest`)
    t.equal(last, total)
    t.same([...read].sort(), hauls.flatMap(({ announced }) => announced).sort(), 'all news was read, and once')
    for (const { announced } of hauls) t.same(read.filter(news => announced.includes(news)), announced, 'in the order each told it')
  })

  t.test('a store that serves says so', async t => {
    const store = await (await empty(t)).open()
    await store.ping()
    t.equal(store.secondsAway(0), 0)
  })
}
