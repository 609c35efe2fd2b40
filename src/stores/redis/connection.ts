import type { Redis } from 'ioredis'
import { redisAddress, type RedisAddress } from './address.ts'
import { compactScripts, type CompactScripted } from './compact-scripts.ts'
import { Outages, type StoreWatcher } from '../outages.ts'
import { Patience } from './patience.ts'
import { isReplica, oldestRedis, RedisProblem, tlsOptions } from './problems.ts'
import { scripts, type Scripted } from './scripts.ts'
import { StoreError } from '../store.ts'
import type { Clock } from '../../clock.ts'

/** The prefix of every key in Redis. */
export const namespace = 'handstamp:'
const firstConnectionMs = 15_000
/** The clock of Redis is looked at so often where nothing else tells the time. */
const synchroniseEveryMs = 60_000
/** Clocks that are kept by NTP differ less. */
const maxSkewMs = 10_000
/** So many answers in a row that did not come, and the connection is made anew: what waits on it is given up. */
const maxUnanswered = 3

/** The client, with our scripts as commands of it. */
export type Asked = Redis & Scripted & CompactScripted

/** One connection to the primary. Whatever does not come back in time, or with an error, is a StoreError here. */
export class RedisConnection {
  readonly outages: Outages
  readonly #redis: Asked
  readonly #watcher: StoreWatcher
  readonly #address: RedisAddress
  readonly #patience = new Patience()
  /** Why there is no connection, as far as the client has said. */
  #problem: RedisProblem | undefined
  /** The first connection is there and is good. */
  #isOpen = false
  #unanswered = 0
  #isLeaving = false
  #turn: Promise<void> | undefined
  #reconnections = 0
  readonly #clock: Clock
  /** Redis' clock minus our monotonic one, which does not jump, in milliseconds. */
  #clockOffsetMs = 0
  #isSkewed = false
  readonly #synchronising: NodeJS.Timeout

  private constructor (redis: Asked, address: RedisAddress, clock: Clock, watcher: StoreWatcher) {
    this.#redis = redis
    this.#address = address
    this.#watcher = watcher
    this.#clock = clock
    this.outages = new Outages(() => this.now(), watcher)
    this.#synchronising = setInterval(() => { this.synchronise().catch(() => {}) }, synchroniseEveryMs).unref()
  }

