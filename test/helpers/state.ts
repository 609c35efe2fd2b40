import { loadConfig, type Config } from '../../src/config/config.ts'
import type { Environment } from '../../src/config/environment.ts'
import { openState, type State, type StateEvent } from '../../src/state.ts'
import type { AdmittedIdentity } from '../../src/tokens/access-tokens.ts'
import { temporaryFolder, type Teardown } from './app.ts'

export interface TestState extends State {
  config: Config
  /** What would be audited. */
  events: Array<[event: StateEvent, facts: Record<string, unknown>]>
  travel (seconds: number): void
  now (): number
}

/** Keys, sessions and their store without the service in front of them. */
export async function openTestState (
  t: Teardown,
  env: Environment = {},
  { admits = () => true }: { admits?: (identity: AdmittedIdentity) => boolean } = {}
): Promise<TestState> {
  const config = loadConfig({ DATA_DIR: env['DATA_DIR'] ?? temporaryFolder(t), SIGNING_ALG: 'ES256', ...env })
  const events: TestState['events'] = []
  let traveled = 0
  const clock = () => Date.now() + traveled * 1000
  const state = await openState(config, {
    clock,
    admits,
    onStore: () => {},
    onProblem: (message, error) => { throw new Error(message, { cause: error }) },
    onEvent: (event, facts) => { events.push([event, facts]) }
  })
  t.teardown(() => state.close())
  return { ...state, config, events, travel: seconds => { traveled += seconds }, now: () => Math.floor(clock() / 1000) }
}

export const ada: AdmittedIdentity = { provider: 'dev', subject: '7', email: 'ada@example.com', emailVerified: true, domainVouched: true, name: 'Ada' }
