import { StoreError } from '../store.ts'

/** Every command that the store or one of its scripts sends, with arguments that try it on a trial key. An ACL must allow all of them. */
const steps: Record<string, (key: string) => string[]> = {
  client: () => ['GETNAME'],
  del: key => [key],
  eval: () => ['return 1', '0'],
  evalsha: () => ['0'.repeat(40), '0'],
  expireat: key => [key, '1'],
  get: key => [key],
  incr: key => [key],
  info: () => [],
  mget: key => [key],
  persist: key => [key],
  ping: () => [],
  pttl: key => [key],
  scan: () => ['0'],
  select: () => ['0'],
  set: key => [key, '1', 'EX', '60'],
  time: () => [],
  type: key => [key],
  zadd: key => [`${key}/`, '1', 'one'],
  zcard: key => [`${key}/`],
  zrange: key => [`${key}/`, '0', '-1'],
  zrangebyscore: key => [`${key}/`, '0', '1'],
  zrem: key => [`${key}/`, 'one'],
  zremrangebyscore: key => [`${key}/`, '0', '1'],
  zscan: key => [`${key}/`, '0'],
  zscore: key => [`${key}/`, 'one']
}
export const commands = Object.keys(steps)

/**
 * A lasting refusal with the commands that are refused: within a script Redis does not name them.
 * @param call sends a command; rejects with StoreError
 */
export async function withNames (refusal: StoreError, call: (name: string, args: string[]) => Promise<unknown>): Promise<StoreError> {
  const names: string[] = []
  for (const [name, args] of Object.entries(steps)) {
    await call(name, args('handstamp:trial/command')).catch((error: unknown) => {
      if (error instanceof StoreError && error.lasting) names.push(name.toUpperCase())
    })
  }
  return names.length === 0 ? refusal : new StoreError(`${refusal.message} (refused: ${names.join(', ')})`, refusal.cause, true)
}
