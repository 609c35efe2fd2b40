import { deflateSync } from 'node:zlib'
import type { KeyRing } from '../keys/key-ring.ts'
import { epochSeconds, type Clock, type Store } from '../stores/store.ts'
import type { Revocations } from './revocations.ts'

export interface StatusListsOptions {
  publicUrl: string
  store: Store
  keys: KeyRing
  revocations: Revocations
  clock: Clock
}

/** Sessions in one list: 16 KiB of bits, of which hardly any are set, so a few dozen bytes on the wire. */
const listSize = 131_072
const freshSeconds = 1
const remakeSeconds = 60
const lifeSeconds = 600

const statusListUri = (publicUrl: string, list: number): string => `${publicUrl}/.well-known/token-status/${list}`

/** The `status_list` member of a token: the list its session is in, and where. */
export const statusPlace = (publicUrl: string, index: number): { idx: number, uri: string } =>
  ({ idx: index % listSize, uri: statusListUri(publicUrl, Math.floor(index / listSize)) })

/** A signed list, and what it was made of. */
interface Made {
  token: string
  at: number
  revision: number
}

/**
 * The lists in which a verifier sees ended sessions without asking for each (IETF Token Status List): a bit for every
 * session, 1 for one that ended while its access tokens may still be alive. Made when asked for, at most once a second.
 */
export class StatusLists {
  readonly #options: StatusListsOptions
  readonly #made = new Map<number, Promise<Made>>()
  #highest = { index: -1, at: 0 }

  constructor (options: StatusListsOptions) {
    this.#options = options
  }

  /** The list with this number as `application/statuslist+jwt`; undefined where no session has a place in it yet. @throws StoreError */
  async list (number: number): Promise<string | undefined> {
    const now = epochSeconds(this.#options.clock)
    const revision = this.#options.revocations.revision + this.#options.keys.revision
    const made = await this.#made.get(number)
    if (made && (now - made.at < freshSeconds || (made.revision === revision && now - made.at < remakeSeconds))) return made.token
    if (!made && !await this.#exists(number, now)) return undefined
    const making = this.#make(number, now, revision)
    this.#made.set(number, making)
    return (await making).token
  }

  async #exists (number: number, now: number): Promise<boolean> {
    if (number * listSize > this.#highest.index && now > this.#highest.at) {
      this.#highest = { index: Number(await this.#options.store.get('counters/status') ?? -1), at: now }
    }
    return number * listSize <= this.#highest.index
  }

  async #make (number: number, now: number, revision: number): Promise<Made> {
    const { publicUrl, keys: { current } } = this.#options
    const header = { alg: current.alg, kid: current.kid, typ: 'statuslist+jwt' }
    const claims = {
      sub: statusListUri(publicUrl, number),
      iss: publicUrl,
      iat: now,
      exp: now + lifeSeconds,
      ttl: 10,
      status_list: { bits: 1, lst: deflateSync(this.#bits(number)).toString('base64url') }
    }
    const input = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return { token: `${input}.${await current.signature(input)}`, at: now, revision }
  }

  #bits (number: number): Buffer {
    const bits = Buffer.alloc(listSize / 8)
    const first = number * listSize
    const set = (index: number) => { bits.writeUInt8(bits.readUInt8(index >> 3) | 1 << (index & 7), index >> 3) }
    const { upTo, indices } = this.#options.revocations.statusIndices
    for (let index = 0; index < listSize && first + index <= upTo; index++) set(index)
    for (const index of indices) if (index >= first && index < first + listSize) set(index - first)
    return bits
  }
}
