import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePort, temporaryFolder } from '../helpers/app.ts'
import { run, serve, type Child } from '../helpers/child.ts'
import { eventually } from '../helpers/eventually.ts'
import { rogueProvider, type RogueProvider } from '../helpers/rogue-provider.ts'

t.jobs = 3 // most of the time goes by waiting for processes

/** The log, without what the first start says of its keys. */
const lines = ({ stdout }: Child): Array<Record<string, unknown>> =>
  stdout().split('\n').filter(Boolean).map(line => JSON.parse(line)).filter(({ audit }) => audit !== 'key_made')

/** Starts a login at the rogue provider and sends its callback: the answer to come. */
async function callback (url: string, rogue: RogueProvider): Promise<Response> {
  const start = await fetch(`${url}/auth/rogue`, { redirect: 'manual' })
  const query = new URLSearchParams(rogue.consent(String(start.headers.get('location')))).toString()
  const [cookie = ''] = String(start.headers.get('set-cookie')).split(';')
  return fetch(`${url}/auth/rogue/callback?${query}`, { headers: { cookie, accept: 'application/json' } })
}

t.test('the service says where it is and which callback URLs it wants, and SIGTERM ends it with exit code 0', async t => {
  const rogue = await rogueProvider(t)
  const child = await serve(t, { ...rogue.env, DEV_LOGIN: 'true' })
  t.equal((await fetch(`${child.url}/livez`)).status, 200)
  t.match(lines(child).filter(({ msg }) => !/^listening on (?!http:\/\/127\.0\.0\.1:)/.test(String(msg))), [
    { level: 40, msg: /^THE DEVELOPMENT LOGIN IS ON/ },
    { msg: /^listening on http:\/\/127.0.0.1:/ },
    { provider: 'rogue', callback_url: `${child.url}/auth/rogue/callback` },
    { provider: 'dev', callback_url: `${child.url}/auth/dev/callback` },
    { msg: 'ready', url: `${child.url}/auth/login`, issuer: child.url }
  ].map(line => line as object))
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 0)
  t.match(lines(child).slice(-2), [{ msg: 'stopping' }, { msg: 'stopped' }])
  t.equal(child.stderr(), '')
  await t.rejects(fetch(`${child.url}/livez`))
})

t.test('R78 the development login is announced at every start, whatever LOG_LEVEL is', async t => {
  const DATA_DIR = temporaryFolder(t)
  for (const LOG_LEVEL of ['info', 'error', 'silent']) {
    const child = run(t, { DATA_DIR, LOG_LEVEL, PORT: '0', SIGNING_ALG: 'ES256' })
    await eventually('it is said', () => `${child.stdout()}${child.stderr()}`.includes('THE DEVELOPMENT LOGIN IS ON'))
    child.process.kill()
    await child.ended
  }
})

t.test('R78 a service that other machines can connect to does not start with nothing but the development login', async t => {
  const child = run(t, { HOST: '0.0.0.0', PORT: '0', DATA_DIR: temporaryFolder(t) })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /GOOGLE_CLIENT_ID is missing.*HOST=0\.0\.0\.0.*DEV_LOGIN=auto/)
  t.notMatch(child.stdout(), 'listening')
})

t.test('KEEP_ALIVE is how long an idle connection stays open, on every address', async t => {
  const child = await serve(t, { KEEP_ALIVE: '1s' })
  const addresses = await lookup('localhost', { all: true })
  const connections = await Promise.all(addresses.map(async ({ address: host }) => {
    const socket = connect({ host, port: child.port }).on('error', () => {})
    const closed = once(socket, 'close').then(() => performance.now())
    await once(socket, 'connect')
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [answer] = await once(socket, 'data') as [Buffer]
    return { answer: String(answer), from: performance.now(), closed }
  }))
  for (const { answer, from, closed } of connections) {
    t.match(answer, /^Keep-Alive: timeout=1\r$/m)
    const idle = await closed - from
    t.ok(idle > 900 && idle < 10_000, `${idle} ms`)
  }
})

t.test('a person at a terminal is told where to go', async t => {
  const child = await serve(t, {}, { before: 'process.stdout.isTTY = true' })
  await eventually('the address', () => child.stdout().includes(`Handstamp is ready: ${child.url}/auth/login`))
  child.process.kill('SIGINT')
  t.equal(await child.ended, 0)
})

