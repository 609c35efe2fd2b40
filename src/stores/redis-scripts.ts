/** Steps that Redis takes as one. KEYS: the entry, then its folder's index. `expiresAt` 0 is for ever. */

/** Sets the entry, and lets the folder's index end with the last of its members. */
const set = `
local function set (key, folder, member, value, expiresAt, now)
  if expiresAt == 0 then redis.call('SET', key, value)
  else redis.call('SET', key, value, 'EXAT', expiresAt) end
  redis.call('ZREMRANGEBYSCORE', folder, '-inf', now)
  redis.call('ZADD', folder, expiresAt == 0 and '+inf' or expiresAt, member)
  local last = redis.call('ZRANGE', folder, -1, -1, 'WITHSCORES')
  if last[2] == 'inf' then redis.call('PERSIST', folder)
  elseif last[2] then redis.call('EXPIREAT', folder, last[2]) end
end`

export const scripts = {
  handstampPut: {
    keys: 2,
    lua: `${set}
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])`
  },
  // -1: too late, and nothing was done (see swapWithinMs).
  handstampReplace: {
    keys: 2,
    lua: `${set}
if redis.call('GET', KEYS[1]) ~= ARGV[5] then return 0 end
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[6]) then return -1 end
set(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])
return 1`
  },
  handstampRemove: {
    keys: 2,
    lua: `
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])`
  },
  // News are numbered by one counter; a second sorted set by their ends keeps both short.
  handstampAnnounce: {
    keys: 3,
    lua: `
local number = redis.call('INCR', KEYS[3])
local member = number .. ':' .. ARGV[1]
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
  handstampRemove (key: string, folder: string, member: string): Reply
  handstampAnnounce (news: string, ends: string, counter: string, text: string, expiresAt: number, now: number): Reply
}
