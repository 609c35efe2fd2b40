import t from 'tap'
import { Patience } from '../../../src/stores/redis/patience.ts'

/** A client's socket would keep the process alive while it waits. */
const socket = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(socket))

const never = new Promise<string>(() => {})

/** Nothing else of this process runs meanwhile. */
function busyFor (ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

async function secondsUntilGivenUp (waiting: Promise<unknown>): Promise<number> {
  const from = performance.now()
  await waiting.then(() => { throw new TypeError('there was an answer') }, (error: Error) => { if (error instanceof TypeError) throw error })
  return (performance.now() - from) / 1000
}

t.test('what is not answered is given up after half a second, and well within one', async t => {
  const patience = new Patience()
  const first = secondsUntilGivenUp(patience.wait(never))
  const later = new Promise(resolve => setTimeout(resolve, 250)).then(() => secondsUntilGivenUp(patience.wait(never)))
  for (const seconds of await Promise.all([first, later])) t.ok(seconds >= 0.45 && seconds < 1, `given up after ${seconds.toFixed(2)} s`)
})

t.test('an answer or an error goes on as it came', async t => {
  const patience = new Patience()
  t.equal(await patience.wait(Promise.resolve('answer')), 'answer')
  await t.rejects(patience.wait(Promise.reject(new Error('no'))), { message: 'no' })
  t.same(await Promise.all([1, 2, 3].map(number => patience.wait(Promise.resolve(number)))), [1, 2, 3])
})

t.test('an answer that comes after all is nobody\'s any more', async t => {
  const patience = new Patience()
  let answer = (_: string) => {}
  const waiting = patience.wait(new Promise<string>(resolve => { answer = resolve }))
  await t.rejects(waiting, { message: 'no answer in time' })
  answer('late')
  t.equal(await patience.wait(Promise.resolve('another')), 'another')
})

t.test('time in which this process was busy does not count: the answer may have been there for long', async t => {
  const patience = new Patience()
  const waiting = patience.wait(new Promise(resolve => setImmediate(resolve, 'answer')))
  busyFor(1_500)
  t.equal(await waiting, 'answer')
  t.ok(await secondsUntilGivenUp(patience.wait(never)) < 1, 'and afterwards it is as before')
})
