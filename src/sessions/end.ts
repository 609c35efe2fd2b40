import { setTimeout as wait } from 'node:timers/promises'
import { pagesOf, type Entry } from '../stores/store.ts'
import { subjectOf } from '../identity.ts'
import { subjectIdOf } from './refresh-tokens.ts'
import { revokedSeconds } from '../tokens/revocations.ts'
import type { SessionTerms } from './session.ts'
import { folderOf, recordOf, sessionIdOf, sessionsFolder, type SessionRecord } from './record.ts'
import { epochSeconds } from '../clock.ts'

const atOnce = 1_000

/** A session by what its end takes: its id, and its place in the status lists if it has one. */
type Ending = Pick<SessionRecord, 'statusIndex'> & { id: string }

/**
 * News of it stops its access tokens, and without its record there is no refresh. In this order, so that what fails
 * half way is found again: a record that is still there is refused for as long as it may live. Says whether it was there.
 * @throws StoreError
 */
export async function endSession ({ store, revocations, config, clock }: SessionTerms, subjectId: string, { id, statusIndex }: Ending): Promise<boolean> {
  const now = epochSeconds(clock)
  const ended = { id, until: now + revokedSeconds(config), ...(statusIndex !== undefined && { statusIndex }) }
  try {
    await revocations.revoke(ended)
    return await store.remove(folderOf(subjectId) + id)
  } catch (error) {
    await revocations.revoke({ ...ended, until: now + config.sessionMaxSeconds }).catch(() => {}) // it is told when the store is back
    throw error
  }
}

/** Whether a session lives by its record. */
type IsLive = (id: string, record: SessionRecord) => boolean

/**
 * Ends the sessions of a subject but some; gives back the ids of those that lived. Whatever is in the store counts: what
 * was ended half way before, and what a newer version wrote.
 * @throws StoreError
 */
export async function endSessions (options: SessionTerms, subject: string, except: string[], isLive: IsLive): Promise<string[]> {
  const ended: string[] = []
  for await (const page of pagesOf(options.store, folderOf(subjectIdOf(subject)), atOnce)) {
    const chosen = page.filter(([key]) => !except.includes(sessionIdOf(key)))
    const lived = await Promise.all(chosen.map(async entry => await endEntry(options, subject, entry, isLive) ? [sessionIdOf(entry[0])] : []))
    ended.push(...lived.flat())
  }
  return ended
}

/** Ends one session of a subject: whether it lived. @throws StoreError */
export async function endOne (options: SessionTerms, subject: string, id: string, isLive: IsLive): Promise<boolean> {
  const key = folderOf(subjectIdOf(subject)) + id
  const text = /^[\w-]{1,64}$/.test(id) ? await options.store.get(key) : undefined
  return text !== undefined && endEntry(options, subject, [key, text], isLive)
}

async function endEntry (options: SessionTerms, subject: string, [key, text]: Entry, isLive: IsLive): Promise<boolean> {
  const [id, record] = [sessionIdOf(key), recordOf(text)]
  if (record && subjectOf(record.identity) !== subject) return false
  const lived = !record || isLive(id, record)
  await endSession(options, subjectIdOf(subject), { id, ...(record?.statusIndex !== undefined && { statusIndex: record.statusIndex }) })
  return lived
}

/**
 * Ends everybody's sessions. One line of news stops all that began before this second; those that say they began later, by
 * a clock that was ahead, are ended one by one. Then the records go, so that nothing brings them back.
 * Who signs in while it runs may be signed out as well; who signs in afterwards stays.
 * @throws StoreError: it can be done again
 */
export async function endEveryone ({ store, revocations, config, clock }: SessionTerms): Promise<void> {
  const now = epochSeconds(clock)
  const [places, until] = [await store.count('status'), now + revokedSeconds(config)]
  const before = now + 1
  const ahead = new Set<string>()
  for await (const [key, text] of store.walk(sessionsFolder)) if (!((recordOf(text)?.startedAt ?? Infinity) < before)) ahead.add(key)
  await revocations.revokeEveryone(before, places, now + config.sessionMaxSeconds)
  // Sign-ins that were under way are in the store then, and later ones begin later: times have no smaller unit.
  await wait(1_000)

  let ending: Array<Promise<void>> = []
  for await (const [key, text] of store.walk(sessionsFolder)) {
    // A record of a newer version is ended as well, though it cannot be read.
    const { startedAt = Infinity, statusIndex } = recordOf(text) ?? {}
    const [isRefused, isListed] = [startedAt < before, statusIndex !== undefined && statusIndex <= places]
    if (!isRefused && !isListed && !ahead.has(key)) continue // it has begun since
    const end = async () => {
      const isUnheardOf = !isRefused || (statusIndex !== undefined && !isListed)
      if (isUnheardOf) await revocations.revoke({ id: sessionIdOf(key), until, ...(statusIndex !== undefined && { statusIndex }) })
      await store.remove(key)
    }
    if (ending.push(end()) < atOnce) continue
    await Promise.all(ending)
    ending = []
  }
  await Promise.all(ending)
}
