import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

const corsPath = /^\/auth\/(me|refresh|logout|sessions(\/[^/]+)?)(\?|$)/

/**
 * Lets the frontends of trusted origins call the routes of this scope with credentials, and never anybody with `*` or
 * `null`. Any other address below, and an OPTIONS that is no preflight, answers as if there were no CORS.
 */
export async function allowOrigins (app: FastifyInstance, trusted: Set<string>): Promise<void> {
  app.addHook('onRequest', ({ method, url, headers }, reply, done) => {
    reply.header('vary', 'Cookie, Sec-Fetch-Site') // and Origin, which @fastify/cors adds
    const preflight = headers.origin && headers['access-control-request-method'] && corsPath.test(url)
    if (method === 'OPTIONS' && !preflight) reply.callNotFound()
    else done()
  })
  await app.register(cors, { origin: [...trusted], credentials: true, methods: ['GET', 'POST', 'DELETE'], maxAge: 600 })
}
