// Opens a store, writes to it and closes it again, until it is told to stop.
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'

const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

let count = 0
while (!stop.signal.aborted) {
  const store = await EmbeddedStore.open(process.argv[2] ?? '')
  count = Number(await store.get(`openers/${process.pid}`) ?? 0) + 1
  await store.put(`openers/${process.pid}`, String(count))
  await store.close()
}
process.send?.(count)
