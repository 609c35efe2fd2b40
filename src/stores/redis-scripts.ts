/** Steps that Redis takes as one. KEYS: the entry, then its folder's index. `expiresAt` 0 is for ever. */

/** Lets a folder's index forget what is over, and end with the last of its members. */
const tidy = `
local function tidy (folder, now)
  redis.call('ZREMRANGEBYSCORE', folder, '-inf', now)
  local last = redis.call('ZRANGE', folder, -1, -1, 'WITHSCORES')
  if last[2] == 'inf' then redis.call('PERSIST', folder)
  elseif last[2] then redis.call('EXPIREAT', folder, last[2]) end
end`

/**
 * Most sets move the end of an entry a little further, and may leave its index alone: that says a sixteenth of the
 * entry's life more than it has.
 */
const set = `${tidy}
local function set (key, folder, member, value, expiresAt, now)
  local score = '+inf'
  if expiresAt == 0 then redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'EXAT', expiresAt)
    score = expiresAt + math.floor((expiresAt - now) / 16)
    local known = tonumber(redis.call('ZSCORE', folder, member) or 0)
    if known >= expiresAt and known <= score then return end
  end
  redis.call('ZADD', folder, score, member)
  tidy(folder, now)
end`

/** A swap that comes too late answers -1, and nothing is done (see swapWithinMs). */
const late = `
local function late (deadline)
  local time = redis.call('TIME')
  return time[1] * 1000 + time[2] / 1000 > tonumber(deadline)
end`

export const scripts = {
  handstampPut: {
    keys: 2,
    lua: `${set}
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])`
  },
  handstampReplace: {
    keys: 2,
    lua: `${set}${late}
if redis.call('GET', KEYS[1]) ~= ARGV[5] then return 0 end
if late(ARGV[6]) then return -1 end
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])
return 1`
  },
  handstampReplaceLine: {
    keys: 2,
    lua: `${set}${late}
local found = redis.call('GET', KEYS[1])
if not found or string.sub(found, 1, #ARGV[5]) ~= ARGV[5] then return {0, found} end
if late(ARGV[6]) then return {-1, found} end
local rest = string.find(found, '\\n', 1, true) or #found + 1
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2] .. string.sub(found, rest), tonumber(ARGV[3]), ARGV[4])
return {1, found}`
  },
  handstampRemove: {
    keys: 2,
    lua: `${tidy}
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
tidy(KEYS[2], ARGV[2])`
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
    lua: `
local number = redis.call('INCR', KEYS[3])
local member = number .. ':' .. ARGV[2] .. ':' .. ARGV[1]
redis.call('ZADD', KEYS[1], number, member)
redis.call('ZADD', KEYS[2], ARGV[2], member)
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'LIMIT', 0, 100)
if #over > 0 then
  redis.call('ZREM', KEYS[1], unpack(over))
  redis.call('ZREM', KEYS[2], unpack(over))
end`
  }
} as const

type Reply = Promise<number>

/** What the scripts are as commands of the client. */
export interface Scripted {
  handstampPut (key: string, folder: string, member: string, value: string, expiresAt: number, now: number): Reply
  handstampReplace (key: string, folder: string, member: string, value: string, expiresAt: number, now: number, expected: string, deadlineMs: number): Reply
  handstampReplaceLine (
    key: string, folder: string, member: string, line: string, expiresAt: number, now: number, expected: string, deadlineMs: number
  ): Promise<[outcome: number, found: string | null]>
  handstampRemove (key: string, folder: string, member: string, now: number): Reply
  handstampCount (counter: string, above: number): Reply
  handstampAnnounce (news: string, ends: string, counter: string, text: string, expiresAt: number, now: number): Reply
}
