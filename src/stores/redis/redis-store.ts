import type { StoreWatcher } from '../outages.ts'
import { withNames } from './commands.ts'
import { compact } from './compact.ts'
import { namespace, RedisConnection, type Asked } from './connection.ts'
import { claimAs, type RedisForm } from './form.ts'
import { indexed } from './indexed.ts'
import { RedisProblem } from './problems.ts'
import type { Swapping } from './scripts.ts'
import { StoreError, type Entry, type Heard, type Page, type Store, type Swap } from '../store.ts'
import type { Clock } from '../../clock.ts'

/** A swap that Redis gets to later than this is not made: our patience may have ended by then. */
const swapWithinMs = 400
const tooLate = -1
const forever = 0

const forms = [compact, indexed]
/** Says which form this Redis has. */
const formKey = 'format'
/** In every Redis that has been used. */
const firstEntry = 'keys/ring'

/** Redis or Valkey, for replicas. */
export class RedisStore implements Store {
  readonly #connection: RedisConnection
  /** How often Redis had come back when news was read last. Numbers from before may have been given to other news since. */
  #heardSince = 0

  /** undefined while Redis refuses to tell. */
  #form: RedisForm | undefined

  private constructor (connection: RedisConnection) {
    this.#connection = connection
  }

  /**
   * @param clock of this machine: a Redis whose clock shows another time is warned about
   * @throws StoreError as RedisConnection.open does
   */
  static async connect (url: string, clock: Clock = Date.now, watcher: StoreWatcher = () => {}): Promise<RedisStore> {
    const store = new RedisStore(await RedisConnection.open(url, clock, watcher))
    try {
      store.#form = await formOf(store.#connection)
    } catch (error) {
      // What it refuses here it refuses to the trial of the store, which names it.
      if (!(error instanceof RedisProblem)) {
        await store.close()
        throw error
      }
    }
    return store
  }

  async get (key: string): Promise<string | undefined> {
    return await this.#ask((redis, form) => form.get(redis, key)) ?? undefined
  }

  async put (key: string, value: string, expiresAt = forever): Promise<void> {
    await this.#ask((redis, form) => form.put(redis, key, value, expiresAt))
  }

  async add (key: string, value: string, room: number, expiresAt = forever): Promise<boolean> {
    return await this.#ask((redis, form) => form.put(redis, key, value, expiresAt)) > room
  }

  async claim (key: string, value: string, expiresAt = forever): Promise<boolean> {
    return this.#ask((redis, form) => form.claim(redis, key, value, expiresAt))
  }

  async replace (key: string, expected: string, value: string, expiresAt = forever): Promise<boolean> {
    const { replaced } = await this.#swap((redis, form, deadline) => form.replace(redis, key, expected, value, expiresAt, deadline))
    return replaced
  }

  async replaceLine (key: string, expected: string, line: string, expiresAt = forever): Promise<Swap> {
    return this.#swap((redis, form, deadline) => form.replaceLine(redis, key, expected, line, expiresAt, deadline))
  }

  async remove (key: string): Promise<boolean> {
    return await this.#ask((redis, form) => form.remove(redis, key)) === 1
  }

  async page (folder: string, size: number, from = '0'): Promise<Page> {
    const cursor = /^\d{1,19}$/.test(from) ? from : '0'
    const { next, entries } = await this.#ask((redis, form) => form.page(redis, folder, cursor, size))
    return { entries, ...(next !== '0' && { next }) }
  }

  async * walk (prefix: string): AsyncIterable<Entry> {
    const seen = new Set<string>() // SCAN gives some keys twice while the table shrinks
    let cursor = '0'
    do {
      const [next, found] = await this.#ask((redis, form) => redis.scan(cursor, 'MATCH', namespace + form.pattern(prefix), 'COUNT', 1_000))
      const keys = found.map(key => key.slice(namespace.length))
      for (const [key, value] of await this.#ask((redis, form) => form.entriesUnder(redis, keys))) {
        if (key.startsWith(prefix) && !seen.has(key)) yield [key, value]
        seen.add(key)
      }
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
    if (mayHaveLost) this.#form = await formOf(this.#connection, this.#form)
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

  async #ask<Answer> (ask: (redis: Asked, form: RedisForm) => Promise<Answer>): Promise<Answer> {
    this.#form ??= await formOf(this.#connection)
    const form = this.#form
    return this.#connection.ask(redis => ask(redis, form))
  }

  /**
   * A swap that Redis got to in time. One that was late only by a clock that has jumped, Redis' or our idea of it, is
   * tried again: the answer tells the time.
   */
  async #swap (ask: (redis: Asked, form: RedisForm, deadline: number) => Swapping): Promise<Swap> {
    for (let mayRetry = true; ; mayRetry = false) {
      const asked = performance.now()
      const [outcome, found, time] = await this.#ask((redis, form) => ask(redis, form, this.now() + swapWithinMs))
      this.#connection.noteTime(time, asked)
      if (outcome !== tooLate) return { replaced: outcome === 1, found: found ?? undefined }
      if (!mayRetry || performance.now() - asked > swapWithinMs) throw this.#connection.away(new StoreError('Redis came to a swap too late'))
    }
  }
}

/** News is kept as `number:end:text`. */
function newsOf (member: string): { expiresAt: number, text: string } {
  const end = member.indexOf(':') + 1
  const text = member.indexOf(':', end) + 1
  return { expiresAt: Number(member.slice(end, text - 1)), text: member.slice(text) }
}

/**
 * The form of this Redis. One without a mark was used by the first versions if it has keys, is new if it has none, and has
 * lost the mark if it had one before. Where the mark cannot be written, nothing can: the trial of the store says why.
 */
async function formOf (connection: RedisConnection, before?: RedisForm): Promise<RedisForm> {
  const [marked, ring] = await connection.ask(redis => redis.mget(formKey, firstEntry))
  const name = marked ?? before?.name ?? (typeof ring === 'string' ? indexed : compact).name
  if (typeof marked !== 'string') await connection.ask(redis => claimAs(redis, formKey, name, forever)).catch(() => {})
  const agreed = marked ?? await connection.ask(redis => redis.get(formKey)) ?? name
  const form = forms.find(form => form.name === agreed)
  if (!form) throw new StoreError(`Redis was written by a newer version: its ${formKey} is ${agreed}`, undefined, true)
  return form
}
