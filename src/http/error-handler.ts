import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ownWords } from '../providers/setup/ids.ts'
import { AuthError, type RefusalCode } from '../errors.ts'
import { errorPage, signInAgain, type Step } from '../pages/error.ts'
import { pageHeaders } from '../pages/layout.ts'
import { StoreError } from '../stores/store.ts'
import { peerAddress } from './client-address.ts'
import { logRefusal } from './log.ts'
import { otherSiteDetail } from './other-site.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** People come here with a browser: refusals are pages for them. */
    page?: boolean
  }
}

const byFastifyCode: Record<string, RefusalCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_HANDLER_TIMEOUT: 'provider_timeout' // nothing else may take so long once the request has arrived
}

/** Any error as one of our refusals. What we did not foresee is ours, unless it is clearly the request's. */
export function refusalOf (error: unknown): AuthError {
  if (error instanceof AuthError) return error
  if (error instanceof StoreError) return new AuthError('store_unavailable', { cause: error })
  const { code, statusCode, validation } = error as Partial<FastifyError>
  const known = code === undefined ? undefined : byFastifyCode[code]
  if (known) return new AuthError(known, { cause: error })
  if (validation) return new AuthError('invalid_request', { cause: error, detail: describeValidation(validation) })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new AuthError('invalid_request', { cause: error })
  return new AuthError('internal_error', { cause: error })
}

/** Names the parameter by our own schema, and nothing the caller sent. */
function describeValidation ([first]: NonNullable<FastifyError['validation']>): string {
  const [, name] = /^\/(\w+)$/.exec(first?.instancePath ?? '') ?? []
  const required = first?.params['missingProperty']
  const parameter = name ?? (typeof required === 'string' ? required : undefined)
  return parameter ? `The request is malformed: see the parameter ${parameter}.` : 'The request is malformed.'
}

/** RFC 9457 */
export function problem (refusal: AuthError, requestId: string) {
  return {
    type: 'about:blank',
    title: String(STATUS_CODES[refusal.statusCode]),
    status: refusal.statusCode,
    detail: refusal.detail,
    code: refusal.code,
    request_id: requestId
  }
}

/** Browsers send 150 bytes. */
const acceptBytes = 1_024

/** Whether the caller is a browser that shows pages: text/html named, and not ranked below JSON. */
export function wantsPage ({ headers: { accept = '' } }: { headers: { accept?: string | undefined } }): boolean {
  const types = accept.slice(0, acceptBytes).split(',')
  const quality = (type: string) => {
    const entry = types.map(part => part.trim().toLowerCase()).find(part => part === type || part.startsWith(`${type};`))
    if (entry === undefined) return 0
    const [, q] = /;\s*q=([\d.]+)/.exec(entry) ?? []
    return q === undefined ? 1 : Number(q)
  }
  const page = quality('text/html')
  return page > 0 && page >= quality('application/json') && page >= quality('application/problem+json')
}

/** Whether a callback's caller asks for the token response instead of a redirect. */
export const wantsJson = (request: FastifyRequest): boolean =>
  !wantsPage(request) && /(^|[\s,])application\/json\b/i.test((request.headers.accept ?? '').slice(0, acceptBytes))

/** How a refusal looks for a person, and the foreign origin that a form of that page leads on to. */
export interface Shown {
  page: (requestId: string) => string
  formTarget?: string | undefined
}

/** A page with ways to go on. */
export const withSteps = (refusal: AuthError, steps: Step[]): Shown => ({ page: requestId => errorPage(refusal, requestId, steps) })

/**
 * Answers a refusal in place: a page for a person where people come, problem+json for anyone else, and for everyone where
 * `shown` says so.
 */
export function refuse (
  request: FastifyRequest, reply: FastifyReply, refusal: AuthError, shown: Shown | 'problem' = withSteps(refusal, [signInAgain])
) {
  reply.code(refusal.statusCode)
  if (refusal.retryAfterSeconds !== undefined) reply.header('retry-after', refusal.retryAfterSeconds)
  if (refusal.statusCode === 401) reply.header('www-authenticate', wwwAuthenticate(refusal))
  logRefusal(request, reply, refusal.code, refusal.cause ?? refusal)
  // People come to pages, and to addresses where there is nothing.
  if (shown !== 'problem' && (request.routeOptions.config.page || request.is404) && wantsPage(request)) {
    return reply.headers(pageHeaders(shown.formTarget)).send(shown.page(request.id))
  }
  const detail = (isUnsigned(refusal) && otherSiteDetail(request)) || refusal.detail
  return reply.header('content-type', 'application/problem+json').send(JSON.stringify({ ...problem(refusal, request.id), detail }))
}

