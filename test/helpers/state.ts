import { loadConfig, type Config } from '../../src/config/config.ts'
import type { Environment } from '../../src/env/environment.ts'
import { openState, type State, type StateEvent } from '../../src/core.ts'
import type { AdmittedIdentity } from '../../src/identity.ts'
import { temporaryFolder, type Teardown } from './app.ts'

export interface TestState extends State {
  config: Config
  /** What it was configured with: another replica takes the same. */
  env: Environment
  /** What would be audited. */
  events: Array<[event: StateEvent, facts: Record<string, unknown>]>
  travel (seconds: number): void
  now (): number
}

export interface TestStateOptions {
  admits?: (identity: AdmittedIdentity) => boolean
  recheck?: (provider: string, grant: string | undefined) => Promise<string | undefined>
  /** Seconds from now: its clock begins there. */
  startAt?: number
  /** Its clock moves by its travels alone: a second may end in the middle of a test that counts them. It waits for nothing. */
  still?: boolean
  /** Hears what goes wrong in the background; without it nothing may. */
  onProblem?: (message: string, error?: unknown) => void
}

/** What comes without an error is only to be told. */
const noProblem = (message: string, error?: unknown) => { if (error !== undefined) throw new Error(message, { cause: error }) }

/** Keys, sessions and their store without the service in front of them. */
export async function openTestState (
  t: Teardown,
  env: Environment = {},
  { admits, recheck, startAt = 0, still = false, onProblem = noProblem }: TestStateOptions = {}
): Promise<TestState> {
  const whole = { DATA_DIR: env['DATA_DIR'] ?? temporaryFolder(t), SIGNING_ALG: 'ES256', ...env }
  const config = loadConfig(whole)
  const events: TestState['events'] = []
  let traveled = startAt
  const began = Date.now()
  const clock = () => (still ? began : Date.now()) + traveled * 1000
  const state = await openState(config, {
    clock,
    ...(admits && { admits }),
    ...(recheck && { recheck }),
    ...(still && { wait: async () => {} }),
    onProblem,
    onEvent: (event, facts) => { events.push([event, facts]) }
  })
  t.teardown(() => state.close())
  return { ...state, config, env: whole, events, travel: seconds => { traveled += seconds }, now: () => Math.floor(clock() / 1000) }
}

export const ada: AdmittedIdentity = { provider: 'dev', subject: '7', email: 'ada@example.com', emailVerified: true, domainVouched: true, name: 'Ada' }