t.test('what is odd but possible is a warning in the log', async t => {
  const rogue = await rogueProvider(t)
  const child = await serve(t, { ...rogue.env, GOOGLE_CLIENT_ID: 'x', GOOGLE_CLIENT_SECRET: 'y', GOOGLE_ISSUER: rogue.issuer })
  t.match(lines(child), [{ level: 40, msg: /OIDC_ROGUE_EMAIL_DOMAINS/ }].map(line => line as object))
})

t.test('L23 a login that is under way at SIGTERM is finished, and nothing new is accepted when it is the last', async t => {
  const rogue = await rogueProvider(t)
  const child = await serve(t, rogue.env)
  let release = () => {}
  const released = new Promise<void>(resolve => { release = resolve })
  rogue.handlers['/jwks'] = async (_request, response) => {
    delete rogue.handlers['/jwks']
    await released
    const answer = await fetch(`${rogue.issuer}/jwks`)
    response.setHeader('content-type', 'application/json').end(await answer.text())
  }
  const answer = callback(child.url, rogue)
  await eventually('the callback', () => rogue.requests.includes('/jwks'))
  child.process.kill('SIGINT') // as at a terminal: no proxy is waited for
  await eventually('stopping', () => child.stdout().includes('"msg":"stopping"'))
  await eventually('no new connection', () => fetch(`${child.url}/livez`).then(() => false, () => true))
  release()
  const { status, headers } = await answer
  t.same([status, headers.get('connection')], [200, 'close'])
  t.equal(await child.ended, 0)
})

interface Asked {
  status: number
  connection: string
  reused: boolean
}

/** Asks on a connection of its own, or on one that the agent has kept. */
const ask = (url: string, path: string, agent?: Agent, method = 'GET') => new Promise<Asked>((resolve, reject) => {
  const asking = request(`${url}${path}`, { method, headers: { origin: url }, ...(agent && { agent }) }, answer => {
    answer.resume().on('end', () => {
      resolve({ status: answer.statusCode ?? 0, connection: String(answer.headers.connection), reused: asking.reusedSocket })
    })
  }).on('error', reject).end()
})

t.test('L23 after SIGTERM readiness is red first, and requests on idle and on new connections are served with Connection: close', async t => {
  const child = await serve(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const accepted = connect(child.port, 'localhost')
  await once(accepted, 'connect')
  t.same(await ask(child.url, '/livez', agent), { status: 200, connection: 'keep-alive', reused: false })
  child.process.kill('SIGTERM')
  await eventually('stopping', () => child.stdout().includes('"msg":"stopping"'))
  t.equal((await ask(child.url, '/readyz')).status, 503)
  t.same(await ask(child.url, '/auth/logout', agent, 'POST'), { status: 204, connection: 'close', reused: true })
  t.same(await ask(child.url, '/auth/providers'), { status: 200, connection: 'close', reused: false })
  let text = ''
  accepted.on('data', chunk => { text += String(chunk) })
  accepted.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(accepted, 'close')
  t.match(text, /^HTTP\/1.1 200 OK[^]*connection: close/i, 'also on one that had brought nothing yet')
  t.equal(await child.ended, 0)
  t.same(lines(child).filter(({ status }) => status === 503), [], 'nothing else was refused')
})

t.test('L23 a stop waits neither for connections that bring nothing nor, without a proxy, for more than a moment', async t => {
  const [idle, quiet] = await Promise.all([serve(t), serve(t)])
  const agent = new Agent({ keepAlive: true })
  await ask(idle.url, '/livez', agent)
  const silent = connect(idle.port, 'localhost')
  await once(silent, 'connect')
  const closed = once(silent, 'close')
  const from = performance.now()
  for (const child of [idle, quiet]) child.process.kill('SIGTERM')
  t.equal(await quiet.ended, 0)
  t.ok(performance.now() - from < 4_000, 'nobody was connected')
  t.equal(await idle.ended, 0)
  t.ok(performance.now() - from < 10_000)
  await closed
})

t.test('L24 a second SIGTERM ends it at once, whatever is under way', async t => {
  const rogue = await rogueProvider(t)
  const child = await serve(t, rogue.env)
  rogue.handlers['/token'] = () => {}
  const answer = callback(child.url, rogue).then(response => response.text())
  await eventually('the callback', () => rogue.requests.includes('/token'))
  const lost = t.rejects(answer)
  child.process.kill('SIGTERM')
  await eventually('stopping', () => child.stdout().includes('"msg":"stopping"'))
  const from = Date.now()
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 1)
  t.ok(Date.now() - from < 3000)
  await lost
})

