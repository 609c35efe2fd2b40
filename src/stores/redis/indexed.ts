import { claimAs, textsOf, type RedisForm } from './form.ts'

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)

/**
 * The form of the first versions: each entry under its own name, and each folder a sorted set of keys by expiry, which
 * ends with its last member.
 */
export const indexed: RedisForm = {
  name: 'indexed',
  get: (redis, key) => redis.get(key),
  put: (redis, key, value, expiresAt) => redis.handstampPut(key, folderOf(key), key, value, expiresAt),
  claim: claimAs,
  replace: (redis, key, expected, value, expiresAt, deadlineMs) =>
    redis.handstampReplace(key, folderOf(key), key, value, expiresAt, expected, deadlineMs),
  replaceLine: (redis, key, expected, line, expiresAt, deadlineMs) =>
    redis.handstampReplaceLine(key, folderOf(key), key, line, expiresAt, expected, deadlineMs),
  remove: (redis, key) => redis.handstampRemove(key, folderOf(key), key),

  /** A small index comes whole, whatever `size` is. */
  async page (redis, folder, cursor, size) {
    const [next, found] = await redis.zscan(folder, cursor, 'COUNT', size)
    return { next, entries: await textsOf(redis, found.filter((_score, index) => index % 2 === 0)) }
  },

  pattern: prefix => `${prefix}*`,
  entriesUnder: (redis, keys) => textsOf(redis, keys.filter(key => !key.endsWith('/')))
}
