import type { AdmittedIdentity } from '../identity.ts'
import type { RefreshToken } from './refresh-tokens.ts'

/** One login on one browser or device, as the store keeps it. Times are epoch seconds. */
export interface SessionRecord {
  /** Of the refresh token that is good now, and its hash. */
  generation: number
  tokenHash: string
  /** When this generation began, at the login or at the last refresh, with thousandths: a grace is counted from it. */
  rotatedAt: number
  startedAt: number
  /** Browser and system (sessions/device.ts). */
  device: number
  identity: AdmittedIdentity
  /** Its place in the status lists, where tokens have one. */
  statusIndex?: number
  /** The provider's own tokens, sealed, where a membership is checked again. */
  grant?: string
  /** When a predecessor got its successor after its grace (Rotation), oldest first, with thousandths. */
  repeats?: number[]
  /** What a later version wrote behind it. */
  rest: unknown[]
}

/** Where sessions are in the store: `sessions/<subject id>/<session id>`. */
export const sessionsFolder = 'sessions/'
export const folderOf = (subjectId: string): string => `${sessionsFolder}${subjectId}/`
export const keyOf = ({ subjectId, sessionId }: Pick<RefreshToken, 'subjectId' | 'sessionId'>): string => folderOf(subjectId) + sessionId
export const sessionIdOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1)

type Generation = Pick<SessionRecord, 'generation' | 'tokenHash'>

const version = 1

/** The first versions wrote 1 here unless a provider denied that it speaks for the email's domain, and look for it. */
const undenied = 1

type Row = [startedAt: number, device: number, provider: string, subject: string, email: string, undenied?: number,
  name?: string, picture?: string, hd?: string, statusIndex?: number, grant?: string, repeats?: number[] | '',
  vouched?: number, ...rest: unknown[]]

/** What the first line starts with while this is the generation: a refresh swaps that line and leaves the other alone. */
export const lineStart = ({ generation, tokenHash }: Generation): string => `${version} ${generation} ${tokenHash} `

export const lineOf = (generation: Generation, rotatedAt: number): string => lineStart(generation) + String(rotatedAt)

/** Two short lines, as there may be millions. A later version adds members at the end, which this one keeps as they are. */
export function sessionText (record: SessionRecord): string {
  const { rotatedAt, startedAt, device, identity, statusIndex = 0, grant = '', repeats = '', rest } = record
  const { provider, subject, email, domainVouched, name = '', picture = '', hd = '' } = identity
  const vouched = domainVouched ? 1 : 0
  const row: Row = [startedAt, device, provider, subject, email, undenied, name, picture, hd, statusIndex, grant, repeats, vouched, ...rest]
  while (row.at(-1) === '' || row.at(-1) === 0) row.pop()
  return `${lineOf(record, rotatedAt)}\n${JSON.stringify(row)}`
}

/** undefined for what is no record of this version. */
export function recordOf (text: string): SessionRecord | undefined {
  const end = text.indexOf('\n')
  const [found, generation, tokenHash = '', rotatedAt] = text.slice(0, end).split(' ')
  if (Number(found) !== version) return undefined
  const [startedAt, device, provider, subject, email, , name, picture, hd, statusIndex, grant, repeats, vouched, ...rest] =
    JSON.parse(text.slice(end)) as Row
  // Member by member: to spread what may be missing would take longer than all the rest, at every refresh.
  const identity: AdmittedIdentity = { provider, subject, email, emailVerified: true, domainVouched: vouched === 1 }
  if (name) identity.name = name
  if (picture) identity.picture = picture
  if (hd) identity.hd = hd
  const record: SessionRecord = { generation: Number(generation), tokenHash, rotatedAt: Number(rotatedAt), startedAt, device, identity, rest }
  if (statusIndex) record.statusIndex = statusIndex
  if (grant) record.grant = grant
  if (repeats) record.repeats = repeats
  return record
}
