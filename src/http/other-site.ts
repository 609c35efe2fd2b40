import type { FastifyInstance, FastifyRequest } from 'fastify'

/** A frontend has one origin or a few; more are strangers, who need not fill the log. */
const maxTold = 20
const maxOriginLength = 300

/** Whether the browser says that a page of another site calls: then it leaves our cookies (SameSite=Lax) out. */
const isFromOtherSite = ({ headers }: FastifyRequest): boolean =>
  headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate'

/** What a page of another site is told when it is not signed in: else it would send the person through the sign-in page for ever. */
export const otherSiteDetail = (request: FastifyRequest): string | undefined => isFromOtherSite(request)
  ? 'The browser sent no cookies, as the page is on another site than this service. Serve both under one site ' +
    '(app.example.com and auth.example.com), and use one host name for both while you develop (localhost or 127.0.0.1).'
  : undefined

/** Tells the operator of each origin that calls from another site and can therefore not be signed in, once. */
export function warnOfOtherSites (app: FastifyInstance, trusted: ReadonlySet<string>): void {
  const told = new Set<string>()
  app.addHook('onResponse', (request, reply, done) => {
    const { origin } = request.headers
    const isTold = reply.statusCode !== 401 || !isFromOtherSite(request) || origin === undefined || told.has(origin)
    if (!isTold && (trusted.has(origin) || (told.size < maxTold && isOrigin(origin)))) {
      told.add(origin)
      app.log.warn({ origin }, 'a page on another site than PUBLIC_URL calls, and browsers send no cookies with that: ' +
        'its users cannot be signed in there (docs/frontends.md)')
    }
    done()
  })
}

const isOrigin = (text: string): boolean => text.length <= maxOriginLength && URL.canParse(text) && new URL(text).origin === text
