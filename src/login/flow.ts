import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import { randomId } from '../keys/randomness.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import type { Kept } from '../providers/provider.ts'
import { epochSeconds, type Clock } from '../stores/store.ts'
import { cookieName, cookieWriter, type SerializeCookie } from './cookies.ts'
import { readCookie, sentCookies } from './sent-cookies.ts'

/** One login attempt. All of it lives sealed in a cookie of the browser that started it; we keep nothing. */
export interface Flow {
  provider: string
  state: string
  nonce: string
  /** What the provider wants to find again. */
  kept: Kept
  /** Checked and normalised; absent where the start named none. */
  returnTo?: string
  /** epoch seconds */
  startedAt: number
  /** It has ended: what is left says so to a browser that comes back with it, and holds no secret. */
  over?: true
}

export const flowSeconds = 600
const maxLive = 5
/** A start clears at most this many: a browser full of planted ones costs little, and is emptied by and by. */
const maxCleared = 8
const idLength = 16

/** The first characters of a state name its cookie; the rest, 168 bits, proves who has it. */
const flowId = (state: string): string => state.slice(0, idLength)

/** Seals flows into cookies and opens them again. */
export class Flows {
  readonly #box: SecretBox
  readonly #clock: Clock
  readonly #prefix: string
  readonly #writer: ReturnType<typeof cookieWriter>

  constructor (box: SecretBox, secure: boolean, serialize: SerializeCookie, clock: Clock) {
    this.#box = box
    this.#clock = clock
    this.#prefix = cookieName('flow-', secure)
    this.#writer = cookieWriter(serialize, secure)
  }

  /** Nine characters of time, so that the oldest of several can be told by name, then randomness. */
  newState (): string {
    return Math.floor(this.#clock()).toString(36).padStart(9, '0').slice(-9) + randomId(26)
  }

  newNonce (): string {
    return randomId(16)
  }

  /** Sets the cookie of a new flow; of more than five in this browser, those that are over go, and then the oldest. */
  keep (request: FastifyRequest, reply: FastifyReply, flow: Omit<Flow, 'startedAt'>): void {
    const others = [...sentCookies(request).keys()].filter(name => this.#names(name)).sort()
    const surplus = others.length - maxLive + 1
    if (surplus > 0) {
      const oldest = others.slice(0, maxLive + maxCleared)
      const over = oldest.filter(name => this.#read(request, name)?.over)
      const live = oldest.filter(name => !over.includes(name))
      for (const name of [...over, ...live].slice(0, Math.min(surplus, maxCleared))) this.#writer.clear(reply, name)
    }
    this.#set(reply, { startedAt: epochSeconds(this.#clock), ...flow }, flowSeconds)
  }

  /**
   * The flow that this browser started and this state belongs to.
   * @throws AuthError flow_not_found, flow_mismatch, flow_expired
   */
  open (request: FastifyRequest, provider: string, state: string): Flow {
    const flow = this.peek(request, state)
    if (!flow) throw new AuthError('flow_not_found')
    if (!sameText(flow.state, state) || flow.provider !== provider) throw new AuthError('flow_mismatch')
    return flow
  }

  isOver (flow: Flow): boolean {
    return epochSeconds(this.#clock) - flow.startedAt > flowSeconds
  }

  /** What the cookie of this state holds, unjudged. */
  peek (request: FastifyRequest, state: string): Flow | undefined {
    return /^[\w-]+$/.test(state) ? this.#read(request, this.#prefix + flowId(state)) : undefined
  }

  /** The flow has ended. A reminder stays for its time, so that a browser's back button and retries are told apart from a stranger. */
  end (reply: FastifyReply, flow: Flow): void {
    const secondsLeft = flow.startedAt + flowSeconds - epochSeconds(this.#clock)
    this.#set(reply, { ...flow, nonce: '', kept: {}, over: true }, Math.max(1, secondsLeft))
  }

  /** Whether a cookie is called as flows are: other letters and lengths could not be written into a Set-Cookie. */
  #names (name: string): boolean {
    return name.startsWith(this.#prefix) && /^[\w-]{1,64}$/.test(name)
  }

  #read (request: FastifyRequest, name: string): Flow | undefined {
    const sealed = readCookie(request, name)
    const text = sealed && this.#box.open(sealed, name)
    return text ? JSON.parse(text) as Flow : undefined
  }

  #set (reply: FastifyReply, flow: Flow, maxAge: number): void {
    const name = this.#prefix + flowId(flow.state)
    this.#writer.set(reply, name, this.#box.seal(JSON.stringify(flow), name), maxAge)
  }
}

const sameText = (one: string, other: string): boolean =>
  timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())
