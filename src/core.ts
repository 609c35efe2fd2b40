import type { KeyEvent } from './keys/key-events.ts'
import { KeyRing, type KeyRingOptions } from './keys/key-ring.ts'
import { randomId } from './keys/randomness.ts'
import { foundSecret, keptSecret } from './keys/secret.ts'
import { secretBox } from './keys/secret-box.ts'
import { SecretHolders } from './keys/secret-holders.ts'
import type { SigningAlg } from './keys/signing-key.ts'
import type { TokenSettings } from './tokens/access-tokens.ts'
import type { SessionSettings } from './sessions/session.ts'
import { openStore, type StoreSettings } from './stores/index.ts'
import { News } from './stores/news.ts'
import { StoreError, type Store } from './stores/store.ts'
import type { AdmittedIdentity } from './identity.ts'
import { RefreshTokens } from './sessions/refresh-tokens.ts'
import { Revocations } from './tokens/revocations.ts'
import { Sessions } from './sessions/sessions.ts'
import { epochSeconds, type Clock } from './clock.ts'

export interface StateSettings extends StoreSettings, TokenSettings, SessionSettings {
  /** Newest first; absent: made and kept in dataDir. */
  secrets?: string[]
  signingAlg: SigningAlg
  keyRotationSeconds: number
  /** PUBLIC_URL is loopback: no verifier elsewhere has our keys. */
  loopback: boolean
}

/** What lasts longer than a request: opened by the service, and by an operator's commands beside it. */
export interface State {
  secrets: string[]
  store: Store
  /** The store's: what we keep, or a browser keeps for us, expires by it. */
  clock: Clock
  keys: KeyRing
  revocations: Revocations
  sessions: Sessions
  /** Keeps up with time, and hears of what operators do, until `close`. */
  follow (): void
  /** For each request: what others did a second ago is known to it. A promise where it has to wait for that. */
  catchUp (): Promise<void> | undefined
  /** Has every running service write what an operator did to its audit log: a command has none. @throws StoreError */
  tellServices (event: StateEvent, facts: Record<string, unknown>): Promise<void>
  close (): Promise<void>
}

/** What happens without a request. The sessions are those that an operator ended, or that were too many for a person. */
export type StateEvent = KeyEvent | 'session_ended' | 'all_sessions_ended'

export interface StateOptions {
  clock: Clock
  /** A command beside the service: uses the keys that there are, and changes none by itself. */
  joins?: boolean
  /** Whether a person may still sign in. Absent: everybody may. */
  admits?: (identity: AdmittedIdentity) => boolean
  /** Whether a person still belongs (sessions/memberships.ts). */
  recheck?: (provider: string, grant: string | undefined) => Promise<string | undefined>
  /** Waits for so many milliseconds; absent: by the clock of the process. */
  wait?: (ms: number) => Promise<unknown>
  /** For the log. Called without an error when the store has recovered. */
  onStore?: (error?: unknown) => void
  onProblem: (message: string, error?: unknown) => void
  onEvent: (event: StateEvent, facts: Record<string, unknown>) => void
}

const upkeepEveryMs = 60_000
const newSecret = 'SECRET begins with a secret that a service on this store did not list in the last minutes: if it still runs, it cannot open ' +
  'what this one seals, and sign-ins between the two fail. List a new secret second on every replica, and only then first'
/** A process that was away for longer reads the ring at its next upkeep. */
const keyNewsSeconds = 3_600
/** Longer than clocks differ. */
const operatorNewsSeconds = 3_600

/** @throws StoreError for a store that cannot serve, Error for keys of another secret */
export async function openState (config: StateSettings, options: StateOptions): Promise<State> {
  const { clock, joins = false, admits = () => true, recheck, wait, onStore, onProblem, onEvent } = options
  const secrets = config.secrets ?? [joins ? foundSecret(config.dataDir) : keptSecret(config.dataDir)]
  const store = await openStore(config, clock, onStore)
  try {
    // What is kept expires by the clock of the store, for all replicas alike; keys and tokens go by our own.
    const storeClock: Clock = () => store.now()
    const news = new News(store, error => {
      if (!(error instanceof StoreError)) onProblem('news could not be understood', error) // the store says itself when it is away
    })
    const keyOptions: KeyRingOptions = {
      store,
      box: secretBox(secrets, 'signing-keys'),
      clock,
      alg: config.signingAlg,
      rotationSeconds: config.keyRotationSeconds,
      tokenSeconds: config.token.ttlSeconds,
      changesAtOnce: config.loopback,
      announce: () => news.announce('keys', '', epochSeconds(storeClock) + keyNewsSeconds),
      onEvent: (event, facts) => onEvent(event, { ...facts })
    }
    const keys = joins ? await KeyRing.join(keyOptions) : await KeyRing.open(keyOptions)
    const reload = () => keys.reload().catch((error: unknown) => {
      if (error instanceof StoreError) throw error // to be heard again
      onProblem('the changed key ring cannot be used', error)
    })
    news.on('keys', reload)
    news.onLoss(reload)
    const revocations = new Revocations(news, storeClock, config.sessionMaxSeconds)
    const sessions = new Sessions({
      store,
      revocations,
      refreshTokens: new RefreshTokens(secrets),
      config,
      clock: storeClock,
      admits,
      ...(recheck && { recheck }),
      ...(wait && { wait }),
      onLimit: (sid, by, provider) => onEvent('session_ended', { sid, provider, by, limit: config.sessionsPerPerson })
    })
    let isFollowing = false
    const heard = new Set<string>() // some news comes twice
    news.on('operator', text => {
      const { id, event, ...facts } = JSON.parse(text) as { id: string, event: StateEvent }
      if (isFollowing && !heard.has(id)) onEvent(event, { ...facts, by: 'operator' })
      heard.add(id)
    })
    await news.follow()
    const holders = new SecretHolders(store, storeClock, secrets)
    if (!joins) {
      await holders.tell()
      if (await holders.someLackOurs()) onProblem(newSecret)
    }

    let upkeep: NodeJS.Timeout | undefined
    return {
      secrets,
      store,
      clock: storeClock,
      keys,
      revocations,
      sessions,
      follow () {
        upkeep = setInterval(() => {
          Promise.all([holders.tell(), keys.upkeep()]).catch((error: unknown) => onProblem('the key ring could not be kept up', error))
        }, upkeepEveryMs).unref()
        isFollowing = true
      },
      catchUp: () => news.catchUp(),
      tellServices: (event, facts) =>
        news.announce('operator', JSON.stringify({ id: randomId(9), event, ...facts }), epochSeconds(storeClock) + operatorNewsSeconds),
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
