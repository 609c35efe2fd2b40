import type { AdmittedIdentity } from './access-tokens.ts'

/** One login on one browser or device, as the store keeps it. Times are epoch seconds. */
export interface SessionRecord {
  /** Of the refresh token that is good now, and its hash. */
  generation: number
  tokenHash: string
  startedAt: number
  /** When this generation began: at the login, or at the last refresh. */
  rotatedAt: number
  /** Browser and system (login/device.ts). */
  device: number
  identity: AdmittedIdentity
  /** Its place in the status lists, where tokens have one. */
  statusIndex?: number
  /** What a later version wrote behind it. */
  rest: unknown[]
}

const version = 1

type Row = [version: number, generation: number, tokenHash: string, startedAt: number, age: number, device: number, provider: string,
  subject: string, email: string, vouched?: number, name?: string, picture?: string, hd?: string, statusIndex?: number, ...rest: unknown[]]

/** A row, as there may be millions. A later version adds members at the end, which this one keeps as they are. */
export function sessionText (record: SessionRecord): string {
  const { generation, tokenHash, startedAt, rotatedAt, device, identity, statusIndex = 0, rest } = record
  const { provider, subject, email, domainVouched, name = '', picture = '', hd = '' } = identity
  const row: Row = [version, generation, tokenHash, startedAt, rotatedAt - startedAt, device, provider, subject, email,
    domainVouched ? 1 : 0, name, picture, hd, statusIndex, ...rest]
  while (row.at(-1) === '' || row.at(-1) === 0) row.pop()
  return JSON.stringify(row)
}

/** undefined for a version that this one cannot read. */
export function sessionOf (text: string): SessionRecord | undefined {
  const row = JSON.parse(text) as Row
  const [found, generation, tokenHash, startedAt, age, device, provider, subject, email, vouched, name, picture, hd, statusIndex, ...rest] = row
  if (found !== version) return undefined
  return {
    generation,
    tokenHash,
    startedAt,
    rotatedAt: startedAt + age,
    device,
    identity: {
      provider,
      subject,
      email,
      emailVerified: true,
      domainVouched: vouched === 1,
      ...(name && { name }),
      ...(picture && { picture }),
      ...(hd && { hd })
    },
    ...(statusIndex && { statusIndex }),
    rest
  }
}
