import type { Redis } from 'ioredis'
import { Outages, type StoreWatcher } from './outages.ts'
import { Patience } from './patience.ts'
import { scripts, type Scripted } from './redis-scripts.ts'
import { epochSeconds, StoreError, type Clock, type Entry, type Heard, type Store, type Swap } from './store.ts'

/** A swap that Redis gets to later than this is not made: our patience may have ended by then. */
const swapWithinMs = 400
const firstConnectionMs = 15_000
/** So many answers in a row that did not come, and the connection is made anew: what waits on it is given up. */
const maxUnanswered = 3
const namespace = 'handstamp:'
const forever = 0

/**
 * Redis or Valkey, for replicas: one connection to the primary. Keys of a folder are indexed in a sorted set by their
 * expiry, which ends with its last member.
 */
export class RedisStore implements Store {
  readonly #redis: Redis & Scripted
  readonly #clock: Clock
  readonly #watcher: StoreWatcher
  readonly #outages: Outages
  readonly #patience = new Patience()
  #unanswered = 0
  #turn: Promise<void> | undefined
  /** After a crash or a failover, numbers of news that we know may have been given to other news. */
  #mayHaveLost = false
  /** Redis' clock minus our monotonic one, which does not jump, in milliseconds. */
  #clockOffsetMs = 0

  private constructor (redis: Redis & Scripted, clock: Clock, watcher: StoreWatcher) {
    this.#redis = redis
    this.#clock = clock
    this.#watcher = watcher
    this.#outages = new Outages(clock, watcher)
  }

