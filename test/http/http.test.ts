import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { Environment } from '../../src/env/environment.ts'
import { AuthError, refusals } from '../../src/errors.ts'
import { clientErrorHandler, refusalOf } from '../../src/http/error-handler.ts'
import { StoreError } from '../../src/stores/store.ts'
import { buildTestApp, temporaryFolder, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { assertHeaders } from '../helpers/headers.ts'
import { rogueProvider } from '../helpers/rogue-provider.ts'
import { listeningApp, overTheWire, parsed, raw } from '../helpers/wire.ts'

// Headers of every answer

for (const PUBLIC_URL of ['http://localhost:3000', 'https://localhost:3000']) {
  const secure = PUBLIC_URL.startsWith('https')

  t.test(`R67 every kind of answer of ${PUBLIC_URL} carries the headers`, async t => {
    const { app } = await buildTestApp(t, { PUBLIC_URL })
    const browser = new Browser(app, PUBLIC_URL)
    const json = { accept: 'application/json' }
    const page = await browser.visit('/auth/dev')
    for (const [expected, answer] of [
      [200, await browser.visit('/livez')],
      [200, await browser.visit('/auth/providers')],
      [200, await browser.visit('/auth/login')],
      [200, await browser.visit('/auth/login', { headers: json })],
      [200, await browser.visit('/auth/openapi.json')],
      [200, await browser.visit('/livez', { method: 'HEAD' })],
      [302, page],
      [303, await devSignIn(browser)],
      [200, await browser.visit('/auth/me')],
      [204, await browser.visit('/auth/logout', { method: 'POST', json: {} })],
      [400, await browser.visit('/auth/dev/callback')],
      [400, await browser.visit('/auth/dev/callback?state=x', { headers: json })],
      [400, await browser.visit('/auth/%ff%')],
      [401, await browser.visit('/auth/me')],
      [403, await browser.visit('/auth/logout', { method: 'POST' })],
      [404, await browser.visit('/nothing')],
      [404, await browser.visit('/auth/nobody')],
      [404, await browser.visit('/auth/nobody', { headers: json })],
      [405, await browser.visit('/auth/me', { method: 'PUT' })],
      [413, await browser.visit('/auth/logout', { method: 'POST', json: 'x'.repeat(20_000) })],
      [414, await browser.visit(`/auth/login?x=${'x'.repeat(9000)}`)],
      [415, await browser.visit('/auth/logout', { method: 'POST', json: {}, headers: { 'content-type': 'text/plain' } })]
    ] as const) {
      t.equal(answer.status, expected, answer.url)
      assertHeaders(t, answer.headers, secure, `${expected} ${answer.url}`)
    }
  })

  t.test(`R67 public documents of ${PUBLIC_URL} differ in the last two headers alone`, async t => {
    const { app } = await buildTestApp(t, { PUBLIC_URL })
    const { headers } = await app.inject('/.well-known/jwks.json')
    assertHeaders(t, { ...headers, 'cache-control': 'no-store', 'cross-origin-resource-policy': 'same-origin' }, secure, 'jwks')
    t.match(headers, { 'cache-control': 'public, max-age=600', 'cross-origin-resource-policy': 'cross-origin' })
  })
}

async function brokenApp (t: Teardown) {
  const lines: string[] = []
  const app = await buildApp(loadConfig({ DATA_DIR: temporaryFolder(t) }), { log: { write: line => { lines.push(line) } } })
  t.teardown(() => app.close())
  app.get('/broken', async () => { throw new Error('the password is hunter2') })
  app.get('/odd', async () => { throw Object.assign(new Error('hunter2'), { statusCode: 418 }) })
  return { app, log: () => lines.join('') }
}

t.test('R74 an error of ours is a 500 that says nothing, and the headers are there', async t => {
  const { app, log } = await brokenApp(t)
  const answer = await app.inject('/broken')
  t.equal(answer.statusCode, 500)
  assertHeaders(t, answer.headers, false, '500')
  t.match(answer.json(), { code: 'internal_error', detail: 'Something went wrong on our side.' })
  t.notMatch(answer.body, /hunter2|at .*\.(js|ts)/)
  t.match(log(), answer.json().request_id)
})

t.test('R74 an error of a library that blames the request is a plain 400', async t => {
  const { app } = await brokenApp(t)
  const answer = await app.inject('/odd')
  t.equal(answer.statusCode, 400)
  t.equal(answer.json().code, 'invalid_request')
  t.notMatch(answer.body, 'hunter2')
})

t.test('R74 any error becomes a refusal of the catalogue', async t => {
  for (const [error, code] of [
    [new AuthError('email_missing'), 'email_missing'],
    [new StoreError('down'), 'store_unavailable'],
    [Object.assign(new Error(), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }), 'payload_too_large'],
    [Object.assign(new Error(), { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }), 'unsupported_media_type'],
    [Object.assign(new Error(), { code: 'FST_ERR_HANDLER_TIMEOUT', statusCode: 503 }), 'provider_timeout'],
    [Object.assign(new Error(), { statusCode: 499 }), 'invalid_request'],
    [Object.assign(new Error(), { statusCode: 399 }), 'internal_error'],
    [Object.assign(new Error(), { statusCode: 500 }), 'internal_error'],
    [Object.assign(new Error(), { validation: [] }), 'invalid_request'],
    [new TypeError('x'), 'internal_error'],
    ['a text', 'internal_error'],
    [7, 'internal_error']
  ] as const) t.equal(refusalOf(error).code, code)
})

