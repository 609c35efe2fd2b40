/**
 * What Handstamp remembers: texts under keys such as `sessions/<subject>/<sid>`. Values last, or expire by themselves;
 * a change is on disk (or acknowledged by the primary) when its promise resolves, for every process and replica.
 * Times are epoch seconds by `now`. A failing or slow store rejects with StoreError within a second.
 */
export interface Store {
  /** The live value under a key. */
  get (key: string): Promise<string | undefined>
  put (key: string, value: string, expiresAt?: number): Promise<void>
  /** Puts, and says whether its folder then has more than `room` entries; those that have just expired may count. */
  add (key: string, value: string, room: number, expiresAt?: number): Promise<boolean>
  /** Puts only where nothing lives: true for exactly one of any number of callers, on any number of replicas. */
  claim (key: string, value: string, expiresAt?: number): Promise<boolean>
  /** Puts only where `expected` lives, byte for byte. */
  replace (key: string, expected: string, value: string, expiresAt?: number): Promise<boolean>
  /**
   * Where the first line of what lives there starts with `expected`, puts another line in its place and keeps the
   * others: the compare-and-swap of a refresh, in one step. Gives back what it found.
   */
  replaceLine (key: string, expected: string, line: string, expiresAt?: number): Promise<Swap>
  /** Says whether there was something. */
  remove (key: string): Promise<boolean>
  /**
   * Some of what lives in a folder within a folder (`sessions/ada/`) and was put, not claimed, there: about `size` entries,
   * and where the next ones begin if there are more. What is there the whole time comes at least once on some page.
   */
  page (folder: string, size: number, from?: string): Promise<Page>
  /** Everything that lives below a prefix, however much: slow, for operators. */
  walk (prefix: string): AsyncIterable<Entry>
  /** Adds news that every process reads; it is forgotten at `expiresAt`. */
  announce (news: string, expiresAt: number): Promise<void>
  /** News announced after the one numbered `after`, oldest first. Zero reads all that lives; some may come twice. */
  newsAfter (after: number): Promise<Heard>
  /** 1, 2, 3 … : no number twice, on any number of replicas, and each more than `above`. */
  count (counter: string, above?: number): Promise<number>
  /** Epoch milliseconds by the clock that all processes on this store share, and that counts expiry: this machine's, or that of Redis. */
  now (): number
  /** Rejects when the store cannot serve. */
  ping (): Promise<void>
  /** Finds out more of what the store refused. */
  explain? (refusal: StoreError): Promise<StoreError>
  /** How many of the seconds since `since` the store could not be reached. */
  secondsAway (since: number): number
  close (): Promise<void>
}

export type Entry = [key: string, value: string]

export interface Page {
  entries: Entry[]
  /** What `from` is to be for the next page: letters, digits, `-` and `_`. */
  next?: string
}

export interface Swap {
  replaced: boolean
  /** The value as it was before. */
  found: string | undefined
}

export interface Heard {
  /** The number of the last news. */
  last: number
  news: string[]
  /** It is all that lives, as the store may have lost its last writes: after a crash or a failover. */
  mayHaveLost: boolean
}

/** The store did not do what was asked; nothing may be assumed to have happened. */
export class StoreError extends Error {
  /** Waiting does not help: the store serves again only after its configuration, or this service's, is changed. */
  readonly lasting: boolean

  constructor (message: string, cause?: unknown, lasting = false) {
    super(message, { cause })
    this.name = 'StoreError'
    this.lasting = lasting
  }
}

/** Everything that lives in a folder, by the page. */
export async function * pagesOf (store: Store, folder: string, size: number): AsyncIterable<Entry[]> {
  let from: string | undefined
  do {
    const { entries, next } = await store.page(folder, size, from)
    yield entries
    from = next
  } while (from !== undefined)
}
