import { compareP99, median, numbersOf, ratios, type Effort } from './harness/compare.ts'
import { server } from './harness/contestant.ts'
import { get } from './harness/load.ts'
import type { Finding } from './harness/table.ts'

const perSecond = 1_000

/** Signing 1,000 tokens a second: an answer must not wait for the signatures of others. */
export async function issue (effort: Effort): Promise<Finding[]> {
  const requests = [get('/')]
  const entries = ['issue', 'raw-issue'].map(name => ({ script: { name, path: server(name) }, requests, perSecond }))
  const measured = await compareP99(entries, effort)
  const [ours, raw] = ['issue', 'raw-issue'].map(name => median(numbersOf(measured, name)).toFixed(1))
  return [{
    what: 'Handstamp : raw node:http that signs',
    values: ratios(measured, 'issue', 'raw-issue'),
    atMost: 2,
    how: `p99 of ${perSecond} a second, open loop: ${ours} against ${raw} ms`
  }]
}
