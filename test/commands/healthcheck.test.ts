import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { healthcheckCommand } from '../../src/commands/healthcheck.ts'
import { buildTestApp, freePort, type Teardown } from '../helpers/app.ts'

async function answering (t: Teardown, listener: RequestListener, host = 'localhost'): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return String((server.address() as AddressInfo).port)
}

t.test('healthcheck is 0 while the service is up, wherever it listens', async t => {
  const { app } = await buildTestApp(t)
  const { port } = new URL(await app.listen({ port: 0, host: '0.0.0.0' }))
  const hosts = ['0.0.0.0', '127.0.0.1', '"127.0.0.1"', 'LocalHost', '::', '[::]', undefined, '', ' ']
  for (const HOST of hosts) t.equal(await healthcheckCommand({ PORT: port, HOST }), 0, String(HOST))
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

t.test('healthcheck finds a service on either address of localhost', async t => {
  const ok: RequestListener = (_request, response) => { response.end() }
  for (const address of ['127.0.0.1', '::1']) {
    const PORT = await answering(t, ok, address)
    for (const HOST of [undefined, 'localhost', '0.0.0.0', '[::]', address]) t.equal(await healthcheckCommand({ PORT, HOST }), 0, `${HOST} for ${address}`)
  }
  const PORT = await answering(t, ok, '::1')
  t.equal(await healthcheckCommand({ PORT: `"${PORT}"\r`, HOST: '[::1]' }), 0)
  t.equal(await healthcheckCommand({ PORT, HOST: '127.0.0.1' }), 1, 'a HOST that is one address is that one')
})

t.test('healthcheck is 1 for a PORT that is none, and asks the default one for what Kubernetes sets', async t => {
  for (const PORT of ['http', '99999', '-1']) t.equal(await healthcheckCommand({ PORT }), 1, PORT)
  t.equal(await healthcheckCommand({ PORT: 'tcp://10.0.0.1:80' }), await healthcheckCommand({}))
})
