import type { Config } from '../config/config.ts'
import type { StoreWatcher } from './outages.ts'
import type { Clock, Store } from './store.ts'

/** The store the configuration asks for. Each engine is loaded only where it is used. @throws StoreError */
export async function openStore ({ redisUrl, dataDir }: Pick<Config, 'redisUrl' | 'dataDir'>, clock: Clock, watcher?: StoreWatcher): Promise<Store> {
  if (redisUrl) {
    const { RedisStore } = await import('./redis.ts')
    return RedisStore.connect(redisUrl, clock, watcher)
  }
  const { EmbeddedStore } = await import('./embedded.ts')
  return EmbeddedStore.open(dataDir, clock, watcher)
}
