import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

const corsPath = /^\/auth\/(me|refresh|logout|sessions(\/[^/]+)?)$/

/**
 * Lets the frontends of trusted origins call the session routes with credentials. Any other address answers as if
 * there were no CORS, and never anybody with `*` or `null`.
 */
export async function allowOrigins (app: FastifyInstance, trusted: Set<string>): Promise<void> {
  const shared = { credentials: true, methods: ['GET', 'POST', 'DELETE'], maxAge: 600 }
  await app.register(cors, {
    delegator: ({ url, method, headers }, done) => {
      const [path = ''] = url.split('?')
      // An OPTIONS that is no preflight is a method like any other: the plugin would refuse it in its own words.
      const applies = method !== 'OPTIONS' || (headers.origin && headers['access-control-request-method'])
      done(null, { ...shared, origin: applies && corsPath.test(path) ? [...trusted] : false })
    }
  })
}
