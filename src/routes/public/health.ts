import type { FastifyPluginAsync } from 'fastify'
import type { Drain } from '../../http/drain.ts'
import type { Readiness } from '../../http/readiness.ts'

export interface HealthOptions {
  readiness: Readiness
  drain: Drain
}

const status = {
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', enum: ['ok', 'unavailable'] } }
} as const

const schema = (operationId: string, summary: string) => ({
  operationId,
  tags: ['health'],
  summary,
  response: { 200: { description: 'Yes', ...status } }
})

const readySchema = {
  ...schema('readyz', 'Should traffic come here?'),
  description: 'A login would work: the store answers and does all that a login needs, which is tried once in ten seconds at most. ' +
    'A provider that is down does not turn this red.',
  response: { 200: { description: 'Yes', ...status }, 503: { description: 'Not now', ...status } }
}

/** For the operator. */
const health: FastifyPluginAsync<HealthOptions> = async (app, { readiness, drain }) => {
  const ok = { status: 'ok' }
  app.get('/livez', { schema: schema('livez', 'Is the process up?'), exposeHeadRoute: true, logLevel: 'warn' }, async () => ok)
  app.get('/healthz', { schema: schema('healthz', 'The same as livez'), exposeHeadRoute: true, logLevel: 'warn' }, async () => ok)
  app.get('/readyz', { schema: readySchema, exposeHeadRoute: true, logLevel: 'warn' }, async (_request, reply) => {
    drain.noteReadinessAsked()
    const ready = !drain.isStopping && await readiness.isReady()
    return ready ? ok : reply.code(503).header('retry-after', '5').send({ status: 'unavailable' })
  })
}

export default health
