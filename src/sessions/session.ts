import type { TokenSettings } from '../tokens/access-tokens.ts'
import type { Store } from '../stores/store.ts'
import type { AdmittedIdentity } from '../identity.ts'
import type { Revocations } from '../tokens/revocations.ts'
import type { SessionRecord } from './record.ts'
import { epochSeconds, type Clock } from '../clock.ts'

/** One login on one browser or device: a family of refresh tokens. Times are epoch seconds. */
export interface Session {
  id: string
  startedAt: number
  /** When its current refresh token was issued. */
  lastUsedAt: number
  /** Its absolute end, which no refresh moves. */
  endsAt: number
  /** When it ends if it is not refreshed. */
  idleEndsAt: number
  /** Browser and system (sessions/device.ts). */
  device: number
  identity: AdmittedIdentity
  statusIndex?: number
}

/** A session with the refresh token that goes on with it. */
export interface RefreshedSession extends Session {
  refreshToken: string
  /** The token that was presented had been used, longer ago than tabs race: its answer was lost, or the token was copied. */
  repeated?: boolean
}

export interface SessionSettings extends Pick<TokenSettings, 'token'> {
  sessionIdleSeconds: number
  sessionMaxSeconds: number
  sessionsPerPerson: number
}

/** What says how long sessions last, and which have ended. */
export interface SessionTerms {
  store: Store
  revocations: Revocations
  config: SessionSettings
  clock: Clock
}

export function sessionOf (id: string, record: SessionRecord, { config }: SessionTerms): Session {
  const { startedAt, rotatedAt, device, identity, statusIndex } = record
  return {
    id,
    startedAt,
    lastUsedAt: Math.floor(rotatedAt),
    endsAt: startedAt + config.sessionMaxSeconds,
    idleEndsAt: expiryOf(record, config),
    device,
    identity,
    ...(statusIndex !== undefined && { statusIndex })
  }
}

/** Not `{ ...session, refreshToken }`: in Node 20 such an object gets a shape of its own, and marking them all holds up every request. */
export const withToken = (session: Session, refreshToken: string): RefreshedSession => Object.assign(session, { refreshToken })

/** The earlier of the idle and the absolute end. */
export function expiryOf ({ startedAt, rotatedAt }: Pick<SessionRecord, 'startedAt' | 'rotatedAt'>, config: SessionTerms['config']): number {
  return Math.min(Math.floor(rotatedAt) + config.sessionIdleSeconds, startedAt + config.sessionMaxSeconds)
}

export const isOver = (id: string, record: SessionRecord, { revocations, config, clock }: SessionTerms): boolean =>
  expiryOf(record, config) <= epochSeconds(clock) || revocations.has({ sid: id, auth_time: record.startedAt })

/**
 * Allocates an unused status-list index, above every index known to be revoked: after the store lost writes, its counter may
 * have moved back.
 */
export const newPlace = ({ store, revocations }: Pick<SessionTerms, 'store' | 'revocations'>): Promise<number> =>
  store.count('status', revocations.lastPlace)
