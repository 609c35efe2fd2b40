import { BlockList, isIP } from 'node:net'

type Network = readonly [address: string, prefix: number]

/** Where a connection may go: hosts the operator typed may be anywhere but the metadata service. */
export interface AddressRules {
  /** The host was typed by the operator, not learned from a discovery document. */
  typed: boolean
  /** PUBLIC_URL is loopback, so providers may be. */
  loopback: boolean
}

/** Addresses at which a cloud hands out credentials to its machines: never a provider. */
const metadata = blockList([
  ['169.254.0.0', 16],
  ['100.100.100.200', 32], // Alibaba Cloud
  ['168.63.129.16', 32], // Azure's WireServer
  ['192.0.0.192', 32], // Oracle Cloud
  ['2002:a9fe::', 32], // 169.254/16 as 6to4 (RFC 3056)
  ['fd00:42::42', 128], // Scaleway
  ['fd00:ec2::254', 128], // AWS
  ['fd20:ce::254', 128], // Google Cloud
  ['fe80::a9fe:a9fe', 128] // OpenStack
])

const loopback = blockList([['127.0.0.0', 8], ['::1', 128]])

/** What the special-purpose registries of IANA (RFC 6890) keep from the internet, and what routers of old still carry. */
const inside = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96], // IPv4-compatible
  ['::ffff:0:0:0', 96], // IPv4-translated
  ['64:ff9b:1::', 48], // a network's own translation to IPv4
  ['100::', 64],
  ['100:0:0:1::', 64],
  ['2001::', 23], // Teredo, benchmarking, ORCHID
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8]
])

/**
 * Judges the address that is really connected to, after DNS. An IPv4 address inside an IPv6 address counts as itself:
 * a network without IPv4 reaches every IPv4 host below 64:ff9b::/96 (RFC 6052).
 */
export function addressAllowed (address: string, rules: AddressRules): boolean {
  const [plain = ''] = address.split('%') // a link-local address may name its interface
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4'
  // BlockList compares IPv4-mapped IPv6 addresses with the IPv4 rules.
  if (metadata.check(plain, family)) return false
  if (loopback.check(plain, family)) return rules.typed || rules.loopback
  return rules.typed || !inside.check(plain, family)
}

/** The list, with its IPv4 networks also in the forms that IPv6 has for them. */
function blockList (networks: Network[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of networks) {
    if (isIP(address) === 6) {
      list.addSubnet(address, prefix, 'ipv6')
      continue
    }
    list.addSubnet(address, prefix, 'ipv4')
    for (const before of ['64:ff9b::', '::', '::ffff:0:']) list.addSubnet(before + address, 96 + prefix, 'ipv6')
  }
  return list
}

/** A connection was refused before it was made: no address of the host may be called. */
export class AddressRefused extends Error {
  readonly code = 'EADDRREFUSED'
}