// Problems

t.test('a refusal is problem+json as RFC 9457 has it', async t => {
  const { app } = await buildTestApp(t)
  const answer = await app.inject('/auth/nobody')
  t.match(answer.headers['content-type'], /^application\/problem\+json\b/)
  const { request_id: requestId, ...problem } = answer.json()
  t.same(problem, { type: 'about:blank', title: 'Not Found', status: 404, detail: refusals.unknown_provider[1], code: 'unknown_provider' })
  t.match(requestId, /^[\w-]{12}$/)
})

t.test('R74 every request has an id of its own', async t => {
  const { app } = await buildTestApp(t)
  const ids = await Promise.all(Array.from({ length: 20 }, async () => (await app.inject({ url: '/x', headers: { 'request-id': 'mine' } })).json().request_id))
  t.equal(new Set(ids).size, 20)
})

t.test('a malformed parameter is named by our own word for it', async t => {
  const { app } = await buildTestApp(t)
  for (const [path, detail] of [
    ['/auth/dev/callback', 'see the parameter state.'],
    ['/auth/dev/callback?state=', 'see the parameter state.'],
    ['/auth/dev?prompt=a&prompt=b', 'see the parameter prompt.'],
    ['/auth/dev/authorize', 'see the parameter client_id.']
  ] as const) t.match((await app.inject(path)).json(), { status: 400, code: 'invalid_request', detail: `The request is malformed: ${detail}` })
  const answer = await app.inject({ method: 'POST', url: '/auth/logout', headers: { 'content-type': 'application/json' }, payload: '[]' })
  t.equal(answer.json().detail, 'The request is malformed.')
})

t.test('a refusal where people come is a page for whoever prefers pages', async t => {
  const { app } = await buildTestApp(t)
  const pages = ['text/html', 'text/html,application/xhtml+xml,*/*;q=0.8', 'TEXT/HTML', 'text/html;q=0.9, application/json;q=0.9', 'text/html;level=1']
  const problems = [undefined, '*/*', 'application/json', 'application/json, text/html;q=0.5', 'text/html;q=0', 'text/*', '',
    'application/problem+json,text/html;q=0.1']
  for (const accept of [...pages, ...problems]) {
    const answer = await app.inject({ url: '/auth/login?return_to=//x', headers: accept === undefined ? {} : { accept } })
    t.equal(answer.statusCode, 400)
    t.match(answer.headers['content-type'], pages.includes(String(accept)) ? 'text/html' : 'application/problem+json', String(accept))
  }
})

t.test('a login without Accept is answered with a redirect, not with a token', async t => {
  const { app, url } = await buildTestApp(t)
  const browser = new Browser(app, url)
  const chosen = await browser.submit(await browser.follow('/auth/dev'), { email: 'ada@example.com' })
  const [[name, value] = []] = [...browser.cookies]
  const done = await app.inject({ url: String(chosen.headers['location']), headers: { cookie: `${name}=${value}` } })
  t.equal(done.statusCode, 303)
  t.equal(done.headers['location'], '/auth/account')
})

t.test('a refusal where only programs come is problem+json for browsers too', async t => {
  const { app } = await buildTestApp(t)
  const answer = await app.inject({ url: '/auth/me', headers: { accept: 'text/html' } })
  t.match(answer.headers['content-type'], /^application\/problem\+json\b/)
})

