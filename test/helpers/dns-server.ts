import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import type { Teardown } from './app.ts'

/** A name server: it answers for the names of its table, says NXDOMAIN for others, and nothing at all where told to be silent. */
export interface DnsServer {
  /** `address:port` */
  address: string
  /** Name -> addresses. */
  names: Record<string, string[]>
  /** Not to be answered: `name`, or `name AAAA` for that type alone. */
  silent: Set<string>
  /** `name A`, in the order they came. */
  questions: string[]
}

const types: Record<number, string> = { 1: 'A', 28: 'AAAA' }

/** RFC 1035, as little of it as a test needs. */
export async function dnsServer (t: Teardown, { port = 0, address = '127.0.0.1' } = {}): Promise<DnsServer> {
  const server: DnsServer = { address: '', names: {}, silent: new Set(), questions: [] }
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const { name, type, end } = questionOf(message)
    const asked = `${name} ${types[type] ?? type}`
    server.questions.push(asked)
    if (server.silent.has(name) || server.silent.has(asked)) return
    const known = server.names[name]
    const fitting = (known ?? []).filter(one => isIP(one) === (type === 28 ? 6 : 4) && type in types)
    const header = Buffer.from(message.subarray(0, 12))
    header.writeUInt16BE(known ? 0x8180 : 0x8183, 2)
    header.writeUInt16BE(fitting.length, 6)
    header.writeUInt32BE(0, 8) // neither authority nor additional records
    const answers = fitting.map(one => {
      const bytes = addressBytes(one)
      const fixed = Buffer.alloc(12)
      fixed.writeUInt16BE(0xc00c, 0) // the name of the question
      fixed.writeUInt16BE(type, 2)
      fixed.writeUInt16BE(1, 4)
      fixed.writeUInt32BE(1, 6)
      fixed.writeUInt16BE(bytes.length, 10)
      return Buffer.concat([fixed, bytes])
    })
    socket.send(Buffer.concat([header, message.subarray(12, end), ...answers]), port, address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
  server.address = `${address}:${socket.address().port}`
  t.teardown(() => socket.close())
  return server
}

function questionOf (message: Buffer): { name: string, type: number, end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at]; length; length = message[at]) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 }
}

function addressBytes (address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [before, after] = address.split('::').map(part => part === '' ? [] : part.split(':')) as [string[], string[]?]
  const groups = [...before, ...Array.from({ length: 8 - before.length - (after?.length ?? 0) }, () => '0'), ...after ?? []]
  return Buffer.from(groups.map(group => group.padStart(4, '0')).join(''), 'hex')
}
