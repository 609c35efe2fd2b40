import type { SwapCall } from './compact-scripts.ts'
import type { Asked } from './connection.ts'
import { claimAs, setAs, textsOf, type RedisForm } from './form.ts'
import type { Entry } from '../store.ts'

/**
 * Where an entry of a folder within a folder lies: `sessions/ada/1` at `{sessions/ada}/1`, or with its name in
 * `{sessions/ada}` while it is the only one. All of a folder is in one slot of a cluster by its hash tag.
 */
interface Place {
  key: string
  folder: string
  name: string
}

/** undefined for an entry such as `keys/ring`, which lies under its own name and in no folder that is listed. */
function placeOf (key: string): Place | undefined {
  const end = key.lastIndexOf('/')
  if (end === key.indexOf('/')) return undefined
  const [folder, name] = [`{${key.slice(0, end)}}`, key.slice(end + 1)]
  return { key: `${folder}/${name}`, folder, name }
}

/** The entry in a folder of one. */
function onlyOf (folder: string, text: string): Entry {
  const end = text.indexOf('\n')
  return [`${folder.slice(1, -1)}/${text.slice(0, end)}`, text.slice(end + 1)]
}

/** By the key of Redis: `{sessions/ada}/1` is `sessions/ada/1`. */
const entryOf = ([key, text]: Entry): Entry => key.endsWith('}') ? onlyOf(key, text) : [key.replace(/^\{(.*)\}/, '$1'), text]

/** @param other the only entry of the folder, which moves to a key of its own */
async function putInto (redis: Asked, place: Place, value: string, expiresAt: number, other = ''): Promise<number> {
  const { key, folder, name } = place
  const found = await redis.handstampCompactPut(3, key, folder, `${folder}/${other}`, name, value, expiresAt, other)
  return typeof found === 'number' ? found : putInto(redis, place, value, expiresAt, found)
}

function swapOf (key: string, value: string, expiresAt: number, expected: string, deadlineMs: number): SwapCall {
  const place = placeOf(key)
  return place
    ? [2, place.key, place.folder, place.name, value, expiresAt, expected, deadlineMs]
    : [1, key, '', value, expiresAt, expected, deadlineMs]
}

/**
 * The form of a Redis that this version was the first to use: most people have one session, and its folder needs no index.
 * Folders are listed where they are within a folder.
 */
export const compact: RedisForm = {
  name: 'compact',

  async get (redis, key) {
    const place = placeOf(key)
    if (!place) return redis.get(key)
    const [own, folder] = await redis.mget([place.key, place.folder])
    if (typeof own === 'string') return own
    if (typeof folder !== 'string') return null
    const [found, value] = onlyOf(place.folder, folder)
    return found === key ? value : null
  },

  async put (redis, key, value, expiresAt) {
    const place = placeOf(key)
    if (place) return putInto(redis, place, value, expiresAt)
    await setAs(redis, key, value, expiresAt)
    return 1
  },

  async claim (redis, key, value, expiresAt) {
    const place = placeOf(key)
    if (!place) return claimAs(redis, key, value, expiresAt)
    return await redis.handstampCompactClaim(2, place.key, place.folder, place.name, value, expiresAt) === 1
  },

  replace: (redis, key, expected, value, expiresAt, deadlineMs) =>
    redis.handstampCompactReplace(...swapOf(key, value, expiresAt, expected, deadlineMs)),

  replaceLine: (redis, key, expected, line, expiresAt, deadlineMs) =>
    redis.handstampCompactReplaceLine(...swapOf(key, line, expiresAt, expected, deadlineMs)),

  async remove (redis, key) {
    const place = placeOf(key)
    return place ? redis.handstampCompactRemove(2, place.key, place.folder, place.name) : redis.del(key)
  },

  /** A small index comes whole, whatever `size` is. */
  async page (redis, folder, cursor, size) {
    const key = `{${folder.slice(0, -1)}}`
    const [next, only, found] = await redis.handstampCompactPage(1, key, cursor, size)
    if (only !== null) return { next, entries: [onlyOf(key, only)] }
    const keys = found.filter((_score, index) => index % 2 === 0).map(name => `${key}/${name}`)
    return { next, entries: (await textsOf(redis, keys)).map(entryOf) }
  },

  pattern: prefix => `*${prefix}*`,
  entriesUnder: async (redis, keys) => (await textsOf(redis, keys)).map(entryOf)
}
