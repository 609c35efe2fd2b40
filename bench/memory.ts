import { readFileSync } from 'node:fs'
import { handstamp, signInMany, warmDataDir } from './handstamp.ts'
import type { Effort } from './harness/compare.ts'
import { startContestant } from './harness/contestant.ts'
import { get, openLoad } from './harness/load.ts'
import type { Finding } from './harness/table.ts'

/** Resident memory at rest, after many requests, and after as many again: by then everything should have its size. */
export async function memory ({ memoryRequests, people }: Effort): Promise<Finding[]> {
  const dataDir = await warmDataDir()
  const cookies = (await signInMany(dataDir, people)).map(token => ({ cookie: `handstamp=${token}` }))
  const service = await startContestant(handstamp(dataDir, { NODE_OPTIONS: optionsOfTheImage() }))
  const mebibytes = async () => (await service.usage()).rss / 1024 / 1024
  await new Promise(resolve => setTimeout(resolve, 2_000))
  const idle = await mebibytes()

  const loads = [
    openLoad(service.port, [get('/auth/google')], { status: 302 }),
    openLoad(service.port, [get('/.well-known/jwks.json'), ...cookies.map(cookie => get('/auth/me', cookie))])
  ]
  const work = async () => {
    for (let step = 0; step < 10; step++) for (const load of loads) await load.send(memoryRequests / 10 / loads.length)
    return mebibytes()
  }
  const first = await work()
  const second = await work()
  for (const load of loads) load.close()
  await service.stop()
  return [
    { what: 'at rest', values: [idle], atMost: 90, unit: ' MiB', how: 'RSS two seconds after the start' },
    { what: `after ${memoryRequests} requests`, values: [first], atMost: 130, unit: ' MiB', how: 'RSS; half of them login starts' },
    { what: 'after as many again : before', values: [second / first], atMost: 1.05, how: `${Math.round(second)} against ${Math.round(first)} MiB` }
  ]
}

function optionsOfTheImage (): string {
  const [, options] = /NODE_OPTIONS=(\S+)/.exec(readFileSync('Dockerfile', 'utf8')) ?? []
  if (options === undefined) throw new Error('the Dockerfile has no NODE_OPTIONS')
  return options
}
