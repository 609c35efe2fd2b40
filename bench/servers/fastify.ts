import Fastify, { LogController, type FastifyInstance } from 'fastify'
import { pino } from 'pino'

/** Fastify as one would start it, with a log line a request like ours. */
export function fastify (): FastifyInstance {
  const stream = pino.destination({ dest: 1, sync: false })
  const app = Fastify({ logger: { stream, base: null }, logController: new LogController({ disableRequestLogging: true }) })
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info({
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10
    }, 'request')
    done()
  })
  return app
}

export async function listen (app: FastifyInstance): Promise<void> {
  await app.listen({ port: Number(process.env['PORT']), host: process.env['HOST'] ?? '127.0.0.1' })
}
