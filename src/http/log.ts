import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { pino, type Logger } from 'pino'
import type { StateEvent } from '../core.ts'
import { clientAddress } from './client-address.ts'

export interface ErrorForLog {
  [fact: string]: unknown
  type: string
  message: string
  code?: unknown
  /** Where, without the message that a stack begins with. */
  stack: string
  cause?: ErrorForLog
}

/** An error without what it may carry: a parser's message quotes its input, a client's error its request and response. */
export function describeError (error: unknown): ErrorForLog {
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' }
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: quotesItsInput(error) ? '' : error.message,
    ...(code !== undefined && { code }),
    stack: (error.stack ?? '').split('\n').filter(line => line.startsWith('    at ')).slice(0, 8).join('\n'),
    ...(error.cause !== undefined && { cause: describeError(error.cause) })
  }
}

/** Messages that show a value: what a parser stumbled over, a text taken for an object, an address. Libraries pass them on. */
const quotesItsInput = (error: Error): boolean => error instanceof SyntaxError ||
  /is not (valid JSON|a valid url component)|^Cannot (use 'in' operator|create property|assign to read only property)/.test(error.message)

const flushMs = 100

/**
 * Written in the background, by the block or a tenth of a second after a line: a reader of our output that is slow or gone
 * must not hold up a login, and a write for each line costs more than the line.
 * @param isShared other processes write to the same output
 */
export function logStream (isShared = false) {
  const stream = pino.destination({
    dest: 1,
    sync: false,
    minLength: 4096,
    maxLength: 4 * 1024 * 1024,
    // A pipe takes this much whole (PIPE_BUF), so lines of several processes do not end up inside each other.
    ...(isShared && { maxWrite: 4096, minLength: 2048 })
  })
  const write = stream.write.bind(stream)
  let flushing: NodeJS.Timeout | undefined
  stream.write = line => {
    flushing ??= setTimeout(() => {
      flushing = undefined
      // Not with a callback, which would wait for the disk, and add a listener each time while the reader is slow.
      if (Reflect.get(stream, 'destroyed') === false) stream.flush()
    }, flushMs).unref()
    return write(line)
  }
  stream.on('error', () => {}).on('close', () => clearTimeout(flushing))
  return stream
}

/** Lines of a process that serves no requests itself. */
export const serviceLog = (stream: ReturnType<typeof logStream>, level: string): Logger => pino({ level, base: null, serializers: logSerializers }, stream)

export type ServiceLog = ReturnType<typeof serviceLog>

/** Resolves once every line is written. Lines that no reader took within a second are dropped, or they would hold up the exit for ever. */
export function drained (stream: ReturnType<typeof logStream>): Promise<void> {
  return new Promise(resolve => {
    const enough = setTimeout(() => { stream.destroy(); resolve() }, 1_000)
    stream.once('close', () => { clearTimeout(enough); resolve() })
    stream.end()
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the refusal that was answered. */
    refusedAs?: string
  }
}

/** What a logger needs to keep secrets to itself: our own errors, and no request or reply object at all. */
export const logSerializers = {
  err: describeError,
  error: describeError,
  req: () => ({}),
  res: () => ({})
}

/**
 * One line for each request: the route's pattern and never its URL, which carries codes and states. Of a refusal, its code
 * and whom it was for: who tries many tokens, or too often, can be seen and shut out.
 */
export function logRequests (app: FastifyInstance): void {
  app.decorateRequest('refusedAs', undefined)
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info({
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      ...(request.refusedAs && { code: request.refusedAs, ip: clientAddress(request) }),
      ms: Math.round(reply.elapsedTime * 10) / 10
    }, 'request')
    done()
  })
}

/** The line of a request that could not be read. */
export function logUnread (log: FastifyBaseLogger, facts: { status: number, code: string, ip: string }): void {
  log.info({ method: 'none', route: 'none', ...facts }, 'request')
}

/** What an operator must be able to look up later. Emails are digests, so that a log is no list of addresses. */
export type AuditEvent = 'login_succeeded' | 'login_failed' | 'logged_out' | 'session_ended' | 'refresh_repeated' | 'refresh_token_reused'

/** Writes an audit line for what a request did; `facts` are for an operator and hold nothing secret. */
export function audit (request: FastifyRequest, event: AuditEvent, facts: Record<string, unknown>): void {
  request.log[event === 'refresh_token_reused' ? 'warn' : 'info']({ audit: event, ip: clientAddress(request), ...facts }, event)
}

/** What happens without a request. */
export function auditService (log: FastifyBaseLogger, event: StateEvent, facts: Record<string, unknown>): void {
  log.info({ audit: event, ...facts }, event)
}

/** Tells when the store goes away, and when it is back. */
export const storeLog = (log: FastifyBaseLogger) => (error?: unknown): void => {
  if (error) log.error({ err: error }, 'the store has a problem')
  else log.info('the store is back')
}

/** Tells of what a login would fail, and when logins work again. */
export const readinessLog = (log: FastifyBaseLogger) => (problem?: unknown): void => {
  if (problem) log.error({ err: problem }, 'not ready: a login would fail')
  else log.info('ready again')
}

/** Marks the reply of a refusal for the log: its code, and for what is not the caller's fault the cause. */
export function logRefusal (request: FastifyRequest, reply: FastifyReply, code: string, error: unknown): void {
  request.refusedAs = code
  if (reply.statusCode >= 500) request.log.error({ code, err: error }, 'refused')
  else request.log.debug({ code, err: error }, 'refused')
}
