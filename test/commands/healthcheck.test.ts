import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { healthcheckCommand } from '../../src/commands/healthcheck.ts'
import { buildTestApp, freePort, type Teardown } from '../helpers/app.ts'

async function answering (t: Teardown, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, 'localhost', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return String((server.address() as AddressInfo).port)
}

t.test('healthcheck is 0 while the service is up, wherever it listens', async t => {
  const { app } = await buildTestApp(t)
  const { port } = new URL(await app.listen({ port: 0, host: '0.0.0.0' }))
  for (const HOST of ['0.0.0.0', '127.0.0.1', undefined, '']) t.equal(await healthcheckCommand({ PORT: port, HOST }), 0, String(HOST))
})

t.test('healthcheck is 1 where nothing answers, or says no, or something else listens', async t => {
  t.equal(await healthcheckCommand({ PORT: String(await freePort()) }), 1)
  for (const status of [404, 500, 503, 302]) {
    t.equal(await healthcheckCommand({ PORT: await answering(t, (_request, response) => { response.writeHead(status).end() }) }), 1, String(status))
  }
})

t.test('healthcheck is 1 where the answer does not come', async t => {
  t.equal(await healthcheckCommand({ PORT: await answering(t, () => {}) }), 1)
})

t.test('healthcheck asks the default port without a PORT', async t => {
  t.type(await healthcheckCommand({}), 'number')
})
