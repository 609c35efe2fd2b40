import { once } from 'node:events'
import type { Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { requestLimits } from './request-limits.ts'

/** A proxy that was told "not ready" this often has taken the service out: HAProxy's default is three. */
const toldOften = 3
/** A load balancer that asked for readiness within this time before the stop is waited for. */
const asksWithinMs = 30_000
const lookEveryMs = 20
/**
 * So many looks in a row that saw no connection, and no proxy sends any more. Time would not do: it also passes while this
 * process waits for the CPU and connections wait for the process.
 */
const quietLooks = 50
/** Requests are held until so many looks saw no new connection, but not longer than a person notices. */
const stillLooks = 3
const maxHeldLooks = 15
const maxTurns = 1_000
const shortTurnMs = 1

/** How long idle connections live, how a request that is too slow is cut, and what Node leaves to us. */
export const serverOptions = (keepAliveSeconds: number) => ({
  keepAliveTimeout: keepAliveSeconds * 1000,
  requestTimeout: requestLimits.requestMs,
  headersTimeout: requestLimits.headersMs,
  maxHeaderSize: requestLimits.headerBytes,
  requireHostHeader: false, // http/well-formed.ts asks for it
  connectionsCheckingInterval: 1_000 // Node looks every thirty seconds, and only then are those too slow cut
} satisfies ServerOptions)

/** A connection on which nothing moves for so long ends. */
export const connectionTimeoutMs = 30_000

/**
 * How the connections of a service end, on all addresses it listens on. At first readiness is red, every request is served, and
 * every answer says `Connection: close`, so that proxies let go of their connections before we do: a proxy does not
 * repeat a POST that it has sent on a connection that was just closed. Then nothing is accepted any more, and what was
 * accepted is served to its end.
 */
export class Drain {
  readonly #servers: Server[] = []
  readonly #open = new Set<Socket>()
  #openedAt = -Infinity
  #came = false
  #askedAt = -Infinity
  #told = 0
  #isStopping = false
  #isRefusing = false
  #held: Promise<void> | undefined

  /** Answers tell the caller to use another connection. */
  get isStopping (): boolean {
    return this.#isStopping
  }

  /** Requests are refused: the service closes without a drain. */
  get isRefusing (): boolean {
    return this.#isRefusing
  }

  /** Requests wait for it, where it is there. */
  get held (): Promise<void> | undefined {
    return this.#held
  }

  /** Looks after the connections of a server. */
  watch (server: Server): void {
    this.#servers.push(server)
    server.on('connection', (socket: Socket) => {
      this.#openedAt = performance.now()
      this.#came = true
      this.#open.add(socket)
      socket.once('close', () => { this.#open.delete(socket) })
    })
  }

  /** A load balancer asks whether to send requests. */
  noteReadinessAsked (): void {
    this.#askedAt = performance.now()
    if (this.#isStopping) this.#told++
  }

  /**
   * Serves on until no proxy sends any more, but not longer than `patienceMs`; then stops listening, and resolves once all
   * that was accepted is answered.
   */
  async run (patienceMs: number): Promise<void> {
    const began = performance.now()
    const isAsked = this.#askedAt > began - asksWithinMs
    const enough = this.#openedAt > began - quietLooks * lookEveryMs ? quietLooks : 1
    this.#isStopping = true
    for (let quiet = 0; performance.now() - began < patienceMs; await setTimeout(lookEveryMs)) {
      quiet = this.#nothingCame() && this.#open.size === 0 ? quiet + 1 : 0
      if (quiet >= enough && (!isAsked || this.#told >= toldOften)) break
    }
    const closed = this.#servers.map(server => once(server, 'close'))
    await this.#stopListening()
    const done = new AbortController()
    const ending = this.#endSilent(done.signal)
    await Promise.all(closed)
    done.abort()
    await ending
  }

  /** From now on requests are refused. */
  refuse (): void {
    this.#isStopping = this.#isRefusing = true
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
  }

  /** Whether no connection was accepted since the last look. */
  #nothingCame (): boolean {
    const came = this.#came
    this.#came = false
    return !came
  }

  /**
   * Closing a listener resets the connections that the kernel has accepted for us, and Node takes one in each turn. So requests
   * are held for a moment, as callers that wait for an answer open no connection, and the listeners close in a turn in
   * which nothing arrived.
   */
  async #stopListening (): Promise<void> {
    this.#held = this.#closeInACalm()
    await this.#held
    this.#held = undefined
  }

  async #closeInACalm (): Promise<void> {
    for (let looks = 0, still = 0; looks < maxHeldLooks && still < stillLooks && this.#open.size > 0; looks++) {
      await setTimeout(lookEveryMs)
      still = this.#nothingCame() ? still + 1 : 0
    }
    for (let turn = 0, isCalm = false; turn < maxTurns && !isCalm; turn++) {
      const from = performance.now()
      await setImmediate()
      isCalm = this.#nothingCame() && performance.now() - from < shortTurnMs
    }
    for (const server of this.#servers) server.close()
  }

  /** Connections that never brought anything would hold up the stop: they end when the newest had its time to bring a request. */
  async #endSilent (signal: AbortSignal): Promise<void> {
    for (let looks = 0; looks < quietLooks && !signal.aborted; looks++) await setTimeout(lookEveryMs)
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
  }
}
