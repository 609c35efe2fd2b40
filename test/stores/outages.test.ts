import t from 'tap'
import { Outages } from '../../src/stores/outages.ts'

t.test('an outage is told once, and how long it was is known for a minute', async t => {
  let now = 1_000
  const told: Array<Error | undefined> = []
  const outages = new Outages(() => now * 1000, error => { told.push(error) })
  outages.end()
  t.same(told, [], 'nothing had begun')
  const problem = new Error('away')
  outages.begin(problem)
  outages.begin(new Error('still away'))
  now += 9
  t.equal(outages.secondsAway(0), 10, 'the first to wait has waited a while')
  const reason = new Error('away, and this is why')
  outages.begin(reason, { reason: true })
  outages.end()
  outages.end()
  t.same(told, [problem, reason, undefined], 'what is found out meanwhile is told too')
  now += 30
  t.equal(outages.secondsAway(0), 10)
  t.equal(outages.secondsAway(1_005), 4)
  t.equal(outages.secondsAway(1_020), 0)
  now += 100
  outages.begin(problem)
  t.equal(outages.secondsAway(0), 1, 'the one before is forgotten')
})

t.test('nobody has to listen', async t => {
  const outages = new Outages(() => 0)
  outages.begin(new Error('away'))
  outages.end()
  t.equal(outages.secondsAway(0), 0)
})

t.test('outages that follow each other within a second are no longer than the time they took', async t => {
  const outages = new Outages(() => 1_000_500)
  for (let flap = 0; flap < 30; flap++) {
    outages.begin(new Error('late'))
    outages.end()
  }
  t.equal(outages.secondsAway(0), 1)
})
