import type { StoreWatcher } from './outages.ts'
import type { Store } from './store.ts'
import type { Clock } from '../clock.ts'

export interface StoreSettings {
  dataDir: string
  redisUrl?: string
}

/** The store the configuration asks for. Each engine is loaded only where it is used. @throws StoreError */
export async function openStore ({ redisUrl, dataDir }: StoreSettings, clock: Clock, watcher?: StoreWatcher): Promise<Store> {
  if (redisUrl) {
    const { RedisStore } = await import('./redis/redis-store.ts')
    return RedisStore.connect(redisUrl, clock, watcher)
  }
  const { EmbeddedStore } = await import('./embedded/embedded-store.ts')
  return EmbeddedStore.open(dataDir, clock, watcher)
}
