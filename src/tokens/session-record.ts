import type { AdmittedIdentity } from './access-tokens.ts'

/** One login on one browser or device, as the store keeps it. Times are epoch seconds. */
export interface SessionRecord {
  generation: number
  /** Of the refresh token family. */
  seed: string
  /** Of the refresh token of this generation. */
  tokenHash: string
  startedAt: number
  /** When this generation began: at the login, or at the last refresh. */
  rotatedAt: number
  device: string
  identity: AdmittedIdentity
  /** Its place in the status lists, where tokens have one. */
  statusIndex?: number
  /** What a later version wrote behind it. */
  rest: unknown[]
}

const version = 1

/** A row, as there may be millions. A later version adds members at the end, which this one keeps as they are. */
export function sessionText (record: SessionRecord): string {
  const { generation, seed, tokenHash, startedAt, rotatedAt, device, identity, statusIndex = 0, rest } = record
  const { provider, subject, email, domainVouched, name = '', picture = '', hd = '' } = identity
  const row: Row = [version, generation, seed, tokenHash, startedAt, rotatedAt - startedAt, device, provider, subject, email,
    domainVouched ? 1 : 0, name, picture, hd, statusIndex, ...rest]
  while (row.at(-1) === '' || row.at(-1) === 0) row.pop()
  return JSON.stringify(row)
}

type Row = [version: number, generation: number, seed: string, tokenHash: string, startedAt: number, age: number, device: string, provider: string,
  subject: string, email: string, vouched?: number, name?: string, picture?: string, hd?: string, statusIndex?: number, ...rest: unknown[]]

/** undefined for a version that this one cannot read. */
export function sessionOf (text: string): SessionRecord | undefined {
  const row = JSON.parse(text) as Row
  const [found, generation, seed, tokenHash, startedAt, age, device, provider, subject, email, vouched, name, picture, hd, statusIndex, ...rest] = row
  if (found !== version) return undefined
  return {
    generation,
    seed,
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
