import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { ConfigError, type Environment } from '../env/environment.ts'
import { KeyRingError } from '../keys/key-record.ts'
import { openState, type State } from '../core.ts'
import { StoreError } from '../stores/store.ts'
import { explainFailure, explainProblems } from './explain.ts'

/** What an operator typed does not fit the command. */
export class UsageError extends Error {}

/** What a command does with the state; gives back what it prints. */
export type Step = (state: State) => Promise<string> | string

/**
 * Runs one step on the keys and sessions that the service uses, also while it runs: it hears of what changes, also if the
 * step fails half way. Problems go to stderr; the exit code is 1 for them, 2 for words that do not fit.
 * @param step undefined where the words fit none
 */
export async function operate (env: Environment, usage: string, step: Step | undefined): Promise<number> {
  try {
    if (!step) throw new UsageError(`usage: ${usage}`)
    const config = loadConfig(env)
    if (!config.redisUrl && !existsSync(join(config.dataDir, 'handstamp.mdb'))) {
      throw new StoreError(`there is no store in ${config.dataDir}: start the service first, or set DATA_DIR`)
    }
    const warn = (text: string) => { process.stderr.write(`handstamp: ${text}\n`) }
    const done: Array<Parameters<State['tellServices']>> = []
    const state = await openState(config, {
      clock: Date.now,
      joins: true,
      onStore: problem => { if (problem) warn(explainFailure(problem)) },
      onProblem: warn,
      onEvent: (...event) => { done.push(event) }
    })
    const tellServices = async () => {
      for (const [event, facts] of done) {
        warn([event, ...Object.values(facts)].join(' '))
        await state.tellServices(event, facts)
      }
    }
    try {
      process.stdout.write(await Promise.resolve(step(state)).finally(tellServices))
      return 0
    } finally {
      await state.close()
    }
  } catch (error) {
    if (!(error instanceof Error) || ![ConfigError, StoreError, KeyRingError, UsageError].some(kind => error instanceof kind)) throw error
    process.stderr.write(error instanceof ConfigError ? explainProblems(error) : `handstamp: ${explainFailure(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

/** Rows below their headings, with columns as wide as their widest cell. */
export function table (headings: string[], rows: string[][]): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map(row => String(row[column]).length)))
  return [headings, ...rows].map(row => widths.map((width, column) => String(row[column]).padEnd(width)).join('  ').trimEnd() + '\n').join('')
}

export const timeOf = (epochSeconds: number | undefined): string =>
  epochSeconds === undefined ? '-' : new Date(epochSeconds * 1000).toISOString().replace('.000', '')