t.test('an error page names the code and the request, and the way on', async t => {
  const { app } = await buildTestApp(t)
  const answer = await app.inject({ url: '/auth/nobody', headers: { accept: 'text/html' } })
  t.match(answer.body, 'Nothing here')
  t.match(answer.body, /unknown_provider · [\w-]{12}/)
  t.match(answer.body, 'href="/auth/login"')
})

t.test('R68 a suffix does not turn a private address into a cacheable one', async t => {
  const { app, url } = await buildTestApp(t)
  const browser = new Browser(app, url)
  await devSignIn(browser)
  for (const path of ['/auth/me/x.css', '/auth/me.css', '/auth/me%2fx.css', '/auth/me%3fx.css', '/auth/me;x.css', '/auth/me%00.css', '/auth/me/',
    '/auth/account/x.css', '/auth//me', '/Auth/me', '/auth/ME']) {
    const answer = await browser.visit(path)
    t.equal(answer.status, 404, path)
    t.equal(answer.headers['cache-control'], 'no-store')
    t.notMatch(answer.body, 'ada@example.com')
  }
})

t.test('R10 addresses come from PUBLIC_URL, whatever host was asked', async t => {
  const { app, url } = await buildTestApp(t, { TRUST_PROXY: 'loopback' })
  const headers = {
    host: 'evil.test',
    'x-forwarded-host': 'evil.test',
    'x-forwarded-proto': 'https',
    forwarded: 'host=evil.test;proto=https',
    'x-original-url': '/evil'
  }
  const start = await app.inject({ url: '/auth/dev', headers })
  t.equal(new URL(String(start.headers['location'])).searchParams.get('redirect_uri'), `${url}/auth/dev/callback`)
  for (const path of ['/', '/auth/account', '/auth/login', '/auth/providers']) {
    const answer = await app.inject({ url: path, headers })
    t.notMatch(answer.body + String(answer.headers['location']), 'evil')
  }
})

// Health

t.test('R81 the health routes say ok and no more', async t => {
  const { app } = await buildTestApp(t)
  for (const path of ['/livez', '/healthz', '/readyz']) {
    const answer = await app.inject(path)
    t.equal(answer.statusCode, 200)
    t.same(answer.json(), { status: 'ok' })
    t.equal((await app.inject({ method: 'HEAD', url: path })).statusCode, 200)
  }
})

