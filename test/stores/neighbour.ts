import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../src/stores/index.ts'
import type { Store } from '../../src/stores/store.ts'

/** Where a store is, as another process finds it. */
export interface Settings {
  dataDir: string
  redisUrl?: string
}

/** What one process got when it did the same as its neighbours at the same time. */
export interface Haul {
  claimed: number[]
  counted: number[]
  announced: string[]
}

const rounds = 100
const inAnHour = Math.floor(Date.now() / 1000) + 3_600

/** Claims what only one may have, counts, tells news, and adds to two sums by compare-and-swap, as often as it takes. */
async function compete (store: Store): Promise<Haul> {
  const haul: Haul = { claimed: [], counted: [], announced: [] }
  for (let round = 0; round < rounds; round++) {
    if (await store.claim(`races/${round}`, String(process.pid), inAnHour)) haul.claimed.push(round)
    haul.counted.push(await store.count('numbers'))
    await store.announce(`${process.pid} ${round}`, inAnHour)
    haul.announced.push(`${process.pid} ${round}`)
    for (let found = ''; !await store.replace('sums/whole', found, String(Number(found) + 1));) found = await store.get('sums/whole') ?? ''
    for (let sum = 0, replaced = false; !replaced;) {
      const swap = await store.replaceLine('sums/line', `${sum};`, `${sum + 1};`)
      replaced = swap.replaced
      sum = Number.parseInt(swap.found ?? '')
    }
  }
  return haul
}

/** Several processes on one store, from the same moment on. */
export async function competitors (processes: number, settings: Settings): Promise<Haul[]> {
  const children = Array.from({ length: processes }, () => fork(fileURLToPath(import.meta.url), [JSON.stringify(settings)]))
  await Promise.all(children.map(child => once(child, 'message'))) // it has opened the store
  const hauls = Promise.all(children.map(child => once(child, 'message') as Promise<[Haul]>))
  for (const child of children) child.send('go')
  return (await hauls).map(([haul]) => haul)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const store = await openStore(JSON.parse(process.argv[2] ?? '') as Settings, Date.now)
  process.send?.('ready')
  await once(process, 'message')
  const haul = await compete(store)
  await store.close()
  process.send?.(haul)
  process.disconnect()
}