/** A server that never closes, and the one timer that ends the process all the same, twenty times as fast; it tells its time. */
const hung = `
  import { Server } from 'node:http'
  import { promisify } from 'node:util'
  const real = setTimeout
  globalThis.setTimeout = Object.assign((...timer) => real(...timer), {
    [promisify.custom]: (ms, value) => {
      process.stderr.write('at most ' + ms + ' ms')
      return new Promise(resolve => real(resolve, ms / 20, value))
    }
  })
  Server.prototype.close = function () { return this }`

t.test('L24 a stop that hangs ends after fifteen seconds at most, with exit code 1', async t => {
  const child = await serve(t, {}, { before: hung })
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 1)
  const [, grace] = /^at most (\d+) ms/.exec(child.stderr()) ?? []
  t.ok(Number(grace) <= 15_000, `${grace} ms`)
})

t.test('L31 a log that nobody reads any more does not end the service', async t => {
  const child = await serve(t)
  child.process.stdout?.destroy()
  for (let time = 0; time < 50; time++) t.equal((await fetch(`${child.url}/auth/providers`)).status, 200)
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 0)
})

t.test('L32 a log that nobody reads for now holds up neither requests nor the end', async t => {
  const child = await serve(t, { LOG_LEVEL: 'debug' })
  child.process.stdout?.pause()
  let slowest = 0
  for (let time = 0; time < 40; time++) {
    const from = Date.now()
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${child.url}/auth/nobody`))) // a refusal with its stack: a kilobyte of log
    await Promise.all(answers.map(answer => answer.text()))
    slowest = Math.max(slowest, Date.now() - from)
  }
  t.ok(slowest < 3000, `${slowest} ms`)
  const stopped = once(child.process, 'exit')
  const from = Date.now()
  child.process.kill('SIGTERM')
  t.equal((await stopped)[0], 0)
  t.ok(Date.now() - from < 10_000)
  t.equal(child.stderr(), '', 'nothing grows with each flush')
})

t.test('L31 an error that nobody caught is logged and ends the service with exit code 1', async t => {
  const child = await serve(t, {}, { before: "process.on('SIGWINCH', () => { throw new Error('out of the blue') })" })
  child.process.kill('SIGWINCH')
  t.equal(await child.ended, 1)
  t.match(lines(child).find(({ level }) => level === 60), { msg: /nobody caught/, err: { message: 'out of the blue' } })
})

t.test('L31 so does a rejection that nobody handled', async t => {
  const child = await serve(t, {}, { before: "process.on('SIGWINCH', () => { Promise.reject(new Error('out of the blue')) })" })
  child.process.kill('SIGWINCH')
  t.equal(await child.ended, 1)
  t.match(child.stdout(), 'out of the blue')
})

/** Coverage is written at the end of a process, which one that kills itself does not come to. */
const writesCoverage = `
  const { kill } = process
  process.kill = (pid, signal) => {
    process.removeAllListeners('exit').emit('exit', 0)
    kill.call(process, pid, signal)
  }`

/** Where LMDB writes what makes a commit count: without it, nothing can be committed by this process any more. */
const losesItsDisk = `${writesCoverage}
  import { closeSync, constants, readdirSync, readFileSync } from 'node:fs'
  process.on('SIGWINCH', () => {
    for (const file of readdirSync('/proc/self/fd')) try {
      const [, flags] = /flags:\\s+(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + file, 'utf8'))
      if (parseInt(flags, 8) & constants.O_DSYNC) closeSync(Number(file))
    } catch {}
    console.log('{"msg":"lost"}')
  })`

t.test('L31 a store that is lost to the process ends it, and the next one goes on', async t => {
  const rogue = await rogueProvider(t)
  const DATA_DIR = temporaryFolder(t)
  const child = await serve(t, { ...rogue.env, DATA_DIR }, { before: losesItsDisk })
  t.equal((await callback(child.url, rogue)).status, 200)
  child.process.kill('SIGWINCH')
  await eventually('it is lost', () => child.stdout().includes('"lost"'))
  t.equal((await callback(child.url, rogue)).status, 503)
  t.equal(await child.ended, 'SIGKILL')
  t.match(lines(child).find(({ level }) => level === 60), { err: { message: 'the embedded store is lost to this process' } })
  const next = await serve(t, { ...rogue.env, DATA_DIR })
  t.equal((await callback(next.url, rogue)).status, 200)
})

t.test('L23 SIGTERM ends a service whose store another process holds up', async t => {
  const rogue = await rogueProvider(t)
  const DATA_DIR = temporaryFolder(t)
  const child = await serve(t, { ...rogue.env, DATA_DIR }, { before: writesCoverage })
  const holder = run(t, {}, { program: fileURLToPath(new URL('../stores/embedded/holder.js', import.meta.url)), args: [DATA_DIR] })
  await eventually('it holds on', () => holder.stdout() !== '')
  const from = performance.now()
  t.equal((await callback(child.url, rogue)).status, 503)
  t.ok(performance.now() - from < 5_000)
  t.equal((await fetch(`${child.url}/readyz`)).status, 503)
  t.equal((await fetch(`${child.url}/livez`)).status, 200)
  t.equal((await fetch(`${child.url}/.well-known/jwks.json`)).status, 200)
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 'SIGKILL')
  t.match(lines(child).at(-1), { msg: 'stopped' })
  holder.process.kill('SIGKILL')
})

t.test('a start says at once why it cannot reach Redis, and SIGTERM is heard while it waits', async t => {
  const child = run(t, { REDIS_URL: `redis://:hunter2@127.0.0.1:${await freePort()}`, SECRET: 'a secret of thirty-two characters!', PORT: '0' })
  await eventually('it is told', () => /nothing listens there \(connection refused\)/.test(child.stdout()))
  child.process.kill('SIGTERM')
  t.equal(await child.ended, 0)
  t.match(lines(child), [{ level: 50, msg: 'the store has a problem' }, { msg: 'stopping' }, { msg: 'stopped' }].map(line => line as object))
  t.notMatch(child.stdout() + child.stderr(), 'hunter2')
})

