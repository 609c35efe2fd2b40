import { promises } from 'node:dns'
import { readFileSync } from 'node:fs'

/** What `askDirectly` reads instead of the machine's own settings. */
export interface DnsSettings {
  hostsFile?: string
  resolverFile?: string
  /** `address:port` */
  servers?: string[]
}

const tryMs = 500
/** How long the addresses of one family wait for those of the other (RFC 8305 section 3). */
const otherFamilyMs = 50

/**
 * The addresses of a name by the hosts file and by DNS, without a thread of the pool: the C library's look-up holds one for
 * as long as a name server does not answer, and cannot be stopped. Search domains count, as Kubernetes names services by them.
 * @throws Error as node:dns does
 */
export async function askDirectly (name: string, settings: DnsSettings, signal: AbortSignal): Promise<string[]> {
  const { hostsFile = '/etc/hosts', resolverFile = '/etc/resolv.conf', servers } = settings
  const listed = hostsIn(textOf(hostsFile)).get(name.toLowerCase())
  if (listed) return listed
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'] // RFC 6761 section 6.3
  // Made anew for each name: what the machine's resolver file says may have changed.
  const resolver = new promises.Resolver({ timeout: tryMs, tries: 2 })
  if (servers) resolver.setServers(servers)
  const stop = () => resolver.cancel()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await firstFound(resolver, candidates(name, textOf(resolverFile)))
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

async function firstFound (resolver: promises.Resolver, names: string[]): Promise<string[]> {
  let failure: unknown
  for (const name of names) {
    try {
      return await bothFamilies([resolver.resolve4(name), resolver.resolve6(name)])
    } catch (error) {
      if (!isUnknown(error)) throw error
      failure ??= error
    }
  }
  throw failure
}

/** Name servers exist that never answer questions for IPv6: whichever family is there first goes on alone after a moment. */
async function bothFamilies (asked: Array<Promise<string[]>>): Promise<string[]> {
  const found: string[][] = asked.map(() => [])
  const noted = asked.map(async (answer, family) => { found[family] = await answer })
  const all = Promise.allSettled(noted)
  try {
    await Promise.any(noted)
  } catch (error) {
    const { errors } = error as AggregateError // of Promise.any
    throw errors.find(error => !isUnknown(error)) ?? errors[0]
  }
  let timer: NodeJS.Timeout | undefined
  await Promise.race([all, new Promise(resolve => { timer = setTimeout(resolve, otherFamilyMs) })])
  clearTimeout(timer)
  return found.flat()
}

/** There is no such name, or it has no address of this family. */
const isUnknown = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes(String((error as { code?: unknown }).code))

/** resolv.conf(5): a name with few dots is tried below the search domains first, any other as it is. */
function candidates (name: string, settings: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  let [search, fewDots]: [string[], number] = [[], 1]
  for (const line of settings.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/)
    if (word === 'search' || word === 'domain') search = values
    if (word === 'options') for (const option of values) if (option.startsWith('ndots:')) fewDots = Number(option.slice(6)) || 0
  }
  const below = search.map(domain => `${name}.${domain.replace(/\.$/, '')}`)
  return name.split('.').length > fewDots ? [name, ...below] : [...below, name]
}

/** hosts(5) */
function hostsIn (text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    for (const name of names) hosts.set(name.toLowerCase(), [...hosts.get(name.toLowerCase()) ?? [], String(address)])
  }
  return hosts
}

function textOf (file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
