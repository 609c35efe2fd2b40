import { setTimeout as wait } from 'node:timers/promises'
import { epochSeconds, type Clock, type Store } from '../stores/store.ts'
import { subjectOf } from './access-tokens.ts'
import { subjectIdOf } from './refresh-tokens.ts'
import { revokedSeconds, type Revocations } from './revocations.ts'
import { folderOf, sessionIdOf, sessionOf, sessionsFolder, type SessionRecord } from './session-record.ts'

export interface EndOptions {
  store: Store
  revocations: Revocations
  config: { token: { ttlSeconds: number }, sessionMaxSeconds: number }
  clock: Clock
}

/** A session by what its end takes: its id, and its place in the status lists if it has one. */
type Ending = Pick<SessionRecord, 'statusIndex'> & { id: string }

/**
 * News of it stops its access tokens, and without its record there is no refresh. In this order, so that what fails
 * half way is found again.
 * @throws StoreError
 */
export async function endSession ({ store, revocations, config, clock }: EndOptions, subjectId: string, { id, statusIndex }: Ending): Promise<void> {
  await revocations.revoke({ id, until: epochSeconds(clock) + revokedSeconds(config), ...(statusIndex !== undefined && { statusIndex }) })
  await store.remove(folderOf(subjectId) + id)
}

/**
 * Ends the chosen sessions of a subject; gives back the ids of those that lived. Whatever is in the store counts: what was
 * ended half way before, and what a newer version wrote.
 * @throws StoreError
 */
export async function endSessions (
  options: EndOptions, subject: string, chosen: (id: string) => boolean, isLive: (id: string, record: SessionRecord) => boolean
): Promise<string[]> {
  const subjectId = subjectIdOf(subject)
  const found = await options.store.list(folderOf(subjectId))
  const ended = await Promise.all(found.map(async ([key, text]) => {
    const [id, record] = [sessionIdOf(key), sessionOf(text)]
    if (!chosen(id) || (record && subjectOf(record.identity) !== subject)) return []
    const lived = !record || isLive(id, record)
    await endSession(options, subjectId, { id, ...(record?.statusIndex !== undefined && { statusIndex: record.statusIndex }) })
    return lived ? [id] : []
  }))
  return ended.flat()
}

/** The clocks of replicas differ by less: what seems to have begun later is ended by itself. */
const skewSeconds = 60
const atOnce = 1_000

/**
 * Ends everybody's sessions. One line of news stops all that began before a time: now, or what the sessions themselves say
 * if that is later, so that it does not matter whether our clock is right. Then the records go, so that nothing brings them back.
 * Who signs in while it runs may be signed out as well; who signs in afterwards stays.
 * @throws StoreError: it can be done again
 */
export async function endEveryone ({ store, revocations, config, clock }: EndOptions): Promise<void> {
  const now = epochSeconds(clock)
  const [places, latest, until] = [await store.count('status'), now + skewSeconds, now + revokedSeconds(config)]
  let before = Math.min(now, store.now()) + 1
  for await (const [, text] of store.walk(sessionsFolder)) {
    const startedAt = sessionOf(text)?.startedAt ?? 0
    if (startedAt <= latest) before = Math.max(before, startedAt + 1)
  }
  await revocations.revokeEveryone(before, places, now + config.sessionMaxSeconds)
  // Sign-ins that were under way are in the store then, and later ones begin later: times have no smaller unit.
  await wait(1_000)

  let ending: Array<Promise<void>> = []
  for await (const [key, text] of store.walk(sessionsFolder)) {
    // A record of a newer version is ended as well, though it cannot be read.
    const { startedAt = Infinity, statusIndex } = sessionOf(text) ?? {}
    const [hasBegunBefore, isListed] = [startedAt < before, (statusIndex ?? 0) <= places]
    const hasBegunSince = !hasBegunBefore && startedAt <= latest && (statusIndex === undefined || !isListed)
    if (hasBegunSince) continue
    const end = async () => {
      if (!hasBegunBefore || !isListed) await revocations.revoke({ id: sessionIdOf(key), until, ...(statusIndex !== undefined && { statusIndex }) })
      await store.remove(key)
    }
    if (ending.push(end()) < atOnce) continue
    await Promise.all(ending)
    ending = []
  }
  await Promise.all(ending)
}
