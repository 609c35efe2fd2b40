import Fastify, { type FastifyRequest } from 'fastify'
import t from 'tap'
import { knowClients } from '../../src/http/client-address.ts'
import { counted, limitHandlers, MinuteCounts, rateLimits, requestLimits } from '../../src/http/request-limits.ts'

t.test('R71 the routes of a group share one count, each address has its own', async t => {
  const app = Fastify()
  knowClients(app, [])
  rateLimits(app, 2)
  for (const url of ['/refresh', '/revoke']) app.get(url, { config: counted('tokens') }, async () => 'yes')
  app.get('/start', { config: counted('starts') }, async () => 'yes')
  const statusOf = async (url: string, remoteAddress = '192.0.2.1') => (await app.inject({ url, remoteAddress })).statusCode

  t.same([await statusOf('/refresh'), await statusOf('/revoke'), await statusOf('/revoke')], [200, 200, 429])
  t.equal(await statusOf('/start'), 200)
  t.equal(await statusOf('/refresh', '192.0.2.2'), 200)
})

t.test('R71 a limit counts after the hooks that a route has of its own', async t => {
  const app = Fastify()
  knowClients(app, [])
  rateLimits(app, 1)
  const seen: string[] = []
  const onRequest = async ({ url }: FastifyRequest) => { seen.push(url) }
  app.get('/start', { config: counted('starts'), onRequest }, async () => 'yes')
  t.same([(await app.inject('/start')).statusCode, (await app.inject('/start')).statusCode], [200, 429])
  t.same(seen, ['/start', '/start'])
})

t.test('R71 a count ends after a minute, and says how long that is', async t => {
  const counts = new MinuteCounts()
  t.same(counts.add('192.0.2.1', 1_000), { count: 1, secondsLeft: 60 })
  t.same(counts.add('192.0.2.1', 60_500), { count: 2, secondsLeft: 1 })
  t.same(counts.add('192.0.2.1', 61_000), { count: 1, secondsLeft: 60 })
})

t.test('R71 a flood of addresses takes bounded memory: the oldest count goes', async t => {
  const counts = new MinuteCounts(2)
  for (const address of ['a', 'b', 'c']) counts.add(address, 0)
  t.equal(counts.add('c', 1).count, 2)
  t.equal(counts.add('a', 2).count, 1)
  t.equal(counts.add('c', 3).count, 3)
})

t.test('R69 every handler has a time limit but those that say they need none', async t => {
  const app = Fastify()
  limitHandlers(app)
  const limit = async ({ routeOptions }: FastifyRequest) => ({ ms: routeOptions.handlerTimeout })
  app.get('/waits', limit)
  app.get('/memory', { config: { neverLate: true } }, limit)
  t.same((await app.inject('/waits')).json(), { ms: requestLimits.handlerMs })
  t.same((await app.inject('/memory')).json(), { ms: 0 })
})
