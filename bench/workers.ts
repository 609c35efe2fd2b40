import { handstamp, signInMany, warmDataDir } from './handstamp.ts'
import { compareCpu, median, noise, numbersOf, ratios, type Effort } from './harness/compare.ts'
import { startContestant } from './harness/contestant.ts'
import { get, openLoad } from './harness/load.ts'
import type { Finding } from './harness/table.ts'

/** Two workers on one port beside one process: what the sharing costs a request, and how evenly it goes. */
export async function workers (effort: Effort): Promise<Finding[]> {
  const dataDir = await warmDataDir()
  const requests = (await signInMany(dataDir, effort.people)).map(token => get('/auth/me', { cookie: `handstamp=${token}` }))
  const measured = await compareCpu([
    { script: handstamp(dataDir, {}, 'one process'), requests },
    { script: handstamp(dataDir, { WORKERS: '2' }, 'two workers'), requests }
  ], effort)
  const micros = (name: string) => median(numbersOf(measured, name)).toFixed(1)
  return [
    {
      what: '/auth/me, two workers : one process',
      values: ratios(measured, 'two workers', 'one process'),
      noise: noise(measured),
      atMost: 1.1,
      how: `CPU a request: ${micros('two workers')} against ${micros('one process')} us`
    },
    {
      what: 'share of the busier of two workers',
      values: await sharesOfBusier(dataDir, requests, effort),
      atMost: 0.6,
      how: 'of the CPU of both, 32 connections'
    }
  ]
}

/** Round by round, how much of the CPU of two workers the busier one used. */
async function sharesOfBusier (dataDir: string, requests: string[], { rounds, requestsPerRound, warmUpRequests }: Effort): Promise<number[]> {
  const contestant = await startContestant(handstamp(dataDir, { WORKERS: '2' }))
  const load = openLoad(contestant.port, requests)
  const shares: number[] = []
  try {
    await load.send(warmUpRequests)
    for (let round = 0; round < rounds; round++) {
      const before = (await contestant.usage()).workers
      await load.send(requestsPerRound)
      const used = (await contestant.usage()).workers.map((micros, index) => micros - (before[index] ?? NaN))
      shares.push(Math.max(...used) / used.reduce((sum, micros) => sum + micros, 0))
    }
  } finally {
    load.close()
    await contestant.stop()
  }
  return shares
}
