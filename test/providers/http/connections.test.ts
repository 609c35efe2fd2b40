import { once } from 'node:events'
import http, { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import t from 'tap'
import { loadConfig } from '../../../src/config/config.ts'
import type { AddressRules } from '../../../src/providers/http/addresses.ts'
import { Connections, type ProviderAgent, type Requester } from '../../../src/providers/http/connections.ts'
import { Names } from '../../../src/providers/http/names.ts'
import type { Teardown } from '../../helpers/app.ts'
import { deafServer } from '../../helpers/deaf-server.ts'
import { proxyServer } from '../../helpers/proxy-server.ts'
import { login, outcome, rogueScene } from '../../helpers/rogue-login.ts'
import { rogueProvider } from '../../helpers/rogue-provider.ts'

const anywhere: AddressRules = { typed: true, loopback: true }

/** Addresses of `host.test`, as the machine's look-up finds them. */
const leadingTo = (...addresses: string[]) => new Names({ system: async () => addresses })

function connectionsOf (t: Teardown, options: ConstructorParameters<typeof Connections>[0] = {}): Connections {
  const connections = new Connections(options)
  t.teardown(() => connections.close())
  return connections
}

async function listening (t: Teardown, server: Server, address = '127.0.0.1', port = 0): Promise<number> {
  server.listen(port, address)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** An HTTP server and the connections it was asked on. */
async function counted (t: Teardown, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const sockets: Socket[] = []
  const server = createServer((request, response) => { answer(request, response) })
  server.on('connection', socket => { sockets.push(socket) })
  t.teardown(() => server.closeAllConnections())
  return { sockets, port: await listening(t, server) }
}

async function get (url: string, agent: ProviderAgent | Requester): Promise<string> {
  const request = http.get(url, { agent: agent as http.Agent })
  const [response] = await once(request, 'response') as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

t.test('R17 a first packet that is lost costs a second and not the login', async t => {
  const deaf = await deafServer(t, '127.0.0.2')
  const agent = connectionsOf(t, { names: leadingTo('127.0.0.2') }).agentFor(`http://host.test:${deaf.port}`, anywhere)
  const from = performance.now()
  setTimeout(deaf.hear, 300)
  const socket = await new Promise<unknown>((resolve, reject) => agent.createConnection({}, (error, socket) => error ? reject(error) : resolve(socket)))
  t.ok(socket)
  t.ok(performance.now() - from > 500, 'the first packet was lost')
  agent.destroy()
  ;(socket as Socket).destroy()
})

t.test('R17 an address that never answers costs a quarter of a second while another does, and two seconds alone', async t => {
  const deaf = await deafServer(t, '127.0.0.2')
  const server = createServer((_request, response) => { response.end('here') })
  t.teardown(() => server.closeAllConnections())
  const port = await listening(t, server, '127.0.0.1', deaf.port)
  const url = `http://host.test:${port}/`
  const from = performance.now()
  t.equal(await get(url, connectionsOf(t, { names: leadingTo('127.0.0.2', '127.0.0.1') }).agentFor(url, anywhere)), 'here')
  t.ok(performance.now() - from < 1_000)

  const alone = performance.now()
  await t.rejects(get(url, connectionsOf(t, { names: leadingTo('127.0.0.2') }).agentFor(url, anywhere)), { code: 'ETIMEDOUT' })
  const ms = performance.now() - alone
  t.ok(ms > 1_900 && ms < 4_000, `${ms} ms`)
})

t.test('the families of addresses take turns, and a refusal says what each of them did', async t => {
  const { port, sockets } = await counted(t, (_request, response) => { response.end('here') })
  const url = `http://host.test:${port}/`
  const mixed = leadingTo('2001:db8::1', '2001:db8::2', '127.0.0.1')
  const from = performance.now()
  t.equal(await get(url, connectionsOf(t, { names: mixed }).agentFor(url, anywhere)), 'here')
  t.ok(performance.now() - from < 1_500)
  t.equal(sockets.length, 1)
  const nowhere = await get(url, connectionsOf(t, { names: leadingTo('127.0.0.3', '127.0.0.4') }).agentFor(url, anywhere)).catch((error: Error) => error)
  t.match(nowhere, { code: 'ECONNREFUSED', message: /127\.0\.0\.3.*127\.0\.0\.4/ })
})

t.test('R18 each new connection is judged, whatever the name led to before', async t => {
  const { port } = await counted(t, (_request, response) => { response.end('here') })
  let [now, address] = [0, '127.0.0.1']
  const names = new Names({ system: async () => [address], now: () => now })
  const url = `http://host.test:${port}/`
  const agent = connectionsOf(t, { names }).agentFor(url, { typed: false, loopback: true })
  t.equal(await get(url, agent), 'here')
  now += 60_000
  address = '10.0.0.1'
  t.equal(await get(url, agent), 'here', 'the connection that is there leads where it led')
  agent.dropIdle()
  await t.rejects(get(url, agent), { code: 'EADDRREFUSED' })
})

t.test('what is not to be repeated takes no connection that was idle for five seconds; anything else does', async t => {
  let now = 0
  const { port, sockets } = await counted(t, (_request, response) => { response.end('here') })
  const url = `http://127.0.0.1:${port}/`
  const agent = connectionsOf(t, { now: () => now }).agentFor(url, anywhere)
  const steps: Array<[pauseMs: number, agent: ProviderAgent | Requester, connections: number]> =
    [[0, agent, 1], [4_900, agent.young, 1], [5_000, agent, 1], [5_000, agent.young, 2], [15_000, agent, 2], [0, agent.young, 2]]
  for (const [pauseMs, way, connections] of steps) {
    now += pauseMs
    await get(url, way)
    t.equal(sockets.length, connections)
  }
})

t.test('a few connections are kept for a host for less than thirty seconds; what many calls at once leave goes in two', async t => {
  const { port, sockets } = await counted(t, (_request, response) => { setTimeout(() => response.end('here'), 50) })
  const url = `http://127.0.0.1:${port}/`
  const agent = connectionsOf(t).agentFor(url, anywhere)
  await Promise.all(Array.from({ length: 40 }, () => get(url, agent)))
  t.equal(sockets.length, 40)
  const timeouts = Object.values(agent.freeSockets).flat().map(socket => Number(socket?.timeout))
  t.ok(timeouts.length <= 32)
  t.ok(timeouts.every(ms => ms > 0 && ms < 30_000))
  t.equal(timeouts.filter(ms => ms > 2_000).length, 4)
  await get(url, agent)
  t.equal(sockets.length, 40)
})

t.test('a connection that its server is about to close is not kept', async t => {
  const { port, sockets } = await counted(t, (_request, response) => { response.setHeader('keep-alive', 'timeout=1').end('here') })
  const url = `http://127.0.0.1:${port}/`
  const agent = connectionsOf(t).agentFor(url, anywhere)
  for (let time = 1; time <= 3; time++) {
    await get(url, agent)
    t.equal(sockets.length, time)
  }
})

t.test('what a provider says on an idle connection is nobody\'s answer', async t => {
  const answer = (text: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  const sockets: Socket[] = []
  const port = await listening(t, createTcpServer(socket => {
    sockets.push(socket.on('error', () => {}))
    socket.on('data', () => { socket.write(answer('mine')) })
  }))
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  const url = `http://127.0.0.1:${port}/`
  const agent = connectionsOf(t).agentFor(url, anywhere)
  t.equal(await get(url, agent), 'mine')
  const closed = once(sockets[0] as Socket, 'close')
  sockets[0]?.write(answer('another person\'s'))
  await closed
  t.equal(await get(url, agent), 'mine')
  t.equal(sockets.length, 2)
})

t.test('of very many hosts those called first are let go', async t => {
  const { port, sockets } = await counted(t, (_request, response) => { response.end('here') })
  const connections = connectionsOf(t)
  const first = connections.agentFor(`http://127.0.0.1:${port}/`, anywhere)
  await get(`http://127.0.0.1:${port}/`, first)
  const closed = once(sockets[0] as Socket, 'close')
  for (let host = 0; host < 300; host++) connections.agentFor(`https://h${host}.test`, anywhere)
  await closed
  t.not(connections.agentFor(`http://127.0.0.1:${port}/`, anywhere), first)
})

// A login

t.test('a hundred logins one after the other take two connections to the provider at most', async t => {
  const scene = await rogueScene(t)
  for (let time = 0; time < 100; time++) t.equal(await outcome(scene), 'ok')
  t.ok(scene.rogue.connections <= 2, `${scene.rogue.connections}`)
  t.equal(scene.rogue.requests.filter(path => path === '/token').length, 100)
})

t.test('L04 a GET is asked again on a new connection where a kept one was closed, a code never is', async t => {
  const scene = await rogueScene(t)
  scene.rogue.claims = { email: undefined, email_verified: undefined }
  const served = new WeakSet<Socket>()
  const oncePerConnection = (path: string, answer: (response: ServerResponse) => void) => {
    scene.rogue.handlers[path] = ({ socket }, response) => {
      if (served.has(socket)) socket.destroy()
      else answer(response)
      served.add(socket)
    }
  }
  oncePerConnection('/userinfo', response => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ sub: '7', email: 'ada@example.com', email_verified: true }))
  })
  for (let time = 1; time <= 3; time++) t.equal(await outcome(scene), 'ok')
  t.ok(scene.rogue.requests.filter(path => path === '/userinfo').length > 3)

  const asked = () => scene.rogue.requests.filter(path => path === '/token').length
  const before = asked()
  scene.rogue.handlers['/token'] = ({ socket }) => { socket.destroy() }
  t.match((await login(scene)).json(), { status: 503, code: 'provider_unavailable' })
  t.equal(asked(), before + 1)
})

