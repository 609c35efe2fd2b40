import { handstamp, signInMany, warmDataDir } from './handstamp.ts'
import type { Effort } from './harness/compare.ts'
import { startContestant } from './harness/contestant.ts'
import { get, openLoad } from './harness/load.ts'
import type { Finding } from './harness/table.ts'

const steps = 10

/** Resident memory at rest, and what many requests leave behind. */
export async function memory ({ memoryRequests }: Effort): Promise<Finding[]> {
  const dataDir = await warmDataDir()
  const cookies = (await signInMany(dataDir, 200)).map(token => ({ cookie: `handstamp=${token}` }))
  const service = await startContestant(handstamp(dataDir))
  const mebibytes = async () => (await service.usage()).rss / 1024 / 1024
  await new Promise(resolve => setTimeout(resolve, 2_000))
  const idle = await mebibytes()

  const loads = [
    openLoad(service.port, [get('/auth/google')], { status: 302 }),
    openLoad(service.port, [get('/.well-known/jwks.json'), ...cookies.map(cookie => get('/auth/me', cookie))])
  ]
  const after: number[] = []
  for (let step = 0; step < steps; step++) {
    for (const load of loads) await load.send(memoryRequests / steps / loads.length)
    after.push(await mebibytes())
  }
  for (const load of loads) load.close()
  await service.stop()
  const half = after[steps / 2 - 1] ?? NaN
  const last = after.at(-1) ?? NaN
  const how = `RSS after ${memoryRequests} requests, half of them login starts`
  return [
    { what: 'idle', values: [idle], atMost: 90, unit: ' MiB', how: 'RSS two seconds after the start' },
    { what: 'after work', values: [last], atMost: 130, unit: ' MiB', how },
    { what: 'growth in the second half', values: [last - half], atMost: 5, unit: ' MiB', how: after.map(Math.round).join(' ') }
  ]
}
