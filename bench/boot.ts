import { handstamp, rawTwin, warmDataDir } from './handstamp.ts'
import { inTurns, median, numbersOf, ratios, type Effort } from './harness/compare.ts'
import { startToFirstAnswer } from './harness/contestant.ts'
import type { Finding } from './harness/table.ts'
import { filled } from './sessions.ts'

const path = '/.well-known/jwks.json'

/** From the start of the process to its first 200, with keys already made. */
export async function boot ({ starts, manySessions }: Effort): Promise<Finding[]> {
  const ours = handstamp(await warmDataDir())
  const raw = await rawTwin(ours, path)
  const { dataDir, name } = await filled(manySessions, 1_000)
  const full = handstamp(dataDir, {}, name)
  const measured = await inTurns([ours, raw, full], starts, ({ name }) => name, script => startToFirstAnswer({ ...script, probe: path }))
  const [our, raws, fulls] = [ours, raw, full].map(({ name }) => Math.round(median(numbersOf(measured, name))))
  return [{
    what: 'Handstamp : raw node:http',
    values: ratios(measured, ours.name, raw.name),
    atMost: 4,
    how: `start to first 200: ${our} against ${raws} ms`
  }, {
    what: `${full.name} : none`,
    values: ratios(measured, full.name, ours.name),
    atMost: 1.3,
    how: `start to first 200: ${fulls} against ${our} ms`
  }]
}
