import { once } from 'node:events'
import { Agent, createServer, request, type RequestListener, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { Connections } from '../../src/plugins/connections.ts'
import type { Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

/** A server whose connections are looked after. It answers `/readyz` as the service does. */
async function scene (t: Teardown, answer: RequestListener = (_request, response) => { response.end() }) {
  const connections = new Connections()
  const server = createServer((request, response) => {
    if (request.url === '/readyz') connections.noteReadinessAsked()
    response.statusCode = connections.isClosing || (connections.isStopping && request.url === '/readyz') ? 503 : 200
    if (connections.isStopping) response.setHeader('connection', 'close')
    answer(request, response)
  })
  connections.watch(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const { port } = server.address() as AddressInfo
  const ask = (path = '/', agent?: Agent) => new Promise<number>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, agent: agent ?? false }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
    }).on('error', reject).end()
  })
  return { connections, server, port, ask }
}

/** How long a drain took, in milliseconds. */
async function timed (drained: Promise<void>): Promise<number> {
  const from = performance.now()
  await drained
  return performance.now() - from
}

t.test('L23 without connections a drain waits for nobody', async t => {
  const { connections, server } = await scene(t)
  t.ok(await timed(connections.drain(60_000)) < 10_000)
  t.notOk(server.listening)
  await connections.drain(60_000)
})

t.test('L23 after a request on a connection of its own, it waits until no other one comes for a second', async t => {
  const { connections, ask } = await scene(t)
  await ask()
  const drained = timed(connections.drain(60_000))
  t.equal(await ask(), 200)
  const ms = await drained
  t.ok(ms > 900 && ms < 30_000, `${ms} ms`)
})

t.test('L23 a connection that a proxy keeps is waited for until it brings its next request', async t => {
  const { connections, ask } = await scene(t)
  const agent = new Agent({ keepAlive: true })
  await ask('/', agent)
  const drained = connections.drain(60_000)
  t.ok(connections.isStopping)
  t.notOk(connections.isClosing)
  t.equal(await ask('/', agent), 200)
  await drained
  t.ok(connections.isClosing)
})

t.test('L23 a connection that brings nothing is not waited for longer than the patience', async t => {
  const { connections, ask, port } = await scene(t)
  await ask('/', new Agent({ keepAlive: true }))
  const silent = connect(port, '127.0.0.1')
  await once(silent, 'connect')
  const ms = await timed(connections.drain(300))
  t.ok(ms >= 300 && ms < 10_000, `${ms} ms`)
})

t.test('L23 a load balancer that asks for readiness hears three times that it should send no more', async t => {
  const { connections, ask } = await scene(t)
  t.equal(await ask('/readyz'), 200)
  const drain = { isOver: false }
  const drained = connections.drain(60_000).then(() => { drain.isOver = true })
  for (let time = 0; time < 2; time++) t.equal(await ask('/readyz'), 503)
  await new Promise(resolve => setTimeout(resolve, 1_500))
  t.notOk(drain.isOver)
  t.equal(await ask('/readyz'), 503)
  await drained
})

t.test('L23 what was accepted is answered before the drain ends, on every server', async t => {
  const waiting: ServerResponse[] = []
  const { connections, ask } = await scene(t, (_request, response) => { waiting.push(response) })
  const other = createServer((_request, response) => { waiting.push(response) })
  connections.watch(other)
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const answers = [ask(), fetch(`http://127.0.0.1:${port}/`).then(({ status }) => status)]
  await eventually('both are here', () => waiting.length === 2)
  const drain = { isOver: false }
  const drained = connections.drain(0).then(() => { drain.isOver = true })
  await eventually('it refuses', () => connections.isClosing)
  t.notOk(drain.isOver)
  for (const response of waiting) response.end()
  t.same(await Promise.all(answers), [200, 200])
  await drained
})
