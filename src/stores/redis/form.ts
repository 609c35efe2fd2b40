import type { Asked } from './connection.ts'
import type { Swapping } from './scripts.ts'
import type { Entry } from '../store.ts'

/**
 * How entries lie in Redis. A Redis has one form, which is chosen when it is first used and stays: replicas of two versions
 * share it. `expiresAt` is in epoch seconds, 0 for ever.
 */
export interface RedisForm {
  name: string
  get (redis: Asked, key: string): Promise<string | null>
  /** Gives back how many entries the folder has. */
  put (redis: Asked, key: string, value: string, expiresAt: number): Promise<number>
  claim (redis: Asked, key: string, value: string, expiresAt: number): Promise<boolean>
  replace (redis: Asked, key: string, expected: string, value: string, expiresAt: number, deadlineMs: number): Swapping
  replaceLine (redis: Asked, key: string, expected: string, line: string, expiresAt: number, deadlineMs: number): Swapping
  /** Gives back how many entries were there: 1 or 0. */
  remove (redis: Asked, key: string): Promise<number>
  /** `next` is '0' after the last page. */
  page (redis: Asked, folder: string, cursor: string, size: number): Promise<{ next: string, entries: Entry[] }>
  /** A glob that finds every key with entries below a prefix, and perhaps others. */
  pattern (prefix: string): string
  /** The entries that lie under keys of Redis. */
  entriesUnder (redis: Asked, keys: string[]): Promise<Entry[]>
}

/** Values under keys of Redis, for those that have a text there. */
export async function textsOf (redis: Asked, keys: string[]): Promise<Entry[]> {
  if (keys.length === 0) return []
  const values = await redis.mget(keys)
  return keys.flatMap((key, index) => {
    const value = values[index]
    return typeof value === 'string' ? [[key, value] satisfies Entry] : []
  })
}

export const setAs = (redis: Asked, key: string, value: string, expiresAt: number): Promise<string | null> =>
  expiresAt === 0 ? redis.set(key, value) : redis.set(key, value, 'EXAT', expiresAt)

export const claimAs = async (redis: Asked, key: string, value: string, expiresAt: number): Promise<boolean> =>
  await (expiresAt === 0 ? redis.set(key, value, 'NX') : redis.set(key, value, 'EXAT', expiresAt, 'NX')) === 'OK'
