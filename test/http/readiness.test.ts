import t from 'tap'
import { Readiness } from '../../src/http/readiness.ts'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { StoreError, type Store } from '../../src/stores/store.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

/** Readiness on a store that can be made to fail, with a clock that the test moves. */
async function scene (t: Teardown & { intercept: typeof import('tap').t.intercept }) {
  const store = await EmbeddedStore.open(temporaryFolder(t))
  t.teardown(() => store.close())
  const fails: Partial<Store> = {}
  const calls = { ping: 0, claim: 0 }
  const began = performance.now()
  let traveled = 0
  t.intercept(performance, 'now', { value: () => began + traveled })
  const told: Array<Error | undefined> = []
  const failing = new Proxy<Store>(store, {
    get (target, name) {
      if (name === 'ping' || name === 'claim') calls[name]++
      return Reflect.get(fails, name) ?? Reflect.get(target, name)?.bind(target) as unknown
    }
  })
  const readiness = new Readiness(failing, problem => { told.push(problem as Error | undefined) })
  return { readiness, fails, calls, told, travel: (ms: number) => { traveled += ms } }
}
const no = (message = 'no') => () => Promise.reject(new StoreError(message))

t.test('a store is asked once a second at most, and tried once in ten, however many want to know at once', async t => {
  const { readiness, calls, travel } = await scene(t)
  await readiness.begin()
  const [tried, pinged] = [calls.claim, calls.ping]
  for (let round = 0; round < 3; round++) t.same(new Set(await Promise.all(Array.from({ length: 500 }, () => readiness.isReady()))), new Set([true]))
  t.same(calls, { claim: tried, ping: pinged + 1 })
  travel(1_100)
  await Promise.all(Array.from({ length: 500 }, () => readiness.isReady()))
  t.same(calls, { claim: tried, ping: pinged + 2 })
  travel(10_000)
  await Promise.all(Array.from({ length: 500 }, () => readiness.isReady()))
  t.equal(calls.claim, 2 * tried)
})

t.test('readiness is red while one step of a login fails, and the log hears it once, and when logins work again', async t => {
  const { readiness, fails, told, travel } = await scene(t)
  await readiness.begin()
  t.ok(await readiness.isReady())
  fails.put = no('full')
  travel(10_100)
  for (let time = 0; time < 3; time++) {
    t.notOk(await readiness.isReady())
    travel(10_100)
  }
  fails.put = no('read only')
  t.notOk(await readiness.isReady())
  delete fails.put
  travel(10_100)
  t.ok(await readiness.isReady())
  t.match(told, [{ message: 'full' }, { message: 'read only' }, undefined])
})

t.test('L16 an outage turns readiness red within a second, and leaves nothing behind when it is finished', async t => {
  const { readiness, fails, told, calls, travel } = await scene(t)
  await readiness.begin()
  const tried = calls.claim
  fails.ping = no('away')
  travel(5_000)
  t.notOk(await readiness.isReady())
  delete fails.ping
  travel(1_100)
  t.ok(await readiness.isReady())
  t.equal(calls.claim, tried, 'it was not tried meanwhile')
  t.same(told, [])
})

t.test('L17 a store that hangs is answered for in a second, and asked once', async t => {
  const { readiness, fails, calls, travel } = await scene(t)
  let release = () => {}
  fails.ping = () => new Promise<void>(resolve => { release = resolve })
  const from = Date.now()
  t.same(new Set(await Promise.all(Array.from({ length: 50 }, () => readiness.isReady()))), new Set([false]))
  t.ok(Date.now() - from < 5_000)
  t.notOk(await readiness.isReady())
  t.equal(calls.ping, 1)
  release()
  delete fails.ping
  travel(1_100)
  await eventually('it is ready', () => readiness.isReady())
})

t.test('R78 a start ends where only another configuration helps, and goes on red where time does', async t => {
  const { readiness, fails, told } = await scene(t)
  fails.claim = no('full')
  await readiness.begin()
  t.notOk(await readiness.isReady())
  t.match(told, [{ message: 'full' }])
  const other = await scene(t)
  other.fails.claim = () => Promise.reject(new StoreError('forbidden', undefined, true))
  await t.rejects(other.readiness.begin(), { message: 'forbidden' })
})
