import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomId } from './randomness.ts'
import type { SigningKey } from './signing-key.ts'

/** A file that this command wrote: an RFC 7638 thumbprint is the 43 characters of a SHA-256 digest. */
const fileOfAKey = /^[\w-]{43}\.pem$/

/**
 * Writes public keys into a folder, one a file, as `<kid>.pem`: HAProxy reads only the first key of a file. Everyone may
 * read them, and a reader never sees half a file.
 * @returns the paths, in the order of the keys
 */
export function writePems (folder: string, keys: SigningKey[]): string[] {
  // Our umask keeps what we write to ourselves, and a gateway runs as another user.
  if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o755)
  return keys.map(({ kid, publicPem }) => {
    const path = join(folder, `${kid}.pem`)
    const draft = `${path}.${randomId(6)}`
    writeFileSync(draft, publicPem, { flag: 'wx' })
    chmodSync(draft, 0o644)
    renameSync(draft, path)
    return path
  })
}

/** Removes the files of keys that left the ring, so that nothing goes on trusting a revoked key. @returns the paths */
export function removeOtherPems (folder: string, keys: SigningKey[]): string[] {
  const kept = new Set(keys.map(({ kid }) => `${kid}.pem`))
  const gone = readdirSync(folder).filter(name => fileOfAKey.test(name) && !kept.has(name)).map(name => join(folder, name))
  for (const path of gone) rmSync(path)
  return gone
}
