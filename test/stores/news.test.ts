import t from 'tap'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { News } from '../../src/stores/news.ts'
import { StoreError, type Store } from '../../src/stores/store.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

const inAMinute = () => Math.floor(Date.now() / 1000) + 60

/** Two processes that follow one store; the first one's can be away. */
async function scene (t: Teardown) {
  const folder = temporaryFolder(t)
  let away = false
  const problems: unknown[] = []
  const follow = async (store: Store) => {
    const heard: string[] = []
    const news = new News(store, problem => { problems.push(problem) })
    news.on('session', text => { heard.push(text) })
    news.on('everyone', async text => { heard.push(`everyone ${text}`) })
    await news.follow()
    t.teardown(() => news.stop())
    return { news, heard }
  }
  const store = await EmbeddedStore.open(folder)
  t.teardown(() => store.close())
  const unless = (act: () => Promise<unknown>) => async () => away ? Promise.reject(new StoreError('away')) : act()
  const mayBeAway = new Proxy(store, {
    get: (target, name) => {
      const own = Reflect.get(target, name) as unknown
      return typeof own === 'function' ? (...args: unknown[]) => unless(async () => Reflect.apply(own, target, args) as unknown)() : own
    }
  })
  return { store, here: await follow(mayBeAway), there: await follow(store), problems, follow, setAway: (is: boolean) => { away = is } }
}

t.test('every process hears what any of them announces, itself as well', async t => {
  const { here, there } = await scene(t)
  await here.news.announce('session', 'a', inAMinute())
  await there.news.announce('everyone', 'b c', inAMinute())
  await here.news.announce('keys', 'to nobody', inAMinute())
  await there.news.announce('session', '', inAMinute())
  for (const { heard } of [here, there]) await eventually('it is heard', () => heard.length === 3)
  t.same([here.heard, there.heard], [['a', 'everyone b c', ''], ['a', 'everyone b c', '']])
})

t.test('a line that nobody can make anything of holds up no other, and is reported', async t => {
  const { here, there, problems } = await scene(t)
  const unreadable = new SyntaxError('what is this?')
  here.news.on('keys', () => { throw unreadable })
  await there.news.announce('keys', '', inAMinute())
  await there.news.announce('session', 'a', inAMinute())
  await eventually('it is heard', () => here.heard.length === 1)
  t.same(problems, [unreadable])
})

t.test('L18 that the store may have lost something is known until everybody has dealt with it', async t => {
  const { store } = await scene(t)
  await store.announce('session a', inAMinute())
  let loses = true
  const losing = Object.assign(Object.create(store) as Store, {
    newsAfter: async (after: number) => {
      const heard = { ...await store.newsAfter(after), mayHaveLost: loses }
      loses = false
      return heard
    }
  })
  const problems: unknown[] = []
  const news = new News(losing, problem => { problems.push(problem) })
  const told: string[][] = []
  let fails = 1
  news.onLoss(async () => { if (fails-- > 0) throw new StoreError('away') })
  news.onLoss(lines => { told.push([...lines]) })
  await t.rejects(news.follow(), { message: 'away' })
  t.same(told, [['session a']], 'the others hear of it')
  await news.follow()
  t.teardown(() => news.stop())
  t.same(told, [['session a'], ['session a']], 'and again, with all that there is')
  await store.announce('session b', inAMinute())
  let last = ''
  news.on('session', text => { last = text })
  await eventually('it goes on', () => last === 'b')
  t.equal(told.length, 2)
})

t.test('a process that starts later hears what still lives', async t => {
  const { store, here, follow } = await scene(t)
  await here.news.announce('session', 'old', 1)
  await here.news.announce('session', 'live', inAMinute())
  t.same((await follow(store)).heard, ['live'])
})

