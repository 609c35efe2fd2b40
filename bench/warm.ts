import { handstamp, warmDataDir } from './handstamp.ts'
import { inTurns, median, numbersOf, ratios, type Effort } from './harness/compare.ts'
import { startContestant } from './harness/contestant.ts'
import { get, openLoad } from './harness/load.ts'
import type { Finding } from './harness/table.ts'

const [firsts, budgetMs] = [1_000, 50]

/**
 * What the first thousand login starts cost if the service had run such starts before it was ready, for 50 ms: the most that
 * any warm-up of that length could gain, as it goes through all of the service and the kernel.
 */
export async function warm ({ starts }: Effort): Promise<Finding[]> {
  const script = handstamp(await warmDataDir())
  const measured = await inTurns(['cold', 'warmed'], starts, name => name, async name => {
    const service = await startContestant(script)
    const load = openLoad(service.port, [get('/auth/google')], { status: 302 })
    const cpu = async () => (await service.usage()).cpuMicros
    const began = await cpu()
    if (name === 'warmed') while (await cpu() - began < budgetMs * 1_000) await load.send(20)
    const before = await cpu()
    await load.send(firsts)
    const micros = (await cpu() - before) / firsts
    load.close()
    await service.stop()
    return micros
  })
  const [cold = 0, warmed = 0] = ['cold', 'warmed'].map(name => median(numbersOf(measured, name)))
  const gained = (cold - warmed) * firsts / 1_000
  return [{
    what: `first ${firsts} starts, warmed up for ${budgetMs} ms : not`,
    values: ratios(measured, 'warmed', 'cold'),
    how: `CPU a start: ${warmed.toFixed(0)} against ${cold.toFixed(0)} us: ${gained.toFixed(0)} ms gained for ${budgetMs} ms spent before`
  }]
}
