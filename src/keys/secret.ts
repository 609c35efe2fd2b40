import { chmodSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from '../stores/store.ts'
import { randomId } from './randomness.ts'

const placeIn = (folder: string): string => join(folder, 'secret')

function readSecret (folder: string): string | undefined {
  try {
    return readFileSync(placeIn(folder), 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

/** The secret that a service keeps in the data folder, for a command beside it. @throws StoreError where it has another place */
export function foundSecret (folder: string): string {
  const secret = readSecret(folder)
  if (secret === undefined) throw new StoreError(`no secret is kept in ${folder}: set SECRET as the service has it`)
  return secret
}

/** The secret kept in the data folder, made on the first start (0600). */
export function keptSecret (folder: string): string {
  const kept = readSecret(folder)
  if (kept !== undefined) return kept
  const path = placeIn(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomId(6)}`
  writeFileSync(draft, `${randomId(32)}\n`, { mode: 0o600, flag: 'wx' })
  chmodSync(draft, 0o600)
  try {
    linkSync(draft, path) // of several processes that start at once, one wins and all read the same
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(draft)
  }
  return readFileSync(path, 'utf8').trim()
}
