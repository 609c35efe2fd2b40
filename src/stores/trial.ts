import { randomUUID } from 'node:crypto'
import { StoreError, type Store } from './store.ts'
import { epochSeconds } from '../clock.ts'

const livesSeconds = 60

/**
 * Takes every kind of step that a login needs, on entries of its own, which expire by themselves if they are not removed: a store
 * may answer and yet be full, read only, or forbid a command.
 * @throws StoreError of the first step that fails
 */
export async function tryStore (store: Store): Promise<void> {
  try {
    await takeEachStep(store)
  } catch (error) {
    throw error instanceof StoreError && error.lasting ? await store.explain?.(error) ?? error : error
  }
}

async function takeEachStep (store: Store): Promise<void> {
  const folder = `trial/${randomUUID()}/`
  const end = epochSeconds(() => store.now()) + livesSeconds
  const [claimed, text, lasting, another] = [`${folder}claimed`, `${folder}text`, 'trial/lasting/one', 'trial/lasting/another']
  const counted = await Promise.all([
    store.claim(claimed, 'one', end),
    store.add(text, 'one\nrest', 10, end),
    store.put(lasting, 'one'), // keys last
    store.put(another, 'one', end), // a folder of several differs from one of one
    store.count('trial'),
    store.announce('trial', end),
    store.ping()
  ]).then(([isFirst, , , , count]) => {
    assertIs(isFirst, true)
    return count
  })
  assertIs(await store.claim(claimed, 'two', end), false)
  const [replaced, swap, found] = await Promise.all([
    store.replace(claimed, 'one', 'two', end),
    store.replaceLine(text, 'one', 'two', end),
    store.page(folder, 10),
    store.count('trial', counted + 1)
  ])
  assertIs(replaced, true)
  assertIs(swap.replaced, true)
  assertIs(found.entries.some(([key]) => key === text), true)
  assertIs(await store.get(text), 'two\nrest')
  await Promise.all([claimed, text, lasting, another, 'counters/trial'].map(key => store.remove(key)))
}

function assertIs<Value> (found: Value, expected: Value): void {
  if (found !== expected) throw new StoreError('the store does not keep what it is given: is another program writing to it?')
}