/** RFC 6750 section 3: a token that was presented and refused is named so; none presented is not. */
const wwwAuthenticate = (refusal: AuthError): string => isUnsigned(refusal) ? 'Bearer' : 'Bearer error="invalid_token"'

const isUnsigned = ({ code }: AuthError): boolean => code === 'not_signed_in' || code === 'invalid_refresh_token'

/** The refusal that an error of a route is answered with. A body that is still arriving is not waited for. */
export function refusalAt (request: FastifyRequest, reply: FastifyReply, error: unknown): AuthError {
  const isStillArriving = (error as FastifyError).code === 'FST_ERR_HANDLER_TIMEOUT' && !request.raw.complete
  if (!isStillArriving) return refusalOf(error)
  reply.header('connection', 'close')
  return new AuthError('request_timeout', { cause: error })
}

export function handleErrors (app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => refuse(request, reply, refusalAt(request, reply, error)))
}

const notOurs = `(?!(?:${[...ownWords].join('|')})(?:/|$))`

/** Refuses what no route answers, before its body is read: 405 where another method is answered, else 404. */
export function refuseUnknown (app: FastifyInstance): void {
  const known = new Map<string, { pattern: RegExp, methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = known.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const name of [method].flat()) route.methods.add(name)
    known.set(url, route)
  })

  function unknown (request: FastifyRequest, reply: FastifyReply) {
    const [path = ''] = request.url.split('?', 1)
    const others = [...known.values()].find(({ pattern, methods }) => !methods.has(request.method) && pattern.test(path))
    if (!others) return refuse(request, reply, new AuthError('not_found'))
    return refuse(request, reply.header('allow', [...others.methods].join(', ')), new AuthError('method_not_allowed'))
  }

  app.setNotFoundHandler({}, unknown) // for routes that call it themselves
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) unknown(request, reply)
    else done()
  })
}

/** The paths of a route: asked only where no route answered. */
function patternOf (url: string): RegExp {
  const expression = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:(\w+)/g, (_parameter, name: string) => name === 'provider' ? `${notOurs}[^/]+` : '[^/]+')
  return new RegExp(`^${expression}$`)
}

/** Requests that never become one: too large, too slow, not HTTP. Written by hand, as there is no reply yet. */
export function clientErrorHandler (headers: Record<string, string>, log: (facts: { status: number, code: string, ip: string }) => void) {
  return (error: NodeJS.ErrnoException & { rawPacket?: unknown }, socket: Socket & { _httpMessage?: ServerResponse }): void => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const code: RefusalCode = error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'invalid_request'
    const refusal = new AuthError(code)
    log({ status: refusal.statusCode, code, ip: peerAddress(socket) })
    const isPage = code === 'headers_too_large' && isOfBrowser(error)
    const body = isPage ? errorPage(refusal, 'none', [signInAgain]) : JSON.stringify(problem(refusal, 'none'))
    const lines = Object.entries({
      ...headers,
      ...(isPage ? pageHeaders() : { 'content-type': 'application/problem+json' }),
      'content-length': Buffer.byteLength(body),
      connection: 'close'
    }).map(([name, value]) => `${name}: ${value}`)
    socket.end(`HTTP/1.1 ${refusal.statusCode} ${STATUS_CODES[refusal.statusCode]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
  }
}

/**
 * Whether a browser that shows pages sent what became no request, by the bytes that came last. In the middle of its headers
 * they do not say: it is a browser's cookies then that have grown too long.
 */
function isOfBrowser ({ rawPacket }: { rawPacket?: unknown }): boolean {
  const text = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : ''
  const [, accept] = /\r\naccept:([^\r]*)/i.exec(text) ?? []
  if (accept === undefined) return !/^[A-Z]+ \S+ HTTP\/1/.test(text)
  return wantsPage({ headers: { accept: accept.trim() } })
}
