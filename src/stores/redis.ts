import type { StoreWatcher } from './outages.ts'
import { namespace, RedisConnection, type Asked } from './redis-connection.ts'
import { withNames } from './redis-commands.ts'
import type { Swapping } from './redis-scripts.ts'
import { StoreError, type Clock, type Entry, type Heard, type Page, type Store, type Swap } from './store.ts'

/** A swap that Redis gets to later than this is not made: our patience may have ended by then. */
const swapWithinMs = 400
const tooLate = -1
const forever = 0

/**
 * Redis or Valkey, for replicas. Keys of a folder are indexed in a sorted set by their expiry, which ends with its last
 * member.
 */
export class RedisStore implements Store {
  readonly #connection: RedisConnection
  /** How often Redis had come back when news was read last. Numbers from before may have been given to other news since. */
  #heardSince = 0

  private constructor (connection: RedisConnection) {
    this.#connection = connection
  }

  /**
   * @param clock of this machine: a Redis whose clock shows another time is warned about
   * @throws StoreError as RedisConnection.open does
   */
  static async connect (url: string, clock: Clock = Date.now, watcher: StoreWatcher = () => {}): Promise<RedisStore> {
    return new RedisStore(await RedisConnection.open(url, clock, watcher))
  }

  async get (key: string): Promise<string | undefined> {
    return await this.#connection.ask(redis => redis.get(key)) ?? undefined
  }

  async put (key: string, value: string, expiresAt = forever): Promise<void> {
    await this.#connection.ask(redis => redis.handstampPut(key, folderOf(key), key, value, expiresAt))
  }

  async add (key: string, value: string, room: number, expiresAt = forever): Promise<boolean> {
    return await this.#connection.ask(redis => redis.handstampPut(key, folderOf(key), key, value, expiresAt)) > room
  }

  async claim (key: string, value: string, expiresAt = forever): Promise<boolean> {
    return await this.#connection.ask(redis => expiresAt === forever
      ? redis.set(key, value, 'NX')
      : redis.set(key, value, 'EXAT', expiresAt, 'NX')) === 'OK'
  }

  async replace (key: string, expected: string, value: string, expiresAt = forever): Promise<boolean> {
    const { replaced } = await this.#swap((redis, deadline) => redis.handstampReplace(key, folderOf(key), key, value, expiresAt, expected, deadline))
    return replaced
  }

  async replaceLine (key: string, expected: string, line: string, expiresAt = forever): Promise<Swap> {
    return this.#swap((redis, deadline) => redis.handstampReplaceLine(key, folderOf(key), key, line, expiresAt, expected, deadline))
  }

  async remove (key: string): Promise<boolean> {
    return await this.#connection.ask(redis => redis.handstampRemove(key, folderOf(key), key)) === 1
  }

  /** A small index comes whole, whatever `size` is. */
  async page (folder: string, size: number, from = '0'): Promise<Page> {
    const [next, found] = await this.#connection.ask(redis => redis.zscan(folder, /^\d{1,19}$/.test(from) ? from : '0', 'COUNT', size))
    const keys = found.filter((_score, index) => index % 2 === 0)
    return { entries: keys.length === 0 ? [] : await this.#values(keys), ...(next !== '0' && { next }) }
  }

  async * walk (prefix: string): AsyncIterable<Entry> {
    const seen = new Set<string>() // SCAN gives some keys twice while the table shrinks
    let cursor = '0'
    do {
      const [next, found] = await this.#connection.ask(redis => redis.scan(cursor, 'MATCH', `${namespace}${prefix}*`, 'COUNT', 1_000))
      const keys = found.map(key => key.slice(namespace.length)).filter(key => !key.endsWith('/') && !seen.has(key))
      for (const key of keys) seen.add(key)
      if (keys.length > 0) yield * await this.#values(keys)
      cursor = next
    } while (cursor !== '0')
  }

  async announce (news: string, expiresAt: number): Promise<void> {
    await this.#connection.ask(redis => redis.handstampAnnounce('news/', 'news/ends/', 'counters/news', news, expiresAt))
  }

  async newsAfter (after: number): Promise<Heard> {
    const { reconnections } = this.#connection
    const last = Number(await this.#connection.ask(redis => redis.get('counters/news')) ?? 0)
    const mayHaveLost = reconnections !== this.#heardSince || last < after
    if (last === after && !mayHaveLost) return { last, news: [], mayHaveLost }
    const from = mayHaveLost ? 0 : after + 1
    const found = await this.#connection.ask(redis => redis.zrangebyscore('news/', String(from), String(last)))
    this.#heardSince = reconnections
    const now = this.now()
    return { last, news: found.map(newsOf).filter(({ expiresAt }) => expiresAt * 1000 > now).map(({ text }) => text), mayHaveLost }
  }

  async count (counter: string, above = 0): Promise<number> {
    return this.#connection.ask(redis => redis.handstampCount(`counters/${counter}`, above))
  }

  now (): number {
    return this.#connection.now()
  }

  async ping (): Promise<void> {
    await this.#connection.ask(redis => redis.ping())
  }

  async explain (refusal: StoreError): Promise<StoreError> {
    return withNames(refusal, (name, args) => this.#connection.ask(redis => redis.call(name, args)))
  }

  secondsAway (since: number): number {
    return this.#connection.outages.secondsAway(since)
  }

  async close (): Promise<void> {
    this.#connection.close()
  }

  /**
   * A swap that Redis got to in time. One that was late only by a clock that has jumped, Redis' or our idea of it, is
   * tried again: the answer tells the time.
   */
  async #swap (ask: (redis: Asked, deadline: number) => Swapping): Promise<Swap> {
    for (let mayRetry = true; ; mayRetry = false) {
      const asked = performance.now()
      const [outcome, found, time] = await this.#connection.ask(redis => ask(redis, this.now() + swapWithinMs))
      this.#connection.noteTime(time, asked)
      if (outcome !== tooLate) return { replaced: outcome === 1, found: found ?? undefined }
      if (!mayRetry || performance.now() - asked > swapWithinMs) throw this.#connection.away(new StoreError('Redis came to a swap too late'))
    }
  }

  async #values (keys: string[]): Promise<Entry[]> {
    const values = await this.#connection.ask(redis => redis.mget(keys))
    return keys.flatMap((key, index) => {
      const value = values[index]
      return typeof value === 'string' ? [[key, value] satisfies Entry] : []
    })
  }
}

/** News is kept as `number:end:text`. */
function newsOf (member: string): { expiresAt: number, text: string } {
  const end = member.indexOf(':') + 1
  const text = member.indexOf(':', end) + 1
  return { expiresAt: Number(member.slice(end, text - 1)), text: member.slice(text) }
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)
