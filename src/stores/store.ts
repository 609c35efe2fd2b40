/**
 * What Handstamp remembers: texts under keys such as `keys/<kid>` or `revoked/<sid>`.
 * Three kinds: what lasts (no expiry), what expires, what is claimed once.
 * Times are epoch seconds. A failing or slow store rejects with StoreError within about a second.
 */
export interface Store {
  /** The live value under a key. */
  get (key: string): Promise<string | undefined>
  put (key: string, value: string, expiresAt?: number): Promise<void>
  /** Puts only where nothing lives: true for exactly one of any number of callers, on any number of replicas. */
  claim (key: string, value: string, expiresAt?: number): Promise<boolean>
  remove (key: string): Promise<void>
  /** Everything that lives under a prefix ending in `/` and was put (not claimed) there. */
  list (prefix: string): Promise<Array<[key: string, value: string]>>
  /** Rejects when the store cannot serve. */
  ping (): Promise<void>
  close (): Promise<void>
}

/** The store did not do what was asked; nothing may be assumed to have happened. */
export class StoreError extends Error {
  constructor (message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
  }
}

/** Tells the time in epoch milliseconds. */
export type Clock = () => number

export const epochSeconds = (clock: Clock): number => Math.floor(clock() / 1000)
