import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** What file systems without hard links answer: exFAT, network shares, FUSE. */
const withoutLinks = new Set(['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'EXDEV'])
const tries = 100
const pauseMs = 50

/** Where a file is made that is to appear at the path whole or not at all. */
export const draftOf = (path: string): string => `${path}.${randomUUID()}`

/**
 * Gives a draft its place, unless another process was faster: of several that start at once one wins, and none ever sees half
 * of a file. The draft may be left, for the caller to remove.
 * @throws Error of the file system
 */
export function place (draft: string, path: string): void {
  try {
    linkSync(draft, path)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (withoutLinks.has(code)) placeByName(draft, path)
    // A process that found the place taken may have removed our draft.
    else if (code !== 'EEXIST' && !(code === 'ENOENT' && existsSync(path))) throw error
  }
}

/** A folder can be made once alone; only the process that made it renames, which would take the place of what is there. */
function placeByName (draft: string, path: string): void {
  const turn = `${path}.turn`
  for (let attempt = 0; attempt < tries && !existsSync(path); attempt++) {
    try {
      mkdirSync(turn)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
      continue
    }
    try {
      if (!existsSync(path)) renameSync(draft, path)
    } finally {
      rmdirSync(turn)
    }
  }
  if (!existsSync(path)) throw new Error(`another process began to make ${path} and did not finish: remove the folder ${turn} if none is starting`)
}

/** Removes what processes that were killed left while they made the file. What has its place needs no drafts. */
export function removeDrafts (path: string): void {
  if (!existsSync(path)) return
  const start = `${basename(path)}.`
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(start) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-lock)?$/.test(name.slice(start.length))) {
      rmSync(join(dirname(path), name), { force: true })
    }
  }
}
