import { startContestant, type Contestant, type Script } from './contestant.ts'
import { openLoad, type Dialogue, type Load } from './load.ts'

/** A contestant and what it is asked. The requests go round. */
export interface Entry {
  script: Script
  requests: Array<string | Dialogue>
  /** What every answer must have. */
  status?: number
}

/** How long to look. */
export interface Effort {
  rounds: number
  requestsPerRound: number
  warmUpRequests: number
  /** of a round in open loop */
  seconds: number
  starts: number
  memoryRequests: number
  restSeconds: number
  manySessions: number
  people: number
}

/** One number for each round, by the contestant's name. */
export type Measured = Map<string, number[]>

/** CPU microseconds a request of the whole serving process: time that it only waited for its core does not count. */
export async function compareCpu (entries: Entry[], { rounds, requestsPerRound, warmUpRequests }: Effort): Promise<Measured> {
  return compare(entries, rounds, load => load.send(warmUpRequests), async (load, contestant) => {
    const before = await contestant.usage()
    await load.send(requestsPerRound)
    const after = await contestant.usage()
    return (after.cpuMicros - before.cpuMicros) / requestsPerRound
  })
}

/** Answers a second of one contestant that is never without a request, beside whatever else this takes of the machine. */
export async function answersPerSecond (entry: Entry, { rounds, requestsPerRound, warmUpRequests }: Effort): Promise<number> {
  const measured = await compare([entry], Math.ceil(rounds / 4), load => load.send(warmUpRequests), async load => {
    const from = performance.now()
    await load.send(requestsPerRound)
    return requestsPerRound / (performance.now() - from) * 1000
  })
  return median(numbersOf(measured, entry.script.name))
}

/** Milliseconds that 99 of 100 answers stay below when each has so many requests a second, ready or not. */
export async function compareP99 (
  entries: Array<Entry & { perSecond: number }>, { rounds, seconds, warmUpRequests }: Effort
): Promise<Measured> {
  const rates = new Map(entries.map(({ script, perSecond }) => [script.name, perSecond]))
  return compare(entries, Math.ceil(rounds / 4), load => load.send(warmUpRequests), async (load, { name }) =>
    quantile(await load.sendAtRate(rates.get(name) ?? 0, seconds), 0.99))
}

/** The first contestant, measured a second time in each round: what its two numbers differ by is the noise of the run. */
const again = 'the first one again'

/** Starts all, warms all, measures each in turn and the first one twice, stops all. */
async function compare (
  entries: Entry[],
  rounds: number,
  warmUp: (load: Load) => Promise<void>,
  measure: (load: Load, contestant: Contestant) => Promise<number>
): Promise<Measured> {
  const running: Array<{ contestant: Contestant, load: Load }> = []
  try {
    for (const { script, requests, status = 200 } of entries) {
      const contestant = await startContestant(script)
      running.push({ contestant, load: openLoad(contestant.port, requests, { status }) })
    }
    for (const { load } of running) await warmUp(load)
    const turns = [...running.map(each => ({ ...each, name: each.contestant.name })), ...running.slice(0, 1).map(first => ({ ...first, name: again }))]
    return await inTurns(turns, rounds, ({ name }) => name, ({ contestant, load }) => measure(load, contestant))
  } finally {
    for (const { load } of running) load.close()
    for (const { contestant } of running) await contestant.stop()
  }
}

/**
 * Many short rounds, in an order that changes: what disturbs the machine for a while disturbs all alike, and a
 * ratio of neighbours says more than a ratio of averages.
 */
export async function inTurns<Item> (
  items: Item[], rounds: number, nameOf: (item: Item) => string, measure: (item: Item) => Promise<number>
): Promise<Measured> {
  const measured: Measured = new Map(items.map(item => [nameOf(item), []]))
  for (let round = 0; round < rounds; round++) {
    const turn = round % items.length
    const order = [...items.slice(turn), ...items.slice(0, turn)]
    for (const item of Math.floor(round / items.length) % 2 === 0 ? order : order.reverse()) measured.get(nameOf(item))?.push(await measure(item))
  }
  return measured
}

/** Round by round, `one` divided by `other`. */
export function ratios (measured: Measured, one: string, other: string): number[] {
  const below = numbersOf(measured, other)
  return numbersOf(measured, one).map((number, round) => number / (below[round] ?? NaN))
}

/** Round by round, the first contestant divided by itself: no difference that is smaller than these says anything. */
export function noise (measured: Measured): number[] | undefined {
  const [first = ''] = measured.keys()
  return measured.has(again) ? ratios(measured, again, first) : undefined
}

/** Where the median lies with a probability of 95 %: the order statistics that enclose it, by the binomial distribution. */
export function interval (numbers: number[]): [low: number, high: number] {
  const sorted = numbers.toSorted((a, b) => a - b)
  const outside = Math.max(0, Math.floor(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length)))
  return [sorted[outside] ?? NaN, sorted[sorted.length - 1 - outside] ?? NaN]
}

export function numbersOf (measured: Measured, name: string): number[] {
  const numbers = measured.get(name)
  if (!numbers) throw new Error(`nothing was measured of ${name}`)
  return numbers
}

export function quantile (numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

export const median = (numbers: number[]): number => quantile(numbers, 0.5)