  /**
   * Waits for the first connection; afterwards a Redis that is away is waited for in the background.
   * @throws StoreError for one that cannot be reached, is a replica, or would evict what we keep
   */
  static async open (url: string, clock: Clock, watcher: StoreWatcher): Promise<RedisConnection> {
    const { Redis } = await import('ioredis')
    const address = redisAddress(url)
    const { tls, ...rest } = address
    const redis = new Redis({
      ...rest,
      ...(tls && { tls: tlsOptions(address) }),
      connectTimeout: 2_000,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      keyPrefix: namespace,
      retryStrategy: attempt => Math.min(50 * attempt, 500),
      reconnectOnError: isReplica
    })
    for (const [name, { keys, lua }] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: keys, lua })
    for (const [name, { lua }] of Object.entries(compactScripts)) redis.defineCommand(name, { lua })
    const connection = new RedisConnection(redis as Asked, address, clock, watcher)
    redis.on('error', (error: Error) => connection.#noteProblem(error))
    redis.on('close', () => { connection.#isLeaving = false })
    try {
      await connection.#firstConnection()
      redis.on('ready', () => { connection.#problem = undefined })
      connection.#problem = undefined
      await connection.#assertSafe()
      connection.#isOpen = true
    } catch (error) {
      connection.close()
      throw error
    }
    redis.on('ready', () => {
      connection.#reconnections++
      connection.synchronise().catch(() => {})
    })
    return connection
  }

  /** How often it was lost and came back: whatever was on the other side may have lost its last writes. */
  get reconnections (): number {
    return this.#reconnections
  }

  /** Epoch milliseconds by Redis' own clock. */
  now (): number {
    return Math.floor(performance.now() + this.#clockOffsetMs)
  }

  /**
   * Notes that Redis' clock showed a time between the moment it was asked, by our monotonic clock, and now: what we took
   * it for moves as far as that proves it wrong. A slow answer proves little.
   */
  noteTime (ms: number, asked: number): void {
    this.#clockOffsetMs = Math.min(Math.max(this.#clockOffsetMs, ms - performance.now()), ms + 1 - asked)
  }

  /** @throws StoreError */
  async ask<Answer> (ask: (redis: Asked) => Promise<Answer>): Promise<Answer> {
    try {
      await this.#endOfTurn()
      const value = await this.#patience.wait(ask(this.#redis))
      this.#unanswered = 0
      this.outages.end()
      return value
    } catch (error) {
      // It is there, and says no: out of memory, for one. What it can do, it goes on doing.
      if ((error as Error).name === 'ReplyError') throw new RedisProblem('Redis refused', error, this.#address)
      throw this.away(this.#problem ?? new RedisProblem('Redis did not answer', error, this.#address))
    }
  }

  /** Notes that Redis was not there for us, and gives the error back. */
  away (error: StoreError): StoreError {
    this.outages.begin(error)
    // Until it is closed, a connection that is being given up still counts as ready.
    if (++this.#unanswered >= maxUnanswered && this.#redis.status === 'ready' && !this.#isLeaving) {
      this.#unanswered = 0
      this.#isLeaving = true
      this.#redis.disconnect(true)
    }
    return error
  }

  /** Looks at Redis' clock. @throws StoreError */
  async synchronise (): Promise<void> {
    let asked = 0
    const [seconds = 0, micros = 0] = await this.ask(redis => {
      asked = performance.now()
      return redis.time()
    })
    this.noteTime(seconds * 1000 + micros / 1000, asked)
    this.#compareClocks()
  }

  close (): void {
    clearInterval(this.#synchronising)
    this.#redis.disconnect()
  }

  /** Sessions and claims expire by Redis' clock, tokens by this machine's, and verifiers check tokens by a third clock. */
  #compareClocks (): void {
    const skewMs = this.now() - this.#clock()
    const wasSkewed = this.#isSkewed
    this.#isSkewed = Math.abs(skewMs) > maxSkewMs
    if (!this.#isSkewed || wasSkewed) return
    const seconds = Math.round(Math.abs(skewMs) / 1000)
    this.#watcher(new StoreError(`the clock of Redis is ${seconds} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} that of this machine: keep both by NTP`))
  }

  /** Resolves with the first connection. What cannot get better by waiting is refused at once, and the rest said at once. */
  #firstConnection (): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(this.#problem ?? new RedisProblem('Redis cannot be used', undefined, this.#address)), firstConnectionMs)
      const stop = () => {
        if (!this.#problem?.lasting) return
        clearTimeout(late)
        reject(this.#problem)
      }
      this.#redis.on('error', stop)
      this.#redis.once('ready', () => {
        clearTimeout(late)
        this.#redis.off('error', stop)
        if (this.#problem) this.#watcher()
        resolve()
      })
    })
  }

  /** Tells at once why there is no connection, and again when there is another reason. */
  #noteProblem (error: Error): void {
    const problem = new RedisProblem('Redis cannot be reached', error, this.#address)
    const isNew = problem.message !== this.#problem?.message
    this.#problem = problem
    if (isNew && this.#isOpen) this.outages.begin(problem, { reason: true })
    else if (isNew) this.#watcher(problem)
    // Where the client cannot choose the database it goes on with another one.
    if (error.name === 'ReplyError') this.#redis.disconnect(true)
  }

  async #assertSafe (): Promise<void> {
    const info = await this.ask(redis => redis.info()).catch(() => '')
    const [, version] = /^redis_version:([\d.]+)/m.exec(info) ?? []
    if (version !== undefined && isOlder(version, oldestRedis)) {
      throw new StoreError(`Redis ${version} is too old: it has to be ${oldestRedis} or newer, or Valkey`, undefined, true)
    }
    if (/^cluster_enabled:1/m.test(info)) throw new StoreError('REDIS_URL names a node of a cluster: a Redis without cluster mode is needed', undefined, true)
    const [, role] = /^role:(\w+)/m.exec(info) ?? []
    const [, policy] = /^maxmemory_policy:([\w-]+)/m.exec(info) ?? []
    if (role === 'slave') throw new StoreError('REDIS_URL names a replica: sessions and keys need the primary')
    if (policy?.startsWith('allkeys-')) {
      throw new StoreError(`Redis would evict sessions and keys (maxmemory-policy ${policy}): set it to noeviction`)
    }
    if (policy !== 'noeviction') this.#watcher(new StoreError(`Redis says of its maxmemory-policy "${policy ?? 'nothing'}": noeviction keeps sessions safe`))
    await this.synchronise()
  }

  /** Resolves at the end of this turn of the event loop. All commands of a turn go out in one write: each write costs both sides a system call. */
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
}

/** By the numbers of a version. */
function isOlder (version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = than.split('.').map(Number)
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor)
}
