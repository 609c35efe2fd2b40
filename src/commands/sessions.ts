import type { Environment } from '../config/environment.ts'
import { deviceName } from '../login/device.ts'
import { subjectOf } from '../tokens/access-tokens.ts'
import type { Session, Sessions } from '../tokens/sessions.ts'
import { operate, table, timeOf, UsageError } from './operate.ts'

export const sessionsUsage = 'handstamp sessions list [<sub>] | end <sub> | end --all'

/** Shows and ends sessions. A subject is the `sub` of a token: provider|subject. */
export function sessionsCommand (env: Environment, [verb = '', ...args]: string[]): Promise<number> {
  return operate(env, async ({ sessions, tellServices }) => {
    const [subject] = args
    if (args.length > 1 || (verb === 'list' && subject?.startsWith('-'))) throw new UsageError(`usage: ${sessionsUsage}`)
    if (verb === 'list') return sessionTable(subject === undefined ? await everySession(sessions) : await sessions.list(subject))
    if (verb === 'end' && subject === '--all') {
      await sessions.endEveryone()
      await tellServices('all_sessions_ended', {})
      return 'every session has ended\n'
    }
    if (verb === 'end' && subject !== undefined && !subject.startsWith('-')) {
      const ended = await sessions.endAll(subject)
      for (const sid of ended) await tellServices('session_ended', { sid })
      return `${ended.length} ${ended.length === 1 ? 'session has' : 'sessions have'} ended\n`
    }
    throw new UsageError(`usage: ${sessionsUsage}`)
  })
}

async function everySession (sessions: Sessions): Promise<Session[]> {
  const found: Session[] = []
  for await (const session of sessions.all()) found.push(session)
  return found
}

const sessionTable = (sessions: Session[]): string => table(['SUB', 'EMAIL', 'SESSION', 'DEVICE', 'CREATED', 'LAST USED', 'ENDS'],
  sessions.map(({ id, device, identity, startedAt, lastUsedAt, idleEndsAt }) =>
    [subjectOf(identity), identity.email, id, deviceName(device), timeOf(startedAt), timeOf(lastUsedAt), timeOf(idleEndsAt)]))
