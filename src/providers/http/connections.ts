import http, { type AgentOptions, type ClientRequest } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { addressAllowed, AddressRefused, type AddressRules } from './addresses.ts'
import { dial, secured, type Deadline, type TlsMemory } from './dial.ts'
import { Names } from './names.ts'
import { proxyFor, tunnel, type Proxying } from './proxy.ts'

/** To connect, in all: looking the name up, TCP, a proxy, TLS. */
export const connectMs = 2_000
const idleMs = 20_000
/** What may not be sent twice takes only a connection that its server has hardly begun to think of closing. */
const youngMs = 5_000
/** Idle connections that a host keeps for so long; those beyond, which many logins at once leave, go sooner. */
const fewPerHost = 4
const mostPerHost = 32
const spareIdleMs = 2_000
const most = 256
const oneHost = 'the host'

/** What node:http and the libraries above it ask for connections. */
export interface Requester {
  protocol: string
  defaultPort: number
  keepAlive: true
  addRequest (request: ClientRequest, options: AgentOptions): void
}

export interface ConnectionsOptions {
  names?: Names
  /** Absent: hosts are called directly. */
  proxying?: Proxying | undefined
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number
}

/** All connections to providers. They are kept for the next call to the same host, as long as it is asked under the same rules. */
export class Connections {
  readonly #names: Names
  readonly #proxying: Proxying | undefined
  readonly #proxyMemory: TlsMemory = {}
  readonly #now: () => number
  readonly #agents = new Map<string, ProviderAgent>()

  constructor ({ names = new Names(), proxying, now = () => performance.now() }: ConnectionsOptions = {}) {
    this.#names = names
    this.#proxying = proxying
    this.#now = now
  }

  agentFor (url: string | URL, rules: AddressRules): ProviderAgent {
    const { protocol, host, hostname, port } = typeof url === 'string' ? new URL(url) : url
    const key = `${protocol}${host} ${rules.typed} ${rules.loopback}`
    let agent = this.#agents.get(key)
    if (!agent) {
      const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80), secure: protocol === 'https:' }
      agent = new ProviderAgent(target.secure, (memory, deadline) => this.#open(target, rules, memory, deadline), this.#now)
      for (const [old, oldest] of this.#agents) {
        if (this.#agents.size < most) break
        this.#agents.delete(old)
        oldest.dropIdle()
      }
      this.#agents.set(key, agent)
    }
    return agent
  }

  async #open ({ host, port, secure }: Target, rules: AddressRules, memory: TlsMemory, deadline: Deadline): Promise<Socket> {
    if (isIP(host) !== 0 && !addressAllowed(host, rules)) throw new AddressRefused(`${host} may not be called`)
    const proxy = proxyFor(host, port, this.#proxying)
    const socket = proxy
      ? await tunnel(host, port, proxy, this.#names, this.#proxyMemory, deadline)
      : await dial(host, port, rules, this.#names, deadline)
    return secure ? secured(socket, host, memory, deadline) : socket
  }

  close (): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }
}

interface Target {
  host: string
  port: number
  secure: boolean
}

type Open = (memory: TlsMemory, deadline: Deadline) => Promise<Socket>

/** The connections to one host. */
export class ProviderAgent extends http.Agent {
  readonly protocol: string
  readonly defaultPort: number
  /** For requests that may be sent once only. An object of functions survives being cloned, as libraries do with options. */
  readonly young: Requester
  readonly #open: Open
  readonly #now: () => number
  readonly #idle = new WeakMap<Duplex, { since: number, onData: () => void }>()
  readonly #memory: TlsMemory = {}

  constructor (secure: boolean, open: Open, now: () => number) {
    super({ keepAlive: true, maxFreeSockets: mostPerHost, timeout: idleMs })
    this.protocol = secure ? 'https:' : 'http:'
    this.defaultPort = secure ? 443 : 80
    this.#open = open
    this.#now = now
    this.young = {
      protocol: this.protocol,
      defaultPort: this.defaultPort,
      keepAlive: true,
      addRequest: (request, options) => {
        this.dropIdle(youngMs)
        ;(this as unknown as Requester).addRequest(request, options) // node:http calls it, and does not document it
      }
    }
  }

  /** Closes what has been idle for so long. The oldest stand first, and node:http passes over those that are destroyed there. */
  dropIdle (forMs = 0): void {
    for (const socket of this.freeSockets[oneHost] ?? []) {
      if (this.#now() - Number(this.#idle.get(socket)?.since) < forMs) return
      socket.destroy()
    }
  }

  /** All connections are alike, whatever the options of a request are. */
  override getName (): string {
    return oneHost
  }

  override createConnection (_options: object, callback: (error: Error | null, socket: Duplex) => void): undefined {
    let late: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT' })), connectMs)
    })
    this.#open(this.#memory, deadline).finally(() => clearTimeout(late))
      .then(socket => callback(null, socket), (error: Error) => callback(error, undefined as never))
  }

  override keepSocketAlive (socket: Duplex): void {
    let idle = this.#idle.get(socket)
    if (!idle) this.#idle.set(socket, idle = { since: 0, onData: () => { socket.destroy() } })
    idle.since = this.#now()
    socket.on('data', idle.onData) // whatever comes before the next request would be taken for its answer
    const kept = super.keepSocketAlive(socket) // false where the server will close it too soon
    if ((this.freeSockets[oneHost]?.length ?? 0) >= fewPerHost) (socket as Socket).setTimeout(spareIdleMs)
    return kept
  }

  override reuseSocket (socket: Duplex, request: ClientRequest): void {
    const idle = this.#idle.get(socket)
    if (idle) socket.removeListener('data', idle.onData)
    super.reuseSocket(socket, request)
  }
}
