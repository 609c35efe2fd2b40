import type { Environment } from '../env/environment.ts'
import { KeyRingError } from '../keys/key-record.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { removeOtherPems, writePems } from '../keys/pem-files.ts'
import type { SigningKey } from '../keys/signing-key.ts'
import { operate, table, timeOf, UsageError, type Step } from './operate.ts'

export const keysUsage = 'handstamp keys list | rotate [--force] | revoke [--keep-next] <kid> | export --pem [--dir <folder>] [<kid>]'

const keysHelp = `usage: ${keysUsage}

  list                  the keys that are published, and where each stands
  rotate                the next key signs from now on, and another one is published;
                        refused within 24 hours of the next key's publication, unless --force
  revoke <kid>          drops a key at once: its tokens are refused. A key that no verifier has
                        seen signs from now on, and the published next key is replaced too:
                        verifiers that fetch the keys only for an unknown kid let go of the
                        revoked one. With --keep-next no new key signs: the next key does if
                        the current one was revoked
  export --pem          the public keys on stdout, each below a line that names it; with a <kid>
                        that one alone. With --dir, one key a file, <kid>.pem, for HAProxy and
                        others that read the first key of a file alone; files of keys that are
                        no longer published are removed
`

/** Shows and changes the keys that sign. */
export async function keysCommand (env: Environment, words: string[]): Promise<number> {
  if (words.length === 1 && words[0] === '--help') {
    process.stdout.write(keysHelp)
    return 0
  }
  return operate(env, keysUsage, stepOf(words))
}

function stepOf ([verb, ...words]: string[]): Step | undefined {
  const { flags, rest: [kid, ...more] } = parsed(words)
  const has = (...allowed: string[]) => more.length === 0 && [...flags.keys()].every(flag => allowed.includes(flag))
  if (verb === 'list' && kid === undefined && has()) return ({ keys }) => keyTable(keys)
  if (verb === 'rotate' && kid === undefined && has('--force')) return changing(keys => keys.rotate(flags.has('--force')))
  if (verb === 'revoke' && kid !== undefined && has('--keep-next')) return changing(keys => keys.revoke(kid, flags.has('--keep-next')))
  const folder = flags.get('--dir')
  if (verb === 'export' && flags.has('--pem') && has('--pem', '--dir') && folder !== '') return ({ keys }) => exported(keys, kid, folder)
  return undefined
}

/** One kid in 4,096 begins like a flag. */
const isKid = (word: string): boolean => /^[\w-]{43}$/.test(word)

/** Flags may stand anywhere; `--dir <folder>` and `--dir=<folder>` are the same. Other flags have no value. */
function parsed (words: string[]): { flags: Map<string, string>, rest: string[] } {
  const flags = new Map<string, string>()
  const rest: string[] = []
  const left = [...words]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (isKid(word) || !word.startsWith('--')) rest.push(word)
    else if (word === '--dir') flags.set('--dir', left.shift() ?? '')
    else if (word.startsWith('--dir=')) flags.set('--dir', word.slice('--dir='.length))
    else flags.set(word, '')
  }
  return { flags, rest }
}

const changing = (change: (keys: KeyRing) => Promise<void>): Step => async ({ keys }) => {
  await change(keys)
  return keyTable(keys)
}

const keyTable = (keys: KeyRing): string => table(['STATE', 'KID', 'ALG', 'PUBLISHED', 'SIGNS FROM', 'SIGNED UNTIL'],
  keys.all.map(({ state, kid, alg, publishedAt, signsFrom, signedUntil }) => [state, kid, alg, timeOf(publishedAt), timeOf(signsFrom), timeOf(signedUntil)]))

/** Public keys for what reads no JWKS: HAProxy, Kong. One by its kid, or all. */
function exported (keys: KeyRing, kid: string | undefined, folder: string | undefined): string {
  const key = kid === undefined ? undefined : keys.find(kid)
  if (kid !== undefined && !key) throw new UsageError(`no key ${kid} is in the ring`)
  if (folder !== undefined) return exportedTo(folder, key ? [key] : keys.all, key === undefined)
  if (key) return key.publicPem
  return keys.all.map(({ state, kid, alg, publicPem }) => `# ${kid} ${alg} ${state}\n${publicPem}`).join('')
}

function exportedTo (folder: string, keys: SigningKey[], areAll: boolean): string {
  try {
    const written = writePems(folder, keys).map(path => `${path}\n`)
    return [...written, ...(areAll ? removeOtherPems(folder, keys) : []).map(path => `removed ${path}\n`)].join('')
  } catch (error) {
    throw new KeyRingError(`the folder ${folder} cannot be written: ${(error as Error).message}`)
  }
}