t.test('L23 while the service stops, readiness is red and what still arrives is told to try again', async t => {
  const { app, address } = await listeningApp(t)
  // Requests that have begun when the stop comes, and end after it.
  const begun = await Promise.all(['/readyz', '/livez', '/auth/login'].map(async path => {
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    await once(socket, 'connect')
    const arrived = once(app.server, 'connection')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n`)
    await arrived
    return socket
  }))
  // An answer on a later connection says that the earlier bytes were read.
  await overTheWire(address, raw('GET /livez HTTP/1.1'))
  const closed = app.close()
  while (app.server.listening) await new Promise(resolve => setImmediate(resolve))
  const answers = await Promise.all(begun.map(async socket => {
    let text = ''
    socket.on('data', chunk => { text += String(chunk) }).on('error', () => {})
    socket.write('Connection: close\r\n\r\n')
    await once(socket, 'close')
    return parsed(text)
  }))
  await closed
  t.same(answers.map(({ status }) => status), [503, 503, 503])
  t.same(JSON.parse(answers[0]?.body ?? ''), { status: 'unavailable' })
  t.equal(JSON.parse(answers[2]?.body ?? '').code, 'shutting_down')
  for (const { headers } of answers) t.match(headers['retry-after'], /^[1-9]\d*$/)
})

// Methods

t.test('a word of ours is no provider', async t => {
  const { app } = await buildTestApp(t)
  for (const path of ['/auth/verify', '/auth/%72efresh', '/auth/refresh/callback?state=x']) {
    t.match((await app.inject(path)).json(), { status: 404, code: 'not_found' }, path)
  }
})

t.test('R70 a method that an address does not answer is 405 with Allow', async t => {
  const { app } = await buildTestApp(t)
  for (const [method, path, allow] of [
    ['POST', '/auth/me', 'GET, HEAD'],
    ['DELETE', '/auth/logout', 'POST'],
    ['PUT', '/auth/logout', 'POST'],
    ['GET', '/auth/logout', 'POST'],
    ['GET', '/auth/refresh?x', 'POST'],
    ['POST', '/auth/login', 'GET, HEAD'],
    ['POST', '/auth/dev', 'GET'],
    ['HEAD', '/auth/dev', 'GET'],
    ['HEAD', '/auth/dev/callback?state=x', 'GET'],
    ['PUT', '/auth/dev/callback?code=x', 'GET'],
    ['PATCH', '/auth/dev/authorize', 'GET, POST'],
    ['POST', '/.well-known/jwks.json', 'GET, HEAD'],
    ['DELETE', '/livez', 'GET, HEAD'],
    ['OPTIONS', '/livez', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD']
  ] as const) {
    const answer = await app.inject({ method, url: path })
    t.equal(answer.statusCode, 405, `${method} ${path}`)
    t.equal(answer.headers['allow'], allow, `${method} ${path}`)
    if (method !== 'HEAD') t.equal(answer.json().code, 'method_not_allowed')
  }
})

t.test('R70 unusual methods are refused on the wire too', async t => {
  const { address } = await listeningApp(t)
  for (const method of ['TRACE', 'PROPFIND', 'MKCOL', 'PURGE', 'REPORT', 'SEARCH']) {
    const answer = await overTheWire(address, raw(`${method} /auth/me HTTP/1.1`, 'Cookie: handstamp=secret-cookie'))
    t.equal(answer.status, 405, method)
    t.equal(answer.headers['allow'], 'GET, HEAD')
    t.notMatch(answer.body, 'secret-cookie')
    t.equal((await overTheWire(address, raw(`${method} /nothing HTTP/1.1`))).status, 404)
  }
})

// Sizes

t.test('R69 a URL over 8 KiB is 414, one below is not', async t => {
  const { app } = await buildTestApp(t)
  const path = '/auth/login?x='
  t.equal((await app.inject(path + 'x'.repeat(8192 - path.length))).statusCode, 200)
  const answer = await app.inject(path + 'x'.repeat(8193 - path.length))
  t.equal(answer.statusCode, 414)
  t.equal(answer.json().code, 'uri_too_long')
  t.equal((await app.inject(`/${'x'.repeat(9000)}`)).statusCode, 414)
})

t.test('R69 more than 100 parameters are refused', async t => {
  const { app } = await buildTestApp(t)
  t.equal((await app.inject(`/auth/login?${'a=1&'.repeat(99)}b=1`)).statusCode, 200)
  for (const query of [`${'a=1&'.repeat(100)}b=1`, '&'.repeat(101), 'a&'.repeat(4000)]) {
    const answer = await app.inject(`/auth/login?${query}`)
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().code, 'invalid_request')
  }
})

t.test('R69 nor in a body', async t => {
  const { app, url } = await buildTestApp(t)
  const logout = (type: string, payload: string) =>
    app.inject({ method: 'POST', url: '/auth/logout', headers: { 'content-type': type, origin: url }, payload })
  const names = (count: number) => Array.from({ length: count }, (_, number) => `a${number}`)
  const form = 'application/x-www-form-urlencoded'
  t.equal((await logout(form, names(100).map(name => `${name}=1`).join('&'))).statusCode, 303)
  for (const [type, payload] of [
    [form, names(101).map(name => `${name}=1`).join('&')],
    [form, 'a=1&'.repeat(101)],
    ['application/json', JSON.stringify(Object.fromEntries(names(101).map(name => [name, 1])))]
  ] as const) {
    const answer = await logout(type, payload)
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().code, 'invalid_request')
    const unread = await app.inject({ method: 'POST', url: '/auth/refresh', headers: { 'content-type': type, origin: url }, payload })
    t.equal(unread.json().code, 'invalid_request')
  }
})

t.test('R69 a body over 16 KiB is 413', async t => {
  const { app, url } = await buildTestApp(t)
  const post = (type: string, payload: string) => app.inject({ method: 'POST', url: '/auth/logout', headers: { 'content-type': type, origin: url }, payload })
  for (const [type, prefix, suffix] of [['application/json', '{"x":"', '"}'], ['application/x-www-form-urlencoded', 'x=', '']] as const) {
    const filler = 16 * 1024 - prefix.length - suffix.length
    t.ok((await post(type, prefix + 'x'.repeat(filler) + suffix)).statusCode < 400, type)
    const answer = await post(type, prefix + 'x'.repeat(filler + 1) + suffix)
    t.equal(answer.statusCode, 413, type)
    t.equal(answer.json().code, 'payload_too_large')
  }
})

t.test('R69 a body that does not say its size is cut at the limit', async t => {
  const { address, url } = await listeningApp(t)
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`
  const head = raw('POST /auth/logout HTTP/1.1', `Origin: ${url}`, 'Content-Type: application/json', 'Transfer-Encoding: chunked').join('\r\n')
  const answer = await overTheWire(address, `${head}${chunk.repeat(6)}0\r\n\r\n`)
  t.equal(answer.status, 413)
  t.equal(JSON.parse(answer.body).code, 'payload_too_large')
})

t.test('R69 headers over 32 KiB are 431, with our headers', async t => {
  const { address } = await listeningApp(t)
  t.equal((await overTheWire(address, raw('GET /livez HTTP/1.1', `X-Much: ${'x'.repeat(30_000)}`))).status, 200)
  const answer = await overTheWire(address, raw('GET /livez HTTP/1.1', `X-Much: ${'x'.repeat(40_000)}`))
  t.equal(answer.status, 431)
  assertHeaders(t, answer.headers, false, '431')
  t.equal(answer.headers['content-type'], 'application/problem+json')
  t.match(JSON.parse(answer.body), { status: 431, code: 'headers_too_large', request_id: 'none' })
})

t.test('R67 what is not HTTP is 400, with our headers', async t => {
  const { address } = await listeningApp(t)
  for (const request of ['hello\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', '\u0016\u0003\u0001\u0002\r\n\r\n']) {
    const answer = await overTheWire(address, request)
    t.equal(answer.status, 400, request.slice(0, 12))
    assertHeaders(t, answer.headers, false, request.slice(0, 12))
    t.match(JSON.parse(answer.body), { status: 400, code: 'invalid_request' })
  }
})

/** What a client sees of a request that ended in this error. */
async function clientError (t: Teardown, error: NodeJS.ErrnoException, before: (socket: Socket) => void = () => {}) {
  const server = createServer(socket => {
    before(socket)
    clientErrorHandler({ 'x-ours': 'yes' }, () => {})(error, socket)
  })
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  socket.on('data', chunk => { text += String(chunk) }).on('error', () => {})
  await once(socket, 'close')
  return { text, ...parsed(text) }
}

t.test('R69 a request that takes too long to arrive is 408', async t => {
  const answer = await clientError(t, Object.assign(new Error('hunter2'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }))
  t.equal(answer.status, 408)
  t.equal(answer.headers['x-ours'], 'yes')
  t.equal(JSON.parse(answer.body).code, 'request_timeout')
  t.notMatch(answer.text, 'hunter2')
})

t.test('R69 who sends too slowly is cut: headers after ten seconds, and a body', async t => {
  const { address, url } = await listeningApp(t)
  const from = performance.now()
  const head = raw('POST /auth/logout HTTP/1.1', `Origin: ${url}`, 'Content-Type: application/json', 'Content-Length: 100')
    .filter(line => !line.startsWith('Connection'))
  const halves = ['GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ', [...head.slice(0, -1), '', '{'].join('\r\n')]
  const answers = await Promise.all(halves.map(half => overTheWire(address, half)))
  t.ok(performance.now() - from < 13_000)
  for (const answer of answers) {
    t.equal(answer.status, 408)
    assertHeaders(t, answer.headers, false, '408')
    t.equal(answer.headers['connection'], 'close')
    t.equal(JSON.parse(answer.body).code, 'request_timeout', 'and nothing after it')
  }
})

t.test('a connection that is gone gets no answer', async t => {
  t.equal((await clientError(t, Object.assign(new Error(), { code: 'ECONNRESET' }))).text, '')
  t.match(await clientError(t, Object.assign(new Error(), { code: 'HPE_HEADER_OVERFLOW' })), { status: 431, text: /Too many cookies/ })
  t.equal((await clientError(t, Object.assign(new Error(), { code: 'HPE_INVALID_METHOD' }), socket => { socket.end() })).text, '')
})

// Rates

t.test('R71 starts over RATE_LIMIT are 429 with Retry-After', async t => {
  const { app } = await buildTestApp(t, { RATE_LIMIT: '3' })
  for (let time = 0; time < 3; time++) t.equal((await app.inject('/auth/dev')).statusCode, 302)
  const answer = await app.inject('/auth/dev')
  t.equal(answer.statusCode, 429)
  t.equal(answer.json().code, 'rate_limited')
  const wait = Number(answer.headers['retry-after'])
  t.ok(Number.isInteger(wait) && wait > 0 && wait <= 60)
  assertHeaders(t, answer.headers, false, '429')
  t.notMatch(Object.keys(answer.headers).join(), 'ratelimit')
})

t.test('R71 callbacks are counted apart from starts', async t => {
  const { app } = await buildTestApp(t, { RATE_LIMIT: '3' })
  for (let time = 0; time < 4; time++) await app.inject('/auth/dev')
  for (let time = 0; time < 3; time++) t.equal((await app.inject('/auth/dev/callback?state=x')).statusCode, 400)
  t.equal((await app.inject('/auth/dev/callback?state=x')).statusCode, 429)
})

t.test('R71 what only reads is not counted', async t => {
  const { app } = await buildTestApp(t, { RATE_LIMIT: '3' })
  for (const path of ['/auth/me', '/auth/login', '/.well-known/jwks.json', '/livez']) {
    for (let time = 0; time < 5; time++) t.not((await app.inject(path)).statusCode, 429)
  }
})

t.test('RATE_LIMIT=0 counts nothing', async t => {
  const { app } = await buildTestApp(t, { RATE_LIMIT: '0' })
  for (let time = 0; time < 310; time++) t.equal((await app.inject('/auth/dev')).statusCode, 302)
})

const starter = async (t: Teardown, env: Environment) => {
  const built = await buildTestApp(t, { RATE_LIMIT: '3', ...env })
  const start = async (remoteAddress: string, forwarded?: string): Promise<number> =>
    (await built.app.inject({ url: '/auth/dev', remoteAddress, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } })).statusCode
  return { ...built, start }
}

t.test('R71 each address has a count of its own', async t => {
  const { start } = await starter(t, {})
  for (let time = 0; time < 3; time++) await start('192.0.2.1')
  t.equal(await start('192.0.2.1'), 429)
  t.equal(await start('192.0.2.2'), 302)
})

t.test('R71 a forwarded address counts when a trusted proxy says so', async t => {
  const { start } = await starter(t, { TRUST_PROXY: '10.0.0.0/8' })
  for (let time = 0; time < 3; time++) await start('10.1.1.1', '203.0.113.1')
  t.equal(await start('10.1.1.1', '203.0.113.1'), 429)
  t.equal(await start('10.1.1.2', '203.0.113.1'), 429)
  t.equal(await start('10.1.1.1', '203.0.113.2'), 302)
})

t.test('R71 what a client puts before its forwarded address does not help it', async t => {
  const { start } = await starter(t, { TRUST_PROXY: '10.0.0.0/8' })
  for (let time = 0; time < 3; time++) await start('10.1.1.1', `198.51.100.${time}, 203.0.113.1`)
  t.equal(await start('10.1.1.1', '198.51.100.9, 203.0.113.1'), 429)
})

t.test('R71 a forwarded address from anyone else is ignored, and warned about once', async t => {
  const { start, log } = await starter(t, { TRUST_PROXY: '10.0.0.0/8' })
  for (let time = 0; time < 3; time++) await start('192.0.2.1', `203.0.113.${time}`)
  t.equal(await start('192.0.2.1', '203.0.113.9'), 429)
  t.equal(log().split('a proxy that TRUST_PROXY does not name').length - 1, 1)
})

t.test('R71 an IPv6 host has one count, whichever of its addresses it picks', async t => {
  const { start } = await starter(t, {})
  for (let host = 1; host <= 3; host++) await start(`2001:db8:1:2::${host}`)
  t.equal(await start('2001:db8:1:2:ffff:ffff:ffff:ffff'), 429)
  t.equal(await start('2001:db8:1:3::1'), 302)
})

// The log

t.test('R75 nothing secret is in the log of a login and of its failures, at any level', async t => {
  const rogue = await rogueProvider(t)
  const secret = 'a-secret-of-the-operator-that-is-long-enough'
  const { app, url, log } = await buildTestApp(t, { ...rogue.env, SECRET: secret, DEV_LOGIN: 'true', LOG_LEVEL: 'trace' })
  const browser = new Browser(app, url)
  const secrets = new Map([
    ['SECRET', secret],
    ['client secret', 'rogue-secret'],
    ['provider token', 'provider-access-token'],
    ['email', 'ada@example.com'],
    ['name', 'Lovelace']
  ])
  const seen = (name: string, value: unknown) => { if (typeof value === 'string' && value !== '') secrets.set(`${name} ${secrets.size}`, value) }
  const makeIdToken = rogue.makeIdToken
  rogue.makeIdToken = (header, claims) => {
    const idToken = makeIdToken(header, claims)
    seen('id_token', idToken.split('.')[1])
    return idToken
  }
  let logins = 0
  const login = async (path = '/auth/rogue', more: Record<string, string> = {}) => {
    const start = await browser.visit(path)
    const { searchParams } = new URL(String(start.headers['location']))
    for (const name of ['state', 'nonce', 'code_challenge']) seen(name, searchParams.get(name))
    for (const [name, value] of browser.cookies) seen(name, value)
    const query = { ...rogue.consent(String(start.headers['location'])), code: `the-code-${++logins}-of-the-provider`, ...more }
    seen('code', query.code)
    const address = `/auth/rogue/callback?${new URLSearchParams(query).toString()}`
    await browser.visit(address)
    return address
  }

  const callback = await login('/auth/rogue?return_to=/the-place-to-return-to&login_hint=ada@example.com')
  secrets.set('return_to', 'the-place-to-return-to')
  for (const [name, value] of browser.cookies) seen(name, value)
  const token = browser.cookies.get('handstamp') ?? ''
  t.ok(token)
  for (const part of token.split('.').slice(1)) seen('part of the token', part)
  await browser.visit('/auth/me')
  await browser.visit(callback)
  await browser.visit(`${callback}&iss=wrong-issuer`)

  rogue.claims = { email: 'ada@example.com', email_verified: 'yes' }
  await login()
  rogue.claims = { email: 'a"b@ada@example.com' }
  await login()
  rogue.claims = { nonce: 'the-wrong-nonce-of-a-token' }
  secrets.set('wrong nonce', 'the-wrong-nonce-of-a-token')
  await login()
  rogue.claims = {}
  await login('/auth/rogue', { error: 'access_denied', error_description: 'the-description-of-the-error' })
  secrets.set('error_description', 'the-description-of-the-error')
  for (const [status, body] of [[500, 'the-body-of-the-provider'], [400, '{"error":"invalid_grant","error_description":"the-body-of-the-provider"}'],
    [200, '{"access_token":"the-body-of-the-provider'], [200, '{"error":"the-body-of-the-provider"}']] as const) {
    rogue.handlers['/token'] = (_request, response) => { response.writeHead(status, { 'content-type': 'application/json' }).end(body) }
    await login()
  }
  rogue.handlers['/token'] = (_request, response) => { response.destroy() }
  await login()
  secrets.set('provider body', 'the-body-of-the-provider')
  for (const form of rogue.tokenForms) seen('code_verifier', form.get('code_verifier'))

  secrets.set('typed', 'typed-by-the-caller')
  await devSignIn(new Browser(app, url), 'ada@example.com')
  await browser.visit('/auth/me', { headers: { authorization: 'Bearer typed-by-the-caller' } })
  await browser.visit('/auth/me', { headers: { authorization: `Bearer ${token.slice(0, -6)}AAAAAA` } })
  await browser.visit('/auth/login?return_to=//typed-by-the-caller')
  await browser.visit('/auth/typed-by-the-caller?typed-by-the-caller=1')
  await browser.visit('/typed-by-the-caller')
  await browser.visit('/auth/logout', { method: 'POST', json: { return_to: 'typed-by-the-caller' } })
  await app.inject({ method: 'POST', url: '/auth/logout', headers: { 'content-type': 'application/json', origin: url }, payload: '{"typed-by-the-caller' })
  await browser.visit('/auth/logout', { method: 'POST', json: {} })

  const text = log()
  for (const event of ['login_succeeded', 'login_failed', 'logged_out', 'refused']) t.match(text, event)
  t.match(text, '"route":"/auth/:provider/callback"')
  t.ok(secrets.size > 60)
  for (const [name, value] of secrets) {
    t.notOk(text.includes(value), name)
    t.notOk(text.includes(encodeURIComponent(value)), name)
  }
})
