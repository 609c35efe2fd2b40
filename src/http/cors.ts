import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Who may call a route from a page of another origin, and read what it answers. */
interface Access {
  paths: RegExp
  methods: string
  /** Headers of an answer that scripts may read. */
  exposed: string
  /** Absent: any origin may, without cookies. */
  trusted?: ReadonlySet<string>
}

const maxAgeSeconds = 600
/** What a browser asks leave for: names of headers, and not more of them than a page sends. */
const askedHeaders = /^[\w!#$%&'*+.^`|~, -]{1,1024}$/

/**
 * Lets pages of other origins call (R46): with credentials those of trusted origins the routes of a session, never any
 * with `*` or `null`; without credentials any page the public documents. It stands before what refuses a request, so that a
 * page can read why it was refused. Any other address, and an OPTIONS that is no preflight, is answered as if there were
 * no CORS.
 */
export function allowOrigins (app: FastifyInstance, trusted: ReadonlySet<string>): void {
  const accesses: Access[] = [
    { paths: /^\/auth\/(me|refresh|logout|sessions(\/[^/]+)?)$/, methods: 'GET, HEAD, POST, DELETE', exposed: 'Retry-After', trusted },
    {
      paths: /^\/\.well-known\/(jwks\.json|openid-configuration|oauth-authorization-server|token-status\/[^/]+)$/,
      methods: 'GET, HEAD',
      exposed: 'ETag, Retry-After'
    }
  ]
  app.addHook('onRequest', (request, reply, done) => {
    const [path = ''] = request.url.split('?', 1)
    const access = accesses.find(({ paths }) => paths.test(path))
    if (access && answersPreflight(request, reply, access)) reply.code(204).header('content-length', '0').send()
    else done()
  })
}

/** Writes what the answer to a page says about it. Whether the request is a preflight, and that is all. */
function answersPreflight ({ method, headers }: FastifyRequest, reply: FastifyReply, { methods, exposed, trusted }: Access): boolean {
  const { origin, 'access-control-request-method': asksMethod, 'access-control-request-headers': asks = '' } = headers
  if (trusted) reply.header('vary', 'Cookie, Sec-Fetch-Site, Origin')
  const isAllowed = trusted === undefined || (origin !== undefined && trusted.has(origin))
  if (isAllowed) {
    reply.header('access-control-allow-origin', trusted ? origin : '*')
    reply.header('access-control-expose-headers', exposed)
    if (trusted) reply.header('access-control-allow-credentials', 'true')
  }
  if (method !== 'OPTIONS' || !origin || !asksMethod) return false
  if (isAllowed) {
    reply.headers({ 'access-control-allow-methods': methods, 'access-control-max-age': maxAgeSeconds })
    if (askedHeaders.test(asks)) reply.header('access-control-allow-headers', asks)
  }
  return true
}