  /**
   * Waits for the first connection; afterwards a Redis that is away is waited for in the background.
   * @throws StoreError for one that cannot be reached, is a replica, or would evict what we keep
   */
  static async connect (url: string, clock: Clock = Date.now, watcher: StoreWatcher = () => {}): Promise<RedisStore> {
    const { Redis } = await import('ioredis')
    const redis = new Redis(url, {
      connectTimeout: 2_000,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      keyPrefix: namespace,
      retryStrategy: attempt => Math.min(50 * attempt, 500),
      reconnectOnError: error => error.message.startsWith('READONLY') // a failover made our primary a replica
    })
    for (const [name, { keys, lua }] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: keys, lua })
    const store = new RedisStore(redis as Redis & Scripted, clock, watcher)
    try {
      await store.#firstConnection()
      await store.#assertSafe()
    } catch (error) {
      redis.disconnect()
      throw error
    }
    redis.on('ready', () => {
      store.#mayHaveLost = true
      store.#synchronise().catch(() => {})
    })
    return store
  }

  async get (key: string): Promise<string | undefined> {
    return await this.#ask(redis => redis.get(key)) ?? undefined
  }

  async put (key: string, value: string, expiresAt = forever): Promise<void> {
    await this.#ask(redis => redis.handstampPut(key, folderOf(key), key, value, expiresAt, epochSeconds(this.#clock)))
  }

  async claim (key: string, value: string, expiresAt = forever): Promise<boolean> {
    return await this.#ask(redis => expiresAt === forever
      ? redis.set(key, value, 'NX')
      : redis.set(key, value, 'EXAT', expiresAt, 'NX')) === 'OK'
  }

  async replace (key: string, expected: string, value: string, expiresAt = forever): Promise<boolean> {
    const now = epochSeconds(this.#clock)
    return this.#inTime(await this.#ask(redis => redis.handstampReplace(key, folderOf(key), key, value, expiresAt, now, expected, this.#swapDeadline())))
  }

  async replaceLine (key: string, expected: string, line: string, expiresAt = forever): Promise<Swap> {
    const now = epochSeconds(this.#clock)
    const [outcome, found] = await this.#ask(redis =>
      redis.handstampReplaceLine(key, folderOf(key), key, line, expiresAt, now, expected, this.#swapDeadline()))
    return { replaced: this.#inTime(outcome), found: found ?? undefined }
  }

  async remove (key: string): Promise<void> {
    await this.#ask(redis => redis.handstampRemove(key, folderOf(key), key, epochSeconds(this.#clock)))
  }

  async list (folder: string): Promise<Entry[]> {
    const keys = await this.#ask(redis => redis.zrange(folder, '0', '-1'))
    return keys.length === 0 ? [] : this.#values(keys)
  }

  async * walk (prefix: string): AsyncIterable<Entry> {
    const seen = new Set<string>() // SCAN gives some keys twice while the table shrinks
    let cursor = '0'
    do {
      const [next, found] = await this.#ask(redis => redis.scan(cursor, 'MATCH', `${namespace}${prefix}*`, 'COUNT', 1_000))
      const keys = found.map(key => key.slice(namespace.length)).filter(key => !key.endsWith('/') && !seen.has(key))
      for (const key of keys) seen.add(key)
      if (keys.length > 0) yield * await this.#values(keys)
      cursor = next
    } while (cursor !== '0')
  }

  async announce (news: string, expiresAt: number): Promise<void> {
    await this.#ask(redis => redis.handstampAnnounce('news/', 'news/ends/', 'counters/news', news, expiresAt, epochSeconds(this.#clock)))
  }

  async newsAfter (after: number): Promise<Heard> {
    const mayHaveLost = this.#mayHaveLost
    const last = Number(await this.#ask(redis => redis.get('counters/news')) ?? 0)
    if (last === after && !mayHaveLost) return { last, news: [], mayHaveLost }
    const from = last > after && !mayHaveLost ? after + 1 : 0
    const found = await this.#ask(redis => redis.zrangebyscore('news/', String(from), String(last)))
    if (mayHaveLost) this.#mayHaveLost = false
    const now = epochSeconds(this.#clock)
    return { last, news: found.map(newsOf).filter(({ expiresAt }) => expiresAt > now).map(({ text }) => text), mayHaveLost }
  }

  async count (counter: string, above = 0): Promise<number> {
    return this.#ask(redis => redis.handstampCount(`counters/${counter}`, above))
  }

  now (): number {
    return Math.floor((performance.now() + this.#clockOffsetMs) / 1000)
  }

  async ping (): Promise<void> {
    await this.#ask(redis => redis.ping())
  }

  secondsAway (since: number): number {
    return this.#outages.secondsAway(since)
  }

  async close (): Promise<void> {
    this.#redis.disconnect()
  }

  /** By Redis' own clock. */
  #swapDeadline (): number {
    return performance.now() + this.#clockOffsetMs + swapWithinMs
  }

  #inTime (outcome: number): boolean {
    if (outcome === 1 || outcome === 0) return outcome === 1
    this.#synchronise().catch(() => {}) // or its clock jumped
    throw this.#went(new StoreError('Redis came to a swap too late'))
  }

  async #values (keys: string[]): Promise<Entry[]> {
    const values = await this.#ask(redis => redis.mget(keys))
    return keys.flatMap((key, index) => {
      const value = values[index]
      return typeof value === 'string' ? [[key, value] satisfies Entry] : []
    })
  }

  #firstConnection (): Promise<void> {
    return new Promise((resolve, reject) => {
      let problem: Error | undefined
      const late = setTimeout(() => reject(new StoreError('Redis cannot be reached', problem)), firstConnectionMs)
      this.#redis.on('error', (error: Error) => { problem = error })
      this.#redis.once('ready', () => {
        clearTimeout(late)
        resolve()
      })
    })
  }

  async #assertSafe (): Promise<void> {
    const info = await this.#ask(redis => redis.info()).catch(() => '')
    const [, role] = /^role:(\w+)/m.exec(info) ?? []
    const [, policy] = /^maxmemory_policy:([\w-]+)/m.exec(info) ?? []
    if (role === 'slave') throw new StoreError('REDIS_URL names a replica: sessions and keys need the primary')
    if (policy?.startsWith('allkeys-')) {
      throw new StoreError(`Redis would evict sessions and keys (maxmemory-policy ${policy}): set it to noeviction`)
    }
    if (policy !== 'noeviction') this.#watcher(new StoreError(`Redis says of its maxmemory-policy "${policy ?? 'nothing'}": noeviction keeps sessions safe`))
    await this.#synchronise()
  }

  async #synchronise (): Promise<void> {
    let asked = 0
    const [seconds = 0, micros = 0] = await this.#ask(redis => {
      asked = performance.now()
      return redis.time()
    })
    this.#clockOffsetMs = seconds * 1000 + micros / 1000 - (asked + performance.now()) / 2
  }

  async #ask<Answer> (ask: (redis: Redis & Scripted) => Promise<Answer>): Promise<Answer> {
    try {
      await this.#endOfTurn()
      const value = await this.#patience.wait(ask(this.#redis))
      this.#unanswered = 0
      this.#outages.end()
      return value
    } catch (error) {
      // It is there, and says no: out of memory, for one. What it can do, it goes on doing.
      if ((error as Error).name === 'ReplyError') throw new StoreError('Redis refused', error)
      throw this.#went(new StoreError('Redis did not answer', error))
    }
  }

  /** When this turn of the event loop is over. What is asked then goes out in one piece: a piece costs both sides a system call. */
  #endOfTurn (): Promise<void> {
    this.#turn ??= new Promise(resolve => setImmediate(() => {
      this.#turn = undefined
      const { stream } = this.#redis
      stream?.cork()
      resolve()
      queueMicrotask(() => stream?.uncork()) // after all who waited have asked
    }))
    return this.#turn
  }

  #went (error: StoreError): StoreError {
    this.#outages.begin(error)
    if (++this.#unanswered >= maxUnanswered && this.#redis.status === 'ready') {
      this.#unanswered = 0
      this.#redis.disconnect(true)
    }
    return error
  }
}

/** News is kept as `number:end:text`. */
function newsOf (member: string): { expiresAt: number, text: string } {
  const end = member.indexOf(':') + 1
  const text = member.indexOf(':', end) + 1
  return { expiresAt: Number(member.slice(end, text - 1)), text: member.slice(text) }
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)
