import { handstamp, warmDataDir } from './handstamp.ts'
import { compareCpu, inTurns, median, noise, numbersOf, ratios, type Effort } from './harness/compare.ts'
import { startToFirstAnswer } from './harness/contestant.ts'
import { get } from './harness/load.ts'
import type { Finding } from './harness/table.ts'

const kinds = ['GITHUB', 'GITLAB', 'DISCORD']

/** Google alone, and with 39 more: start of the process, and `GET /auth/google`. */
export async function providers (effort: Effort): Promise<Finding[]> {
  const one = handstamp(await warmDataDir(), {}, 'one')
  const forty = handstamp(await warmDataDir(), manyProviders(13), 'forty')
  const boots = await inTurns([one, forty], effort.starts, ({ name }) => name, startToFirstAnswer)
  const logins = await compareCpu([one, forty].map(script => ({ script, requests: [get('/auth/google')], status: 302 })), effort)
  const medians = (measured: typeof boots) => ['forty', 'one'].map(name => median(numbersOf(measured, name)).toFixed(1)).join(' against ')
  return [
    { what: 'start, 40 providers : 1', values: ratios(boots, 'forty', 'one'), atMost: 1.2, how: `start to first 200: ${medians(boots)} ms` },
    {
      what: '/auth/google, 40 providers : 1',
      values: ratios(logins, 'forty', 'one'),
      noise: noise(logins),
      atMost: 1.05,
      how: `CPU a request: ${medians(logins)} us`
    }
  ]
}

/** Settings of so many providers of each kind. */
function manyProviders (count: number): Record<string, string> {
  const settings: Record<string, string> = {}
  for (const kind of kinds) {
    const ids = Array.from({ length: count }, (_, number) => `${kind.toLowerCase()}${number}`)
    settings[`${kind}_PROVIDERS`] = ids.join(',')
    for (const id of ids) for (const part of ['ID', 'SECRET']) settings[`${kind}_${id.toUpperCase()}_CLIENT_${part}`] = 'bench'
  }
  return settings
}
