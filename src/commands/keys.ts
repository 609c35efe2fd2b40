import type { Environment } from '../config/environment.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { operate, table, timeOf, UsageError, type Step } from './operate.ts'

export const keysUsage = 'handstamp keys list | rotate [--force] | revoke <kid> | export --pem [<kid>]'

/** Shows and changes the keys that sign. */
export const keysCommand = (env: Environment, words: string[]): Promise<number> => operate(env, keysUsage, stepOf(words))

function stepOf ([verb, first, ...more]: string[]): Step | undefined {
  if (verb === 'export' && first === '--pem' && more.length <= 1) return ({ keys }) => publicPems(keys, more[0])
  if (more.length > 0) return undefined
  if (verb === 'list' && first === undefined) return ({ keys }) => keyTable(keys)
  if (verb === 'rotate' && (first === undefined || first === '--force')) return changing(keys => keys.rotate(first === '--force'))
  return verb === 'revoke' && first !== undefined ? changing(keys => keys.revoke(first)) : undefined
}

const changing = (change: (keys: KeyRing) => Promise<void>): Step => async ({ keys }) => {
  await change(keys)
  return keyTable(keys)
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