t.test('a command says at once why it cannot reach Redis', async t => {
  const child = run(t, { REDIS_URL: 'redis://redis.invalid', SECRET: 'a secret of thirty-two characters!' }, { args: ['keys', 'list'] })
  await eventually('it is told', () => /^handstamp: Redis cannot be reached \(redis\.invalid:6379\)/.test(child.stderr()))
})

t.test('a port in use is told in one line, with exit code 1', async t => {
  const squatter = createServer()
  await new Promise<void>(resolve => squatter.listen(0, 'localhost', resolve))
  t.teardown(() => squatter.close())
  const port = String((squatter.address() as AddressInfo).port)
  const child = run(t, { PORT: port, PUBLIC_URL: `http://localhost:${port}`, DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256' })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /^handstamp cannot start: .*EADDRINUSE/)
  t.equal(child.stderr().trimEnd().split('\n').length, 1)
})

/** As if the hosts file gave localhost these addresses. 192.0.2.1 is no machine's. */
const localhostIs = (...addresses: string[]) => `
  import dns from 'node:dns/promises'
  import { syncBuiltinESMExports } from 'node:module'
  dns.lookup = async () => ${JSON.stringify(addresses.map(address => ({ address, family: 4 })))}
  syncBuiltinESMExports()`

t.test('localhost is every address that it has on this machine', async t => {
  const child = await serve(t, {}, { before: localhostIs('127.0.0.1', '127.0.0.2', '192.0.2.1', '127.0.0.1') })
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    t.equal((await fetch(`http://${host}:${child.port}/livez`)).status, 200)
    const socket = connect(child.port, host).end('nonsense\r\n\r\n')
    const [answer] = await once(socket, 'data') as [Buffer]
    t.match(String(answer), /^HTTP\/1.1 400 [^]*x-content-type-options: nosniff[^]*"code":"invalid_request"/i, 'with our headers')
    t.match(child.stdout(), `listening on http://${host}:${child.port}`)
  }
  t.notMatch(child.stdout(), '192.0.2.1')
  child.process.kill('SIGINT')
  t.equal(await child.ended, 0)
})

t.test('an address that is not this machine\'s is told in one line, with exit code 1', async t => {
  const child = run(t, { HOST: '192.0.2.1', DEV_LOGIN: 'true', PORT: '0', DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256' })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /handstamp cannot start: this machine does not have the address 192\.0\.2\.1: see HOST: .*EADDRNOTAVAIL.*\n$/)
  const unknown = run(t, { HOST: 'no-such-host.invalid', DEV_LOGIN: 'true', PORT: '0', DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256' })
  t.equal(await unknown.ended, 1)
  t.match(unknown.stderr(), /handstamp cannot start: .*no-such-host\.invalid.*\n$/)
})

t.test('a port of which another program has a part is in use', async t => {
  const squatter = createServer().listen(0, '127.0.0.2')
  t.teardown(() => squatter.close())
  await once(squatter, 'listening')
  const PORT = String((squatter.address() as AddressInfo).port)
  const child = run(t, { PORT, DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256' }, { before: localhostIs('127.0.0.1', '127.0.0.2') })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /^handstamp cannot start: another program has port \d+ of the address 127\.0\.0\.2: .*EADDRINUSE.*\n$/)
})

t.test('localhost is both of its addresses, whatever the hosts file says: either in the hands of another program refuses the start', async t => {
  for (const [taken, listed] of [['::1', '127.0.0.1'], ['127.0.0.1', '::1']] as const) {
    const squatter = createServer().listen({ port: 0, host: taken, ipv6Only: true })
    t.teardown(() => squatter.close())
    await once(squatter, 'listening')
    const PORT = String((squatter.address() as AddressInfo).port)
    for (const WORKERS of ['1', '2']) {
      const env = { PORT, WORKERS, DATA_DIR: temporaryFolder(t), SIGNING_ALG: 'ES256' }
      const child = run(t, env, { before: localhostIs(listed) })
      t.equal(await child.ended, 1)
      t.match(child.stderr(), `handstamp cannot start: another program has port ${PORT} of the address ${taken}: end it, or choose another PORT`)
    }
  }
  const child = await serve(t, {}, { before: localhostIs('127.0.0.1') })
  for (const host of ['127.0.0.1', '[::1]']) t.equal((await fetch(`http://${host}:${child.port}/livez`)).status, 200)
  child.process.kill('SIGINT')
  t.equal(await child.ended, 0)
})

t.test('a DATA_DIR that cannot be one is told in one line, with exit code 1', async t => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, '')
  const child = run(t, { DATA_DIR: file })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /^handstamp cannot start: .*ENOTDIR.*\n$/)
})

t.test('R78 keys that the SECRET does not open are told, with exit code 1', async t => {
  const DATA_DIR = temporaryFolder(t)
  const before = await serve(t, { DATA_DIR, SECRET: 'first-secret-of-the-operator-0123456789' })
  before.process.kill('SIGTERM')
  await before.ended
  const child = run(t, { DATA_DIR, SECRET: 'second-secret-of-the-operator-0123456789', SIGNING_ALG: 'ES256', PORT: '0' })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /^handstamp cannot start: .*SECRET.*\n$/)
  t.notMatch(child.stderr(), 'of-the-operator')
})

t.test('R78 a bad configuration is told in full, with exit code 1', async t => {
  const child = run(t, { PORT: 'http', TOKEN_TTL: 'soon', SECRET: 'not-long-enough' })
  t.equal(await child.ended, 1)
  t.match(child.stderr(), /3 problems[^]*PORT must be[^]*for example: PORT=3000[^]*SECRET[^]*TOKEN_TTL/)
  t.notMatch(child.stderr(), 'not-long-enough')
  t.equal(child.stdout(), '')
})

t.test('R76 DEBUG prints no secret of ours', async t => {
  const rogue = await rogueProvider(t)
  const child = await serve(t, { ...rogue.env, DEBUG: '*', LOG_LEVEL: 'trace' })
  t.equal((await callback(child.url, rogue)).status, 200)
  rogue.token = { error: 'invalid_grant' }
  t.equal((await callback(child.url, rogue)).status, 502)
  child.process.kill('SIGTERM')
  await child.ended
  t.equal(child.stderr(), '')
  t.notMatch(child.stdout(), /rogue-secret|code-\d-of-the-rogue|provider-access-token|ada@example/)
})
