import type { Environment } from '../env/environment.ts'
import { deviceName } from '../sessions/device.ts'
import type { State } from '../core.ts'
import { subjectOf } from '../identity.ts'
import type { Session } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { operate, table, timeOf, type Step } from './operate.ts'

export const sessionsUsage = 'handstamp sessions list [<sub>] | end <sub> | end --all'

/** Shows and ends sessions. A subject is the `sub` of a token: provider|subject. */
export const sessionsCommand = (env: Environment, words: string[]): Promise<number> => operate(env, sessionsUsage, stepOf(words))

function stepOf ([verb, subject, ...more]: string[]): Step | undefined {
  if (more.length > 0) return undefined
  if (verb === 'end' && subject === '--all') return endEveryone
  if (subject?.startsWith('-')) return undefined
  if (verb === 'list') return async ({ sessions }) => sessionTable(subject === undefined ? await everySession(sessions) : await sessions.list(subject))
  return verb === 'end' && subject !== undefined ? state => endAll(state, subject) : undefined
}

async function endEveryone ({ sessions, tellServices }: State): Promise<string> {
  await sessions.endEveryone()
  await tellServices('all_sessions_ended', {})
  return 'every session has ended\n'
}

async function endAll ({ sessions, tellServices }: State, subject: string): Promise<string> {
  const ended = await sessions.endAll(subject)
  for (const sid of ended) await tellServices('session_ended', { sid })
  return `${ended.length} ${ended.length === 1 ? 'session has' : 'sessions have'} ended\n`
}

async function everySession (sessions: Sessions): Promise<Session[]> {
  const found: Session[] = []
  for await (const session of sessions.all()) found.push(session)
  return found
}

const sessionTable = (sessions: Session[]): string => table(['SUB', 'EMAIL', 'SESSION', 'DEVICE', 'CREATED', 'LAST USED', 'ENDS'],
  sessions.map(({ id, device, identity, startedAt, lastUsedAt, idleEndsAt }) =>
    [subjectOf(identity), identity.email, id, deviceName(device), timeOf(startedAt), timeOf(lastUsedAt), timeOf(idleEndsAt)]))
