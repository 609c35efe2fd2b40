import type { Config } from '../config/config.ts'
import type { Clock, Store } from './store.ts'

/** The store the configuration asks for. Each engine is loaded only where it is used. */
export async function openStore (config: Config, clock: Clock, onError?: (error: Error) => void): Promise<Store> {
  if (config.redisUrl) {
    const { RedisStore } = await import('./redis.ts')
    return RedisStore.connect(config.redisUrl, clock, onError)
  }
  const { EmbeddedStore } = await import('./embedded.ts')
  return new EmbeddedStore(config.dataDir, clock)
}
