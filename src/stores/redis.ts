import type { Redis } from 'ioredis'
import { epochSeconds, StoreError, type Clock, type Store } from './store.ts'

const commandTimeoutMs = 500
const namespace = 'handstamp:'
/** Far enough to sort after every real expiry in a folder's index. */
const forever = 9_999_999_999

/** Redis or Valkey, for replicas. Folders that are listed keep an index: a sorted set of their keys by expiry. */
export class RedisStore implements Store {
  readonly #redis: Redis
  readonly #clock: Clock

  private constructor (redis: Redis, clock: Clock) {
    this.#redis = redis
    this.#clock = clock
  }

  /** Connects in the background: the service starts, and serves what needs no store, while Redis is away. */
  static async connect (url: string, clock: Clock = Date.now, onError: (error: Error) => void = () => {}): Promise<RedisStore> {
    const { Redis } = await import('ioredis')
    const redis = new Redis(url, {
      commandTimeout: commandTimeoutMs,
      connectTimeout: 2_000,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      autoResubscribe: true,
      keyPrefix: namespace,
      retryStrategy: attempt => Math.min(100 * attempt, 1_000)
    })
    redis.on('error', onError)
    const store = new RedisStore(redis, clock)
    await store.#firstConnection()
    return store
  }

  #firstConnection (): Promise<void> {
    if (this.#redis.status === 'ready') return Promise.resolve()
    return new Promise(resolve => {
      this.#redis.once('ready', resolve)
      setTimeout(resolve, 2_000).unref()
    })
  }

  async get (key: string): Promise<string | undefined> {
    return await this.#ask(this.#redis.get(key)) ?? undefined
  }

  async put (key: string, value: string, expiresAt?: number): Promise<void> {
    if (expiresAt !== undefined && expiresAt <= epochSeconds(this.#clock)) return this.remove(key)
    const folder = folderOf(key)
    const change = this.#redis.multi()
      .zremrangebyscore(folder, '-inf', epochSeconds(this.#clock))
      .zadd(folder, expiresAt ?? forever, key)
    if (expiresAt === undefined) change.set(key, value)
    else change.set(key, value, 'EXAT', expiresAt)
    await this.#ask(change.exec())
  }

  async claim (key: string, value: string, expiresAt?: number): Promise<boolean> {
    const answer = expiresAt === undefined
      ? this.#redis.set(key, value, 'NX')
      : this.#redis.set(key, value, 'EXAT', expiresAt, 'NX')
    return await this.#ask(answer) === 'OK'
  }

  async remove (key: string): Promise<void> {
    await this.#ask(this.#redis.multi().del(key).zrem(folderOf(key), key).exec())
  }

  async list (prefix: string): Promise<Array<[key: string, value: string]>> {
    const keys = await this.#ask(this.#redis.zrangebyscore(prefix, `(${epochSeconds(this.#clock)}`, '+inf'))
    if (keys.length === 0) return []
    const values = await this.#ask(this.#redis.mget(keys))
    return keys.flatMap((key, index) => {
      const value = values[index]
      return typeof value === 'string' ? [[key, value] as [string, string]] : []
    })
  }

  async ping (): Promise<void> {
    await this.#ask(this.#redis.ping())
  }

  async close (): Promise<void> {
    this.#redis.disconnect()
  }

  async #ask<Answer> (answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer
    } catch (error) {
      throw new StoreError('Redis did not answer as it should', error)
    }
  }
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)
