import { deflateSync } from 'node:zlib'
import type { KeyRing } from '../keys/key-ring.ts'
import type { Store } from '../stores/store.ts'
import type { Revocations } from './revocations.ts'
import { epochSeconds, type Clock } from '../clock.ts'

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

/** The number behind a place: `statusPlace` the other way round. */
export const indexOfPlace = ({ idx, uri }: { idx: number, uri: string }): number => Number(uri.slice(uri.lastIndexOf('/') + 1)) * listSize + idx

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
  readonly #made = new Map<number, Made>()
  readonly #making = new Map<number, Promise<Made>>()
  #highest = { index: -1, at: 0 }

  constructor (options: StatusListsOptions) {
    this.#options = options
  }

  /** The list with this number as `application/statuslist+jwt`; undefined where no session has a place in it yet. @throws StoreError */
  async list (number: number): Promise<string | undefined> {
    const now = epochSeconds(this.#options.clock)
    const made = this.#made.get(number)
    if (made && this.#isFresh(made, now)) return made.token
    if (!made && !await this.#exists(number, now)) return undefined
    // Once, for all who ask meanwhile.
    let making = this.#making.get(number)
    if (!making) this.#making.set(number, making = this.#make(number, now).finally(() => { this.#making.delete(number) }))
    return (await making).token
  }

  #isFresh ({ at, revision }: Made, now: number): boolean {
    const age = now - at
    return age >= 0 && (age < freshSeconds || (revision === this.#revision && age < remakeSeconds))
  }

  get #revision (): number {
    return this.#options.revocations.revision + this.#options.keys.revision
  }

  async #exists (number: number, now: number): Promise<boolean> {
    if (number * listSize > this.#highest.index && now !== this.#highest.at) {
      this.#highest = { index: Number(await this.#options.store.get('counters/status') ?? -1), at: now }
    }
    return number * listSize <= this.#highest.index
  }

  async #make (number: number, now: number): Promise<Made> {
    const { publicUrl, keys: { current } } = this.#options
    const revision = this.#revision
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
    const made = { token: `${input}.${await current.signature(input)}`, at: now, revision }
    this.#made.set(number, made)
    return made
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
