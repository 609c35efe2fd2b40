import type { Environment } from '../config/environment.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { operate, table, timeOf, UsageError } from './operate.ts'

export const keysUsage = 'handstamp keys list | rotate [--force] | revoke <kid> | export --pem [<kid>]'

/** Shows and changes the keys that sign. */
export function keysCommand (env: Environment, [verb = '', ...args]: string[]): Promise<number> {
  return operate(env, async ({ keys }) => {
    const [first, ...more] = args
    if (verb === 'list' && first === undefined) return keyTable(keys)
    if (verb === 'rotate' && (first === undefined || first === '--force') && more.length === 0) {
      await keys.rotate(first === '--force')
      return keyTable(keys)
    }
    if (verb === 'revoke' && first !== undefined && more.length === 0) {
      await keys.revoke(first)
      return keyTable(keys)
    }
    if (verb === 'export' && first === '--pem' && more.length <= 1) return publicPems(keys, more[0])
    throw new UsageError(`usage: ${keysUsage}`)
  })
}

const keyTable = (keys: KeyRing): string => table(['STATE', 'KID', 'ALG', 'PUBLISHED', 'SIGNS FROM', 'SIGNED UNTIL'],
  keys.all.map(({ state, kid, alg, publishedAt, signsFrom, signedUntil }) => [state, kid, alg, timeOf(publishedAt), timeOf(signsFrom), timeOf(signedUntil)]))

/** Public keys for what reads no JWKS: HAProxy, Kong. One by its kid alone, or all, each under a line that names it. */
function publicPems (keys: KeyRing, kid: string | undefined): string {
  if (kid === undefined) return keys.all.map(({ state, kid, alg, publicPem }) => `# ${kid} ${alg} ${state}\n${publicPem}`).join('')
  const key = keys.find(kid)
  if (!key) throw new UsageError(`no key ${kid} is in the ring`)
  return key.publicPem
}
