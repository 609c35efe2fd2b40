import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { draftOf, place, removeDrafts } from '../stores/drafts.ts'
import { StoreError } from '../stores/store.ts'
import { randomId } from './randomness.ts'

/** Characters, as of SECRET. */
const shortest = 32

const placeIn = (folder: string): string => join(folder, 'secret')

function readSecret (folder: string): string | undefined {
  let secret: string
  try {
    secret = readFileSync(placeIn(folder), 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
  if (secret.length < shortest) throw new StoreError(`the secret in ${placeIn(folder)} is not whole: put back the file that you saved`)
  return secret
}

/** The secret that a service keeps in the data folder, for a command beside it. @throws StoreError where it has another place */
export function foundSecret (folder: string): string {
  const secret = readSecret(folder)
  if (secret === undefined) throw new StoreError(`no secret is kept in ${folder}: set SECRET as the service has it`)
  return secret
}

/** The secret kept in the data folder, made on the first start (0600). @throws StoreError for one that is not whole */
export function keptSecret (folder: string): string {
  const path = placeIn(folder)
  const secret = readSecret(folder) ?? madeSecret(folder, path)
  removeDrafts(path)
  return secret
}

function madeSecret (folder: string, path: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = draftOf(path)
  try {
    write(draft, `${randomId(32)}\n`)
    place(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
  return readFileSync(path, 'utf8').trim()
}

/** For us alone, whatever the process makes files with, and on disk: after a loss of power the file is whole or not there. */
function write (path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, text)
    keepToUs(file)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** A file system without modes has its own rules, and says so. */
function keepToUs (file: number): void {
  try {
    fchmodSync(file, 0o600)
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'ENOTSUP'].includes(String((error as NodeJS.ErrnoException).code))) throw error
  }
}
