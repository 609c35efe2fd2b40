import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { draftOf } from '../drafts.ts'

/** What a file is like from outside, and its last transaction. Whatever is done to it changes one of them. */
function likeness (path: string, transaction: bigint): string {
  const { ino, size, ctimeNs } = statSync(path, { bigint: true })
  return `handstamp 1 ${transaction} ${ino} ${size} ${ctimeNs}\n`
}

const markOf = (path: string): string => `${path}.closed`

/** Notes that no damage of a file was known when it was closed. Where that cannot be written, the next start reads all of the file. */
export function markClosed (path: string, transaction: bigint): void {
  const draft = draftOf(path)
  try {
    writeFileSync(draft, likeness(path, transaction), { mode: 0o600 })
    renameSync(draft, markOf(path))
  } catch {
    rmSync(draft, { force: true })
  }
}

/** Whether a file is as it was when it was closed. */
export function isAsClosed (path: string, transaction: bigint): boolean {
  try {
    return readFileSync(markOf(path), 'utf8') === likeness(path, transaction)
  } catch {
    return false
  }
}

/** The next start reads all of the file, and refuses it. */
export const unmark = (path: string): void => rmSync(markOf(path), { force: true })
