/** Steps that Redis takes as one, by its own clock. KEYS: the entry, then its folder's index. `expiresAt` 0 is for ever. */

const clock = `
local time = redis.call('TIME')
local now = tonumber(time[1])`

/** Removes expired members from a folder's index, and lets the index expire with its last member. */
const tidy = `${clock}
local function tidy (folder)
  redis.call('ZREMRANGEBYSCORE', folder, '-inf', now)
  local last = redis.call('ZRANGE', folder, -1, -1, 'WITHSCORES')
  if last[2] == 'inf' then redis.call('PERSIST', folder)
  elseif last[2] then redis.call('EXPIREAT', folder, last[2]) end
end`

/**
 * Most sets move the end of an entry a little further, and may leave its index alone: that says a sixteenth of the
 * entry's life more than it has.
 */
export const set = `${tidy}
local function set (key, folder, member, value, expiresAt)
  local score = '+inf'
  if expiresAt == 0 then redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'EXAT', expiresAt)
    score = expiresAt + math.floor((expiresAt - now) / 16)
    local known = tonumber(redis.call('ZSCORE', folder, member) or 0)
    if known >= expiresAt and known <= score then return end
  end
  redis.call('ZADD', folder, score, member)
  tidy(folder)
end`

/** A swap that comes too late answers -1, and nothing is done (see swapWithinMs). Each answer tells the time in milliseconds. */
export const late = `
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local function late (deadline) return ms > tonumber(deadline) end`

export const scripts = {
  handstampPut: {
    keys: 2,
    lua: `${set}
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]))
return redis.call('ZCARD', KEYS[2])`
  },
  handstampReplace: {
    keys: 2,
    lua: `${set}${late}
if redis.call('GET', KEYS[1]) ~= ARGV[4] then return {0, false, ms} end
if late(ARGV[5]) then return {-1, false, ms} end
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]))
return {1, false, ms}`
  },
  handstampReplaceLine: {
    keys: 2,
    lua: `${set}${late}
local found = redis.call('GET', KEYS[1])
if not found or string.sub(found, 1, #ARGV[4]) ~= ARGV[4] then return {0, found, ms} end
if late(ARGV[5]) then return {-1, found, ms} end
local rest = string.find(found, '\\n', 1, true) or #found + 1
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2] .. string.sub(found, rest), tonumber(ARGV[3]))
return {1, found, ms}`
  },
  handstampRemove: {
    keys: 2,
    lua: `${tidy}
local removed = redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
tidy(KEYS[2])
return removed`
  },
  handstampCount: {
    keys: 1,
    lua: `
local number = redis.call('INCR', KEYS[1])
if number > tonumber(ARGV[1]) then return number end
redis.call('SET', KEYS[1], ARGV[1])
return redis.call('INCR', KEYS[1])`
  },
  // News are numbered by one counter; a second sorted set by their ends keeps both short.
  handstampAnnounce: {
    keys: 3,
    lua: `${clock}
local number = redis.call('INCR', KEYS[3])
local member = number .. ':' .. ARGV[2] .. ':' .. ARGV[1]
redis.call('ZADD', KEYS[1], number, member)
redis.call('ZADD', KEYS[2], ARGV[2], member)
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)
if #over > 0 then
  redis.call('ZREM', KEYS[1], unpack(over))
  redis.call('ZREM', KEYS[2], unpack(over))
end`
  }
} as const

type Reply = Promise<number>

/** What it found is told by a swap of a line alone. */
export type Swapping = Promise<[outcome: number, found: string | null, timeMs: number]>

/** What the scripts are as commands of the client. */
export interface Scripted {
  /** Gives back how many entries its folder has. */
  handstampPut (key: string, folder: string, member: string, value: string, expiresAt: number): Reply
  handstampReplace (key: string, folder: string, member: string, value: string, expiresAt: number, expected: string, deadlineMs: number): Swapping
  handstampReplaceLine (key: string, folder: string, member: string, line: string, expiresAt: number, expected: string, deadlineMs: number): Swapping
  /** Gives back how many entries were there: 1 or 0. */
  handstampRemove (key: string, folder: string, member: string): Reply
  handstampCount (counter: string, above: number): Reply
  handstampAnnounce (news: string, ends: string, counter: string, text: string, expiresAt: number): Reply
}
