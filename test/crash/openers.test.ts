import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { TransactionCounter } from '../../src/stores/embedded/lmdb-counter.ts'
import { temporaryFolder } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { listOf } from '../helpers/stores.ts'

const seconds = Number(process.env['SECONDS_OF_OPENING'] ?? 20)
const keys = Array.from({ length: 20 }, (_, number) => `counts/${number}`)

t.test(`L21 processes that open the store again and again, for ${seconds} seconds, take nothing back that others wrote`, async t => {
  let setBack = 0
  const { follows } = TransactionCounter.prototype
  t.intercept(TransactionCounter.prototype, 'follows', {
    value (this: TransactionCounter, transaction: number) {
      const isNext = follows.call(this, transaction)
      if (!isNext) setBack++
      return isNext
    }
  })
  const folder = temporaryFolder(t)
  const store = await EmbeddedStore.open(folder)
  await Promise.all(keys.map(key => store.put(key, '0')))
  const openers = [1, 2].map(() => fork(fileURLToPath(new URL('opener.js', import.meta.url)), [folder]))
  t.teardown(() => { for (const opener of openers) opener.kill('SIGKILL') })
  await eventually('both have written', async () => (await listOf(store, 'openers/')).length === openers.length)

  const end = performance.now() + seconds * 1000
  const counts = await Promise.all(keys.map(async key => {
    let count = 0
    while (performance.now() < end) {
      if (!await store.replace(key, String(count), String(count + 1))) throw new Error(`${key} is ${await store.get(key)}, and should be ${count}`)
      count++
    }
    return count
  }))
  const told = Promise.all(openers.map(opener => once(opener, 'message') as Promise<[number]>))
  for (const opener of openers) opener.kill('SIGTERM')
  const openings = (await told).map(([count]) => count)

  for (const [index, key] of keys.entries()) t.equal(await store.get(key), String(counts[index]))
  t.same((await listOf(store, 'openers/')).map(([, count]) => Number(count)).sort(), openings.sort())
  await store.close()
  const sum = (numbers: number[]) => numbers.reduce((all, number) => all + number, 0)
  t.comment(`${sum(openings)} openings beside ${sum(counts)} writes: ${setBack} times the counter was set back, and put right`)
})
