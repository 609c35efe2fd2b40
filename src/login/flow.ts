import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import { randomId } from '../keys/randomness.ts'
import { sameSecret } from '../keys/same-secret.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import type { Kept } from '../providers/provider.ts'
import { epochSeconds, type Clock } from '../clock.ts'
import { cookieName, cookieWriter, type SerializeCookie } from '../sessions/cookies.ts'
import { readCookie, sentCookies } from '../sessions/sent-cookies.ts'

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
  /** It has ended: what is left says so to a browser that comes back with it, and holds nothing else. */
  over?: true
}

export const flowSeconds = 600
/** Longer than the flow: a browser that comes back too late still says where it was going. */
export const flowCookieSeconds = 3_600
const maxFlows = 8
/** Of all flow cookies together: with a session's cookies they make a line that small proxies let through. */
const maxBytes = 4_096
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

  /** Sets the cookie of a new flow. Of more than are kept in a browser, those that have ended go, and then the oldest. */
  keep (request: FastifyRequest, reply: FastifyReply, flow: Omit<Flow, 'startedAt'>): void {
    const [name, value] = this.#cookieOf({ startedAt: epochSeconds(this.#clock), ...flow })
    for (const other of this.#surplus(request, maxBytes - bytesOf(name, value))) this.#writer.clear(reply, other)
    this.#writer.set(reply, name, value, flowCookieSeconds)
  }

  /** The flows of this browser that have no room beside a new one. */
  #surplus (request: FastifyRequest, room: number): string[] {
    const sizes = new Map([...sentCookies(request)].filter(([name]) => this.#names(name)).map(([name, values]) => [name, bytesOf(name, ...values)]))
    const fitting = (names: string[]): number => {
      let left = room
      const end = names.findIndex((name, index) => index + 1 >= maxFlows || (left -= Number(sizes.get(name))) < 0)
      return end < 0 ? names.length : end
    }
    const newestFirst = [...sizes.keys()].sort().reverse()
    if (fitting(newestFirst) === newestFirst.length) return []
    const newest = newestFirst.slice(0, maxFlows + maxCleared)
    const live = newest.filter(name => this.#isLive(request, name))
    const ordered = [...live, ...newest.filter(name => !live.includes(name))]
    return ordered.slice(fitting(ordered)).slice(-maxCleared)
  }

  /** The flow that this browser started and this state belongs to, or the refusal: flow_not_found, flow_mismatch. */
  find (request: FastifyRequest, provider: string, state: string): Flow | AuthError {
    const flow = this.peek(request, state)
    if (!flow) return new AuthError('flow_not_found')
    return sameSecret(flow.state, state) && flow.provider === provider ? flow : new AuthError('flow_mismatch')
  }

  isOver (flow: Flow): boolean {
    return epochSeconds(this.#clock) - flow.startedAt > flowSeconds
  }

  /** What the cookie of this state holds, unjudged. */
  peek (request: FastifyRequest, state: string): Flow | undefined {
    return /^[\w-]+$/.test(state) ? this.#read(request, this.#prefix + flowId(state)) : undefined
  }

  /**
   * The flow has ended. A reminder stays as long as its cookie would, so that a browser's back button and retries are told
   * apart from a stranger; none, if its line would be longer than `room`.
   */
  end (reply: FastifyReply, { provider, state, startedAt }: Flow, room = Infinity): void {
    const secondsLeft = startedAt + flowCookieSeconds - epochSeconds(this.#clock)
    const [name, value] = this.#cookieOf({ provider, state, nonce: '', kept: {}, startedAt, over: true })
    if (this.#writer.lineBytes(name, value) > room) this.#writer.clear(reply, name)
    else this.#writer.set(reply, name, value, Math.max(1, secondsLeft))
  }

  /** Whether a cookie is called as flows are: other letters and lengths could not be written into a Set-Cookie. */
  #names (name: string): boolean {
    return name.startsWith(this.#prefix) && /^[\w-]{1,64}$/.test(name)
  }

  #isLive (request: FastifyRequest, name: string): boolean {
    const flow = this.#read(request, name)
    return flow !== undefined && !flow.over
  }

  #read (request: FastifyRequest, name: string): Flow | undefined {
    const sealed = readCookie(request, name)
    const text = sealed && this.#box.open(sealed, name)
    return text ? JSON.parse(text) as Flow : undefined
  }

  #cookieOf (flow: Flow): [name: string, value: string] {
    const name = this.#prefix + flowId(flow.state)
    return [name, this.#box.seal(JSON.stringify(flow), name)]
  }
}

/** What a cookie takes in a `Cookie` header. */
const bytesOf = (name: string, ...values: string[]): number =>
  values.reduce((sum, value) => sum + name.length + value.length + '=; '.length, 0)
