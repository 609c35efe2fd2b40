import { handstamp, rawTwin, warmDataDir } from './handstamp.ts'
import { inTurns, median, numbersOf, ratios, type Effort } from './harness/compare.ts'
import { startToFirstAnswer } from './harness/contestant.ts'
import type { Finding } from './harness/table.ts'

const path = '/.well-known/jwks.json'

/** From the start of the process to its first 200, with keys already made. */
export async function boot ({ starts }: Effort): Promise<Finding[]> {
  const ours = handstamp(await warmDataDir())
  const raw = await rawTwin(ours, path)
  const measured = await inTurns([ours, raw], starts, ({ name }) => name, script => startToFirstAnswer({ ...script, probe: path }))
  const [our, raws] = [ours, raw].map(({ name }) => Math.round(median(numbersOf(measured, name))))
  return [{
    what: 'Handstamp : raw node:http',
    values: ratios(measured, ours.name, raw.name),
    atMost: 4,
    how: `start to first 200: ${our} against ${raws} ms`
  }]
}
