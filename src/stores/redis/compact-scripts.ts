import { late, set, type Swapping } from './scripts.ts'

/**
 * Steps on an entry and its folder. KEYS[2], the folder, is a text while it has one entry, `name\\nvalue`, and a sorted set of
 * names by expiry once it had more: then each entry is a key, KEYS[1]. Both keys have one hash tag, so they are in one slot
 * of a cluster. Without KEYS[2] the entry is in no folder. ARGV[1] is the name; `expiresAt` 0 is for ever.
 */

/** What is there: `only` is the value of the folder's one entry if it is this one, `other` the name of another one. */
const find = `
local kind = KEYS[2] and redis.call('TYPE', KEYS[2]).ok
local only, other
if kind == 'string' then
  local text = redis.call('GET', KEYS[2])
  local line = string.find(text, '\\n', 1, true)
  if string.sub(text, 1, line - 1) == ARGV[1] then only = string.sub(text, line + 1)
  else other = string.sub(text, 1, line - 1) end
end
local function found () return only or redis.call('GET', KEYS[1]) end`

/** An entry that was claimed is in no folder. */
const write = `
local function keep (key, text, expiresAt)
  if expiresAt == 0 then redis.call('SET', key, text) else redis.call('SET', key, text, 'EXAT', expiresAt) end
end
local function write (value, expiresAt)
  if only then keep(KEYS[2], ARGV[1] .. '\\n' .. value, expiresAt)
  elseif kind == 'zset' then set(KEYS[1], KEYS[2], ARGV[1], value, expiresAt)
  else keep(KEYS[1], value, expiresAt) end
end`

export const compactScripts = {
  // Answers the number of entries, or the name of the one that has to move first: then KEYS[3] has to be its key.
  handstampCompactPut: {
    lua: `${set}${find}${write}
local expiresAt = tonumber(ARGV[3])
if only or kind == 'none' then
  redis.call('DEL', KEYS[1])
  keep(KEYS[2], ARGV[1] .. '\\n' .. ARGV[2], expiresAt)
  return 1
end
if other then
  if ARGV[4] ~= other then return other end
  local text = redis.call('GET', KEYS[2])
  local left = redis.call('PTTL', KEYS[2])
  redis.call('DEL', KEYS[2])
  local value = string.sub(text, #other + 2)
  if left < 0 then
    redis.call('SET', KEYS[3], value)
    redis.call('ZADD', KEYS[2], '+inf', other)
  else
    redis.call('SET', KEYS[3], value, 'PX', math.max(left, 1))
    local ms = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('ZADD', KEYS[2], math.floor((ms + left + 500) / 1000), other)
  end
end
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], expiresAt)
return redis.call('ZCARD', KEYS[2])`
  },
  handstampCompactClaim: {
    lua: `${find}
if found() then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'EXAT', ARGV[3]) end
return 1`
  },
  handstampCompactReplace: {
    lua: `${set}${late}${find}${write}
if found() ~= ARGV[4] then return {0, false, ms} end
if late(ARGV[5]) then return {-1, false, ms} end
write(ARGV[2], tonumber(ARGV[3]))
return {1, false, ms}`
  },
  handstampCompactReplaceLine: {
    lua: `${set}${late}${find}${write}
local text = found()
if not text or string.sub(text, 1, #ARGV[4]) ~= ARGV[4] then return {0, text, ms} end
if late(ARGV[5]) then return {-1, text, ms} end
local rest = string.find(text, '\\n', 1, true) or #text + 1
write(ARGV[2] .. string.sub(text, rest), tonumber(ARGV[3]))
return {1, text, ms}`
  },
  handstampCompactRemove: {
    lua: `${set}${find}
if only then return redis.call('DEL', KEYS[2]) end
local removed = redis.call('DEL', KEYS[1])
if kind == 'zset' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  tidy(KEYS[2])
end
return removed`
  },
  // Answers the next cursor, then the text of the one entry, or names with their expiries.
  handstampCompactPage: {
    lua: `
if redis.call('TYPE', KEYS[1]).ok == 'string' then return {'0', redis.call('GET', KEYS[1]), {}} end
local page = redis.call('ZSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return {page[1], false, page[2]}`
  }
} as const

/** The number of keys and the keys, then name, value or line, expiresAt, what is expected, and the deadline in milliseconds. */
export type SwapCall = [...([1, string] | [2, string, string]), name: string, value: string, expiresAt: number, expected: string, deadlineMs: number]

export interface CompactScripted {
  handstampCompactPut (
    keys: 3, key: string, folder: string, otherKey: string, name: string, value: string, expiresAt: number, other: string
  ): Promise<number | string>
  /** 1 where nothing was there. */
  handstampCompactClaim (keys: 2, key: string, folder: string, name: string, value: string, expiresAt: number): Promise<number>
  handstampCompactReplace (...call: SwapCall): Swapping
  handstampCompactReplaceLine (...call: SwapCall): Swapping
  /** Gives back how many entries were there: 1 or 0. */
  handstampCompactRemove (keys: 2, key: string, folder: string, name: string): Promise<number>
  handstampCompactPage (keys: 1, folder: string, cursor: string, size: number): Promise<[next: string, only: string | null, namesAndExpiries: string[]]>
}
