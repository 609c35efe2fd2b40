import { once } from 'node:events'
import { Agent, createServer, request, type RequestListener, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { Drain } from '../../src/http/drain.ts'
import { buildTestApp, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

/** A server that can be drained. It answers `/readyz` as the service does. */
async function scene (t: Teardown, answer: RequestListener = (_request, response) => { response.end() }) {
  const drain = new Drain()
  const server = createServer((request, response) => {
    if (request.url === '/readyz') drain.noteReadinessAsked()
    response.statusCode = drain.isRefusing || (drain.isStopping && request.url === '/readyz') ? 503 : 200
    if (drain.isStopping) response.setHeader('connection', 'close')
    answer(request, response)
  })
  drain.watch(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const { port } = server.address() as AddressInfo
  const ask = (path = '/', agent?: Agent) => new Promise<number>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, agent: agent ?? false }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
    }).on('error', reject).end()
  })
  return { drain, server, port, ask }
}

/** How long a drain took, in milliseconds. */
async function timed (drained: Promise<void>): Promise<number> {
  const from = performance.now()
  await drained
  return performance.now() - from
}

t.test('L23 without connections a drain waits for nobody', async t => {
  const { drain, server } = await scene(t)
  t.ok(await timed(drain.run(60_000)) < 10_000)
  t.notOk(server.listening)
  await drain.run(60_000)
})

t.test('L23 after a request on a connection of its own, it waits until no other one comes for a second', async t => {
  const { drain, ask } = await scene(t)
  await ask()
  const drained = timed(drain.run(60_000))
  t.equal(await ask(), 200)
  const ms = await drained
  t.ok(ms > 900 && ms < 30_000, `${ms} ms`)
})

t.test('L23 a connection that a proxy keeps is waited for until it brings its next request', async t => {
  const { drain, ask } = await scene(t)
  const agent = new Agent({ keepAlive: true })
  await ask('/', agent)
  const drained = drain.run(60_000)
  t.ok(drain.isStopping)
  t.equal(await ask('/', agent), 200)
  await drained
  t.notOk(drain.isRefusing)
})

t.test('L23 a connection that brings nothing is not waited for longer than the patience', async t => {
  const { drain, ask, port } = await scene(t)
  await ask('/', new Agent({ keepAlive: true }))
  const silent = connect(port, '127.0.0.1')
  await once(silent, 'connect')
  const ms = await timed(drain.run(300))
  t.ok(ms >= 300 && ms < 10_000, `${ms} ms`)
})

t.test('L23 a load balancer that asks for readiness hears three times that it should send no more', async t => {
  const { drain, ask } = await scene(t)
  t.equal(await ask('/readyz'), 200)
  const run = { isOver: false }
  const drained = drain.run(60_000).then(() => { run.isOver = true })
  for (let time = 0; time < 2; time++) t.equal(await ask('/readyz'), 503)
  await new Promise(resolve => setTimeout(resolve, 1_500))
  t.notOk(run.isOver)
  t.equal(await ask('/readyz'), 503)
  await drained
})

t.test('L23 a request that comes while the listeners close waits for that, and is served', async t => {
  const drain = new Drain()
  const { app } = await buildTestApp(t, {}, {}, { drain })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const silent = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(app.server, 'connection')
  const drained = drain.run(0)
  t.ok(drain.held)
  t.equal((await app.inject('/livez')).statusCode, 200)
  t.notOk(app.server.listening)
  t.notOk(drain.held)
  silent.destroy()
  await drained
})

t.test('L23 what was accepted is answered before the drain ends, on every server', async t => {
  const waiting: ServerResponse[] = []
  const { drain, ask } = await scene(t, (_request, response) => { waiting.push(response) })
  const other = createServer((_request, response) => { waiting.push(response) })
  drain.watch(other)
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const answers = [ask(), fetch(`http://127.0.0.1:${port}/`).then(({ status }) => status)]
  await eventually('both are here', () => waiting.length === 2)
  const run = { isOver: false }
  const drained = drain.run(0).then(() => { run.isOver = true })
  await eventually('nothing more is accepted', () => !other.listening)
  t.notOk(run.isOver)
  for (const response of waiting) response.end()
  t.same(await Promise.all(answers), [200, 200])
  await drained
})