t.test('what could not be told because the store was away is told when it is back, and said to have failed before', async t => {
  const { here, there, problems, setAway } = await scene(t)
  setAway(true)
  await t.rejects(here.news.announce('session', 'first', inAMinute()), { name: 'StoreError' })
  await t.rejects(here.news.announce('session', 'second', inAMinute()), { name: 'StoreError' })
  await there.news.announce('session', 'from elsewhere', inAMinute())
  await eventually('the store is missed', () => problems.length > 0)
  setAway(false)
  for (const { heard } of [here, there]) await eventually('it is heard', () => heard.length === 3)
  t.same([here.heard, there.heard].map(heard => heard.sort()), Array(2).fill(['first', 'from elsewhere', 'second']))
})

t.test('after the end nothing is read any more', async t => {
  const { here, there } = await scene(t)
  await here.news.stop()
  await there.news.announce('session', 'a', inAMinute())
  await eventually('the other hears it', () => there.heard.length === 1)
  t.same(here.heard, [])
})

t.test('a store that takes no news still gives it', async t => {
  const { store, there } = await scene(t)
  const full = Object.assign(Object.create(store) as Store, {
    announce: async () => { throw new StoreError('full') },
    newsAfter: (after: number) => store.newsAfter(after)
  })
  const heard: string[] = []
  const news = new News(full, () => {})
  news.on('session', text => { heard.push(text) })
  await news.follow()
  t.teardown(() => news.stop())
  await t.rejects(news.announce('session', 'not told', inAMinute()), { message: 'full' })
  await there.news.announce('session', 'from elsewhere', inAMinute())
  await eventually('it is heard', () => heard.length > 0)
  t.same(heard, ['from elsewhere'])
})

/** One process on a store that can hang or be away, a clock that the test moves, and how long it means to wait for the next look. */
async function restful (t: Teardown & { intercept: typeof import('tap').t.intercept }) {
  const store = await EmbeddedStore.open(temporaryFolder(t))
  t.teardown(() => store.close())
  let looks = 0
  let hindered: (() => Promise<never>) | undefined
  const watched = Object.assign(Object.create(store) as Store, {
    newsAfter: (after: number) => {
      looks++
      return hindered ? hindered() : store.newsAfter(after)
    }
  })
  const began = performance.now()
  let traveled = 0
  t.intercept(performance, 'now', { value: () => began + traveled })
  const news = new News(watched, () => {})
  const heard: string[] = []
  news.on('session', text => { heard.push(text) })
  await news.follow()
  t.teardown(() => news.stop())
  return {
    store,
    news,
    heard,
    looks: () => looks,
    travel: (ms: number) => { traveled += ms },
    hinder: (how: (() => Promise<never>) | undefined) => { hindered = how }
  }
}

t.test('a request after a rest knows what others did before it, and the next ones wait for nothing', async t => {
  const { store, news, heard, travel, looks } = await restful(t)
  travel(60_000)
  await store.announce('session a', inAMinute())
  await news.catchUp()
  t.same(heard, ['a'])
  const known = looks()
  for (let request = 0; request < 100; request++) t.equal(news.catchUp(), undefined)
  t.equal(looks(), known)
})

t.test('a request does not wait for a store that hangs, and not at all for one that is away', async t => {
  const { news, travel, hinder } = await restful(t)
  travel(60_000)
  let refuse = () => {}
  hinder(() => new Promise((_resolve, reject) => { refuse = () => reject(new StoreError('away')) }))
  await news.catchUp() // its patience ends
  refuse()
  await eventually('that is known', () => news.catchUp() === undefined)
  travel(60_000)
  t.equal(news.catchUp(), undefined)
})

t.test('a process that nobody uses looks every two seconds, and one that is used three times a second', async t => {
  const waits: number[] = []
  const { setTimeout: later } = globalThis
  t.intercept(globalThis, 'setTimeout', {
    value: (act: () => void, ms: number) => {
      if (ms >= 100) waits.push(ms)
      return later(act, Math.min(ms, 5))
    }
  })
  const { travel, news } = await restful(t)
  await eventually('it is used', () => waits.includes(300))
  travel(10_000)
  await eventually('it is at rest', () => waits.includes(2_000))
  await news.catchUp()
  const from = waits.length
  await eventually('it is used again', () => waits.slice(from).includes(300))
})