// A proxy

t.test('what NO_PROXY names is called directly, and all else through the proxy by its name or address', async t => {
  const { port } = await counted(t, (_request, response) => { response.end('here') })
  const proxy = await proxyServer(t)
  const distant = [`far.test:${port}`, `[2606:4700::1111]:${port}`]
  proxy.hosts = Object.fromEntries(distant.map(host => [host, port]))
  const { proxying } = loadConfig({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: '.near.test' })
  const connections = connectionsOf(t, { names: leadingTo('127.0.0.1'), proxying })
  for (const host of [...distant, `idp.near.test:${port}`, `127.0.0.1:${port}`]) {
    t.equal(await get(`http://${host}/`, connections.agentFor(`http://${host}/`, anywhere)), 'here', host)
  }
  t.same(proxy.requests.map(({ authority }) => authority), distant)
})

// DNS

t.test('R82 24 callbacks to a provider whose name server is silent leave another provider as it was', async t => {
  const rogue = await rogueProvider(t)
  const port = new URL(rogue.issuer).port
  rogue.issuer = `http://rogue.localhost:${port}`
  const { hanging, env } = hangingProviders(1)
  const system = (name: string) => name.endsWith('.localhost') ? Promise.resolve(['127.0.0.1']) : new Promise<never>(() => {})
  const names = new Names({ system, dns: { hostsFile: '/dev/null', servers: ['127.0.0.1:9'] } })
  const scene = await rogueScene(t, { ...env, OIDC_ROGUE_ISSUER: rogue.issuer }, rogue, { names })
  const callbacks: Array<Promise<{ status: number, code: string }>> = []
  for (let time = 0; time < 24; time++) {
    const start = await scene.browser.visit(`/auth/${hanging[0]}`)
    const state = new URL(String(start.headers['location'])).searchParams.get('state')
    const callback = scene.browser.visit(`/auth/${hanging[0]}/callback?code=x&state=${state}`, { headers: { accept: 'application/json' } })
    callbacks.push(callback.then(({ status, json }) => ({ status, code: String(json().code) })))
  }
  const from = performance.now()
  t.equal(await outcome(scene), 'ok')
  t.ok(performance.now() - from < 1_500, `${performance.now() - from} ms`)
  const ended = await Promise.all(callbacks)
  t.ok(performance.now() - from < 4_500)
  for (const { status, code } of ended) t.match(`${status} ${code}`, /^50[34] provider_(timeout|unavailable)$/)
})

function hangingProviders (count: number) {
  const hanging = Array.from({ length: count }, (_, index) => `hanging${index}`)
  const env = Object.fromEntries(hanging.flatMap(id => Object.entries({
    AUTHORIZATION_URL: `https://${id}.test/authorize`,
    TOKEN_URL: `https://${id}.test/token`,
    PROFILE_URL: `https://${id}.test/me`,
    CLIENT_ID: 'id',
    CLIENT_SECRET: 'secret'
  }).map(([name, value]) => [`OAUTH2_${id.toUpperCase()}_${name}`, value])))
  return { hanging, env: { OAUTH2_PROVIDERS: hanging.join(), ...env } }
}
