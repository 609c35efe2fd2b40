import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

/** A private key and its certificate, as node:https takes them. */
export interface Certified {
  key: string
  cert: string
  privateKey: KeyObject
  name: string
}

interface Wish {
  /** Host names and IPv4 addresses it is for. */
  hosts?: string[]
  /** Who signs; absent: it does so itself, as an authority. */
  by?: Certified
  /** Days from now that it is valid for; negative: over. */
  days?: number
  /** Of an authority. */
  name?: string
}

const day = 86_400_000

/** X.509 v3 (RFC 5280), P-256: as little of it as a test needs. */
export function certificate ({ hosts = [], by, days = 1, name = by ? 'Test host' : 'Test authority' }: Wish = {}): Certified {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const commonName = (text: string) => der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(text)))))
  const time = (ms: number) => der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14)}Z`))
  const ecdsaWithSha256 = der(0x30, oid('2a8648ce3d040302'))
  const authority = by === undefined
  const extension = (id: string, value: Buffer) => der(0x30, oid(id), der(0x04, value))
  const subjectNames = hosts.map(host => /^[\d.]+$/.test(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)))
  const extensions = [
    extension('551d13', authority ? der(0x30, der(0x01, Buffer.from([0xff]))) : der(0x30)), // basicConstraints
    ...(hosts.length > 0 ? [extension('551d11', der(0x30, ...subjectNames))] : []) // subjectAltName
  ]
  const body = der(0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName(by?.name ?? name),
    der(0x30, time(Date.now() + Math.min(days - 1, -1) * day), time(Date.now() + days * day)),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)))
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, by?.privateKey ?? privateKey))
  const base64 = der(0x30, body, ecdsaWithSha256, signature).toString('base64').replace(/.{64}(?!$)/g, '$&\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    privateKey,
    name
  }
}

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))

/** A tag, the length of what follows, and what follows (X.690). */
function der (tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
