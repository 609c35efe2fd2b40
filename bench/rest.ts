import { setTimeout as pause } from 'node:timers/promises'
import { redisServer } from '../test/helpers/redis-server.ts'
import { handstamp, warmDataDir } from './handstamp.ts'
import type { Effort } from './harness/compare.ts'
import { startContestant, type Script } from './harness/contestant.ts'
import type { Finding } from './harness/table.ts'
import { filled } from './sessions.ts'

/** CPU of a process that no request comes to: with an empty store, with sessions in it, and on Redis. */
export async function rest (effort: Effort): Promise<Finding[]> {
  const cleaning: Array<() => unknown> = []
  try {
    const redis = await redisServer({ teardown: clean => { cleaning.push(clean) } })
    const { dataDir, name } = await filled(Math.min(effort.manySessions, 100_000), 1_000) // a million takes minutes to be looked through
    const onRedis = { REDIS_URL: redis.url, SECRET: 'a-secret-of-a-bench-that-nobody-else-needs-to-know' }
    return [
      await atRest(handstamp(await warmDataDir(), {}, 'nothing in the store'), effort),
      await atRest(handstamp(dataDir, {}, name.replace(/,.*/, '')), effort),
      await atRest(handstamp('', onRedis, 'on Redis'), effort)
    ]
  } finally {
    for (const clean of cleaning.reverse()) await clean()
  }
}

/** In pieces: one of them may have a garbage collection that the start left over. */
async function atRest (script: Script, { restSeconds }: Effort): Promise<Finding> {
  const contestant = await startContestant(script)
  const pieces = 3
  const values: number[] = []
  await pause(restSeconds * 1_000)
  for (let piece = 0; piece < pieces; piece++) {
    const before = await contestant.usage()
    await pause(restSeconds * 1_000 / pieces)
    values.push(((await contestant.usage()).cpuMicros - before.cpuMicros) / 1_000 / (restSeconds / pieces))
  }
  await contestant.stop()
  return { what: script.name, values, unit: ' ms/s', atMost: 1, how: `CPU in ${restSeconds} seconds without a request` }
}
