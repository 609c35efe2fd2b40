import { interval, median, noise, numbersOf, ratios, type Measured } from './compare.ts'

/** One promise about speed and what came of it. */
export interface Finding {
  what: string
  /** One number for each round; the median counts. */
  values: number[]
  atLeast?: number
  atMost?: number
  unit?: string
  /** One contestant against itself in the same run. */
  noise?: number[] | undefined
  /** How it was measured, in a few words. */
  how: string
}

/** How much one contestant serves for what the other one spends: 0.5 is half of it. */
export function capacity (measured: Measured, one: string, other: string, atLeast: number): Finding {
  const micros = [one, other].map(name => number(median(numbersOf(measured, name))))
  return {
    what: `${one} : ${other}`,
    values: ratios(measured, other, one),
    noise: noise(measured),
    atLeast,
    how: `CPU a request: ${micros[0]} against ${micros[1]} us`
  }
}

export function table (findings: Finding[]): string {
  const rows = findings.map(finding => [
    finding.what,
    number(median(finding.values)) + (finding.unit ?? ''),
    range(finding.values),
    range(finding.noise ?? []),
    ...verdict(finding),
    finding.how
  ])
  const lines = [['', 'median', '95 % interval', 'noise', 'target', 'verdict', 'how'], ...rows]
  const widths = lines[0]?.map((_heading, column) => Math.max(...lines.map(line => line[column]?.length ?? 0))) ?? []
  return lines.map(line => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

const range = (values: number[]): string => values.length > 1 ? interval(values).map(number).join(' to ') : ''

/** Missed where even the better end of the interval is beyond the limit: a median alone may lie there by chance. */
function verdict ({ values, atLeast, atMost }: Finding): [target: string, verdict: string] {
  const [low, high] = interval(values)
  if (atLeast !== undefined) return [`>= ${atLeast}`, high >= atLeast ? 'holds' : 'MISSED']
  if (atMost !== undefined) return [`<= ${atMost}`, low <= atMost ? 'holds' : 'MISSED']
  return ['', '']
}

const number = (value: number): string => value.toPrecision(3)
