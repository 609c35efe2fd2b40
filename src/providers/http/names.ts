import { lookup } from 'node:dns/promises'
import { askDirectly, type DnsSettings } from './direct-dns.ts'

/** A look-up that took too long, or one of a name whose look-ups did. */
export class LookupTimeout extends Error {
  readonly code = 'ETIMEDOUT'
}

export interface NamesOptions {
  /** The C library's look-up: what the machine itself believes, on a thread of the pool. */
  system?: (name: string) => Promise<string[]>
  dns?: DnsSettings
  /** Threads that look-ups may hold at a time; the pool has four, and signs with the others. */
  threads?: number
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number
}

/** What is known of one name. */
interface NameRecord {
  addresses?: string[]
  at: number
  /** Until then callers do not wait for it. */
  slowUntil: number
  /** Its look-up has held a thread for too long before. */
  slowBefore: boolean
  asking?: Promise<string[]>
  onThread?: Promise<string[]>
}

const freshMs = 5_000
const lastGoodMs = 10 * 60_000
const slowMs = 5_000
/** Below the limit of a whole connection, so that the log says what took so long. */
const limitMs = 1_900
/** With addresses of a while ago at hand. */
const limitWithLastGoodMs = 700
const directAfterMs = 300
const most = 256

/**
 * Looks names up so that one whose name server is silent holds up no other. The system's look-up is asked, as it knows the
 * hosts file, search domains and whatever else the machine has; but it cannot be stopped and holds one of few threads, so
 * two run at a time, a name has one, and none waits for a thread. Where it does not answer in 300 ms or has no thread, DNS
 * is asked directly as well. All who want a name share one look-up. One that took two seconds is not waited for again for
 * five seconds; its addresses of up to ten minutes ago serve in its place.
 */
export class Names {
  readonly #system: (name: string) => Promise<string[]>
  readonly #dns: DnsSettings
  readonly #threads: number
  readonly #now: () => number
  readonly #records = new Map<string, NameRecord>()
  #threadsHeld = 0

  constructor ({ system = systemAddresses, dns = {}, threads = 2, now = () => performance.now() }: NamesOptions = {}) {
    this.#system = system
    this.#dns = dns
    this.#threads = threads
    this.#now = now
  }

  /** The addresses in the order to try. @throws Error with the code ETIMEDOUT, or as node:dns does */
  async addresses (name: string): Promise<string[]> {
    const record = this.#recordOf(name)
    const age = this.#now() - record.at
    if (record.addresses && age < freshMs) return record.addresses
    const lastGood = age < lastGoodMs ? record.addresses : undefined
    const isSlow = this.#now() < record.slowUntil
    if (isSlow && lastGood) return lastGood
    if (isSlow) throw new LookupTimeout(`looking up ${name} took too long a moment ago`)
    record.asking ??= this.#ask(name, record).finally(() => { delete record.asking })
    if (!lastGood) return record.asking
    const late = pause(limitWithLastGoodMs)
    return Promise.race([record.asking, late.done.then(() => lastGood)])
      .catch(error => isPassing(error) ? lastGood : Promise.reject(error))
      .finally(late.stop)
  }

  #recordOf (name: string): NameRecord {
    const record = this.#records.get(name) ?? { at: -Infinity, slowUntil: -Infinity, slowBefore: false }
    this.#records.delete(name)
    this.#records.set(name, record) // the last: those not asked for longest are dropped first
    if (this.#records.size > most) {
      for (const [old, { asking, onThread }] of this.#records) if (!asking && !onThread) { this.#records.delete(old); break }
    }
    return record
  }

  async #ask (name: string, record: NameRecord): Promise<string[]> {
    const stop = new AbortController()
    const limit = pause(limitMs)
    try {
      return await Promise.race([this.#byEitherWay(name, record, stop.signal), limit.done.then(() => {
        record.slowUntil = this.#now() + slowMs
        throw new LookupTimeout(`looking up ${name} took too long`)
      })])
    } finally {
      limit.stop()
      stop.abort()
    }
  }

  async #byEitherWay (name: string, record: NameRecord, signal: AbortSignal): Promise<string[]> {
    const directly = () => askDirectly(name, this.#dns, signal).then(addresses => this.#note(record, addresses))
    const system = this.#onThread(name, record)
    if (!system) return directly()
    const patience = pause(directAfterMs)
    const early = await Promise.race([system, patience.done]).finally(patience.stop)
    if (early) return early
    return Promise.any([system, directly()]).catch((error: AggregateError) => { throw error.errors[0] })
  }

  /** The look-up of the system that runs, or a new one if there is a thread for it. A name that was slow leaves one free. */
  #onThread (name: string, record: NameRecord): Promise<string[]> | undefined {
    if (record.onThread) return record.onThread
    if (this.#threadsHeld + (record.slowBefore ? 1 : 0) >= this.#threads) return undefined
    this.#threadsHeld++
    const began = this.#now()
    record.onThread = this.#system(name).then(addresses => this.#note(record, addresses)).finally(() => {
      this.#threadsHeld--
      record.slowBefore = this.#now() - began > limitMs
      delete record.onThread
    })
    record.onThread.catch(() => {}) // it may fail long after its callers gave up
    return record.onThread
  }

  #note (record: NameRecord, addresses: string[]): string[] {
    Object.assign(record, { addresses, at: this.#now(), slowUntil: -Infinity })
    return addresses
  }
}

const systemAddresses = async (name: string): Promise<string[]> => (await lookup(name, { all: true })).map(({ address }) => address)

/** A failure that says nothing about whether the name exists. */
const isPassing = (error: unknown): boolean => !['ENOTFOUND', 'ENODATA'].includes(String((error as { code?: unknown }).code))

function pause (ms: number) {
  let timer: NodeJS.Timeout | undefined
  const done = new Promise<undefined>(resolve => { timer = setTimeout(resolve, ms, undefined) })
  return { done, stop: () => clearTimeout(timer) }
}
