import t, { type Test } from 'tap'
import { buildTestApp } from '../helpers/app.ts'

/** The service, and its look at the clock whenever we want it. */
async function scene (t: Test) {
  const looks: Array<() => void> = []
  const { setInterval } = globalThis
  const restore = t.intercept(globalThis, 'setInterval', {
    value: (act: () => void, ms: number) => {
      if (ms === 10_000) looks.push(act)
      return setInterval(act, ms)
    }
  }).restore
  const app = await buildTestApp(t)
  restore()
  return { ...app, look: () => { for (const look of looks) look() } }
}

const alarms = (log: string) =>
  log.split('\n').filter(line => line.includes('the clock jumped')).map(line => JSON.parse(line) as { seconds: number, level: number })

t.test('L25 a clock that jumps is an error in the log, once for each jump', async t => {
  const { look, travel, log } = await scene(t)
  look()
  t.same(alarms(log()), [])
  travel(3_600)
  look()
  look()
  travel(-7_200)
  look()
  t.match(alarms(log()), [{ level: 50, seconds: 3_600 }, { level: 50, seconds: -7_200 }])
})

t.test('L25 what NTP does to a clock is none', async t => {
  const { look, travel, log } = await scene(t)
  for (const seconds of [1, -2, 5, -9]) {
    travel(seconds)
    look()
  }
  t.same(alarms(log()), [])
})
