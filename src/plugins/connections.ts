import type { Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { requestLimits } from './request-limits.ts'

/** A proxy that was told "not ready" this often has taken the service out: HAProxy's default is three. */
const toldOften = 3
/** A load balancer that asked for readiness within this time before the stop is waited for. */
const asksWithinMs = 30_000
/** Without a new connection for so long, no proxy sends any more. */
const quietMs = 1_000
const lookEveryMs = 20

/** How long idle connections live, and how a request that is too slow is cut. */
export const serverOptions = (keepAliveSeconds: number) => ({
  keepAliveTimeout: keepAliveSeconds * 1000,
  requestTimeout: requestLimits.requestMs,
  headersTimeout: requestLimits.headersMs,
  maxHeaderSize: requestLimits.headerBytes,
  connectionsCheckingInterval: 1_000 // Node looks every thirty seconds, and only then are those too slow cut
} satisfies ServerOptions)

/** A connection on which nothing moves for so long ends. */
export const connectionTimeoutMs = 30_000

/**
 * The connections of a service on all addresses it listens on, and how they end. A stop has two steps. Draining: readiness
 * is red, every request is served, and every answer says `Connection: close`, so that proxies let go of their
 * connections before we do: a proxy does not repeat a POST that it has sent on a connection that was just closed. Then
 * closing: no connection is accepted, and a request that still comes in is refused.
 */
export class Connections {
  readonly #servers: Server[] = []
  readonly #open = new Set<Socket>()
  #openedAt = -Infinity
  #askedAt = -Infinity
  #told = 0
  #isDraining = false
  #isClosing = false

  /** Answers tell the caller to use another connection. */
  get isStopping (): boolean {
    return this.#isDraining || this.#isClosing
  }

  /** Requests are refused. */
  get isClosing (): boolean {
    return this.#isClosing
  }

  /** Looks after the connections of a server. */
  watch (server: Server): void {
    this.#servers.push(server)
    server.on('connection', (socket: Socket) => {
      this.#openedAt = performance.now()
      this.#open.add(socket)
      socket.once('close', () => { this.#open.delete(socket) })
    })
  }

  /** A load balancer asks whether to send requests. */
  noteReadinessAsked (): void {
    this.#askedAt = performance.now()
    if (this.isStopping) this.#told++
  }

  /**
   * Serves on until no proxy sends any more, but not longer than `patienceMs`; then stops listening, and resolves once all
   * that was accepted is answered.
   */
  async drain (patienceMs: number): Promise<void> {
    const began = performance.now()
    const isAsked = this.#askedAt > began - asksWithinMs
    this.#isDraining = true
    while (performance.now() - began < patienceMs && !this.#isQuiet(isAsked)) await setTimeout(lookEveryMs)
    // Right after the event loop has accepted what was waiting: closing a listener resets the connections that wait there.
    await setImmediate()
    const closed = this.#servers.map(server => new Promise(resolve => server.close(resolve)))
    this.refuse()
    await Promise.all(closed)
  }

  /** From now on requests are refused. Connections that never brought one end: they would hold up the stop. */
  refuse (): void {
    this.#isClosing = true
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
  }

  #isQuiet (isAsked: boolean): boolean {
    return this.#open.size === 0 && performance.now() - this.#openedAt >= quietMs && (!isAsked || this.#told >= toldOften)
  }
}
