import type { Config } from './config/config.ts'
import { KeyRing, type KeyEvent } from './keys/key-ring.ts'
import { keptSecret } from './keys/secret.ts'
import { secretBox } from './keys/secret-box.ts'
import { openStore } from './stores/index.ts'
import { News } from './stores/news.ts'
import { epochSeconds, type Clock, type Store } from './stores/store.ts'
import type { AdmittedIdentity } from './tokens/access-tokens.ts'
import { RefreshTokens } from './tokens/refresh-tokens.ts'
import { Revocations } from './tokens/revocations.ts'
import { Sessions } from './tokens/sessions.ts'

/** What lasts longer than a request: opened by the service, and by an operator's commands beside it. */
export interface State {
  secrets: string[]
  store: Store
  keys: KeyRing
  revocations: Revocations
  sessions: Sessions
  /** Keeps up with time and with what other processes do, until `close`. */
  follow (): void
  close (): Promise<void>
}

export type StateEvent = KeyEvent | 'refresh_token_reused'

export interface StateOptions {
  clock: Clock
  /** Whether a person may still sign in. Absent: everybody may. */
  admits?: (identity: AdmittedIdentity) => boolean
  /** Whether a person still belongs (login/memberships.ts). */
  recheck?: (provider: string, grant: string | undefined) => Promise<string | undefined>
  /** For the log. An error that is over is reported without one. */
  onStore?: (error?: unknown) => void
  onProblem: (message: string, error: unknown) => void
  onEvent: (event: StateEvent, facts: Record<string, unknown>) => void
}

const upkeepEveryMs = 60_000
const keyNewsSeconds = 3_600

/** @throws StoreError for a store that cannot serve, Error for keys of another secret */
export async function openState (config: Config, { clock, admits = () => true, recheck, onStore, onProblem, onEvent }: StateOptions): Promise<State> {
  const secrets = config.secrets ?? [keptSecret(config.dataDir)]
  const store = await openStore(config, clock, onStore)
  try {
    const news = new News(store, () => {}) // the store says itself when it is away
    const keys = await KeyRing.open({
      store,
      box: secretBox(secrets, 'signing-keys'),
      clock,
      alg: config.signingAlg,
      rotationSeconds: config.keyRotationSeconds,
      tokenSeconds: config.token.ttlSeconds,
      changesAtOnce: config.loopback,
      announce: () => news.announce('keys', '', epochSeconds(clock) + keyNewsSeconds),
      onEvent: (event, kid) => onEvent(event, { kid })
    })
    news.on('keys', () => keys.reload().catch((error: unknown) => onProblem('the changed key ring cannot be used', error)))
    const revocations = new Revocations(news, clock)
    const sessions = new Sessions({
      store,
      revocations,
      refreshTokens: new RefreshTokens(secrets),
      config,
      clock,
      admits,
      ...(recheck && { recheck }),
      onReuse: ({ id, identity }) => onEvent('refresh_token_reused', { sid: id, provider: identity.provider })
    })
    await news.follow()

    let upkeep: NodeJS.Timeout | undefined
    return {
      secrets,
      store,
      keys,
      revocations,
      sessions,
      follow () {
        upkeep = setInterval(() => {
          keys.upkeep().catch((error: unknown) => onProblem('the key ring could not be kept up', error))
        }, upkeepEveryMs).unref()
      },
      async close () {
        clearInterval(upkeep)
        await news.stop()
        await store.close()
      }
    }
  } catch (error) {
    await store.close()
    throw error
  }
}
