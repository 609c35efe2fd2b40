// Fills a store in a process that may write no larger files (ulimit -f), and says what became of it.
import { setTimeout } from 'node:timers/promises'
import { EmbeddedStore } from '../../src/stores/embedded.ts'

process.on('SIGXFSZ', () => {}) // writes then fail as they do on a full disk

const store = await EmbeddedStore.open(process.argv[2] ?? '')
const outcome = (write: Promise<unknown>) => write.then(() => 'written', (error: Error) => error.name)
let written = 0
for (let refusals = 0; refusals < 5; refusals++) {
  while (await outcome(store.put(`things/${written}`, 'x'.repeat(10_000))) === 'written') written++
}
const atOnce = await Promise.all(Array.from({ length: 20 }, (_, number) => outcome(store.put(`more/${number}`, 'x'.repeat(10_000)))))
await setTimeout(10) // an error that nobody hears would end the process here
const kept = (await store.list('things/')).length
for (let number = 0; number < written; number += 2) await store.remove(`things/${number}`).catch(() => {})
const again = await outcome(store.put('things/again', 'x'))
await store.close()
console.log(JSON.stringify({ written, kept, refused: atOnce.filter(name => name === 'StoreError').length, again }))
