import { Agent, METHODS, request, type OutgoingHttpHeaders } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { refusals } from '../../src/errors.ts'
import { buildTestApp } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'

const { app, url } = await buildTestApp(t, { ALLOWED_ORIGINS: 'https://app.example.com', TRUST_PROXY: 'loopback', SIGNING_ALG: 'ES256' })
const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
t.teardown(() => agent.destroy())

// A login that begins before all the garbage, and what another one and a session look like from outside.
const waiting = new Browser(app, url)
const start = await waiting.visit('/auth/dev?return_to=/done')
const decoy = new Browser(app, url)
const decoyState = String(new URL(String((await decoy.visit('/auth/dev')).headers['location'])).searchParams.get('state'))
const [flowName = '', flowCookie = ''] = [...decoy.cookies][0] ?? []
const member = new Browser(app, url)
await devSignIn(member)
const token = member.cookies.get('handstamp') ?? ''

const catalogue = new Map<string, number>(Object.entries(refusals).map(([code, [status]]) => [code, status]))

interface Garbage {
  method: string
  path: string
  headers: OutgoingHttpHeaders
  body: Buffer
}

/** Sends a request as it is, and gives back the answer; one that does not come within five seconds is an error. */
function send ({ method, path, headers, body }: Garbage): Promise<{ status: number, type: string, body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers: { ...headers, 'content-length': body.length }, timeout: 5000 }, answer => {
      let text = ''
      answer.on('data', chunk => { text += String(chunk) })
      answer.on('error', reject)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', body: text }))
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer within five seconds')))
    sent.on('error', reject)
    sent.end(body)
  })
}

// What Node's client would not send goes percent-encoded; everything else goes as it is.
const wellFormed = (text: string): string => text.replace(/[\ud800-\udfff]/gu, '?')
const onTheLine = (text: string): string => wellFormed(text).replace(/[^\x21-\xff]/gu, encodeURIComponent)
const inHeader = (text: string): string => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')

const oddities = fc.constantFrom('', '__proto__', 'constructor', 'prototype', 'toString', 'null', 'undefined', '[object Object]', '../../etc/passwd',
  '%00', '%', '%ff%fe', '%c0%af', '%2f%2f', '//evil.test', '\\\\evil.test', '<script>', '\'"`', '\u0000', '\r\nX: y', '\uffff', '💥', '\ud800', 'true', '-1',
  '1e309', 'x'.repeat(1025), 'x'.repeat(4097), token, `${token.slice(0, -9)}AAAAAAAAA`, flowCookie, decoyState.slice(0, -1), `${decoyState}x`,
  decoyState.toLowerCase(), '/done', 'https://app.example.com')
const anything = fc.oneof(oddities, fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }), fc.base64String({ maxLength: 60 }))

const parameter = fc.constantFrom('state', 'code', 'iss', 'error', 'return_to', 'login_hint', 'prompt', 'hd', 'ui_locales', 'client_id', 'redirect_uri',
  'response_type', 'nonce', 'code_challenge', 'code_challenge_method', '__proto__', '__proto__[x]', 'constructor[prototype][x]', 'state[]', 'state[a]', '')
const pair = fc.tuple(fc.oneof(parameter, anything), anything, fc.boolean())
  .map(([name, value, encoded]) => encoded ? new URLSearchParams([[wellFormed(name), wellFormed(value)]]).toString() : `${name}=${value}`)
const query = fc.oneof(fc.constant(''), fc.array(pair, { maxLength: 8 }).map(pairs => `?${pairs.join('&')}`), anything.map(text => `?${text}`))

const method = fc.oneof(
  fc.constantFrom('GET', 'POST'),
  fc.constantFrom(...METHODS.filter(name => name !== 'CONNECT')),
  fc.constantFrom('get', 'FOO', 'GE', 'X-Y', '!')
)

const cookieName = fc.oneof(
  fc.constantFrom('handstamp', 'handstamp-refresh', flowName, 'handstamp-flow-', 'handstamp-flow-x', '__Host-handstamp', '__proto__'),
  anything
)
const cookie = fc.array(fc.tuple(cookieName, fc.oneof(fc.constantFrom(token, flowCookie), anything)), { maxLength: 7 })
  .map(pairs => pairs.map(([name, value]) => `${name}=${value}`).join('; '))
const contentType = fc.oneof(
  fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16', 'text/plain', 'multipart/form-data',
    '', 'application/json;', ';', '/', 'application/x-www-form-urlencoded; charset=\u00ff'),
  anything
)
const otherHeader = fc.constantFrom('accept', 'accept-encoding', 'origin', 'referer', 'sec-fetch-site', 'sec-fetch-dest', 'sec-purpose', 'if-none-match',
  'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'host', 'access-control-request-method', 'content-encoding',
  'x-http-method-override', '__proto__', 'constructor')
const header = fc.oneof(
  cookie.map(value => ['cookie', value] as const),
  contentType.map(value => ['content-type', value] as const),
  fc.tuple(fc.constantFrom('Bearer ', 'bearer', 'Basic ', 'DPoP ', ''), anything).map(([scheme, value]) => ['authorization', scheme + value] as const),
  fc.constantFrom(url, 'null', 'https://app.example.com', 'https://evil.test').map(value => ['origin', value] as const),
  fc.constantFrom('same-origin', 'cross-site', 'none').map(value => ['sec-fetch-site', value] as const),
  fc.tuple(otherHeader, anything)
)
const headers = fc.array(header, { maxLength: 6 }).map(pairs => {
  const all: Record<string, string> = Object.create(null)
  for (const [name, value] of pairs) all[name] = inHeader(value)
  return all
})

const form = fc.array(fc.tuple(fc.constantFrom('email', 'name', 'cancel', 'everywhere', 'return_to', '__proto__'), anything), { maxLength: 6 })
  .map(pairs => pairs.map(([name, value]) => `${name}=${value}`).join('&'))
const oddBody = fc.constantFrom('', '{"__proto__":{"everywhere":true}}', '{"everywhere":"maybe"}', '{"return_to":{}}', '{', '[]', 'null', '['.repeat(5000),
  'x'.repeat(17_000), 'a=1&'.repeat(200))
const body = fc.oneof(
  fc.oneof(fc.json(), oddBody, form).map(text => Buffer.from(wellFormed(text))),
  fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes))
)

const routes = ['/', '/livez', '/healthz', '/readyz', '/.well-known/jwks.json', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server',
  '/auth/login', '/auth/providers', '/auth/account', '/auth/me', '/auth/logout', '/auth/openapi.json', '/auth/dev', '/auth/dev/callback', '/auth/dev/authorize',
  '/auth/nobody', '/auth/nobody/callback']

const at = (path: fc.Arbitrary<string>): fc.Arbitrary<Garbage> =>
  fc.record({ method, path: fc.tuple(path, query).map(([path, query]) => onTheLine(path + query)), headers, body })

/** An answer, and if it is a refusal then one of the catalogue. Throws otherwise. */
async function assertAnswered (garbage: Garbage): Promise<void> {
  const { status, type, body } = await send(garbage)
  if (status < 200 || status >= 500) throw new Error(`answered ${status}: ${body.slice(0, 300)}`)
  if (status < 400 || garbage.method === 'HEAD') return
  if (type.startsWith('text/html')) {
    if (!body.startsWith('<!doctype html>')) throw new Error(`a page of another kind: ${body.slice(0, 300)}`)
    return
  }
  if (!type.startsWith('application/problem+json')) throw new Error(`answered ${status} as ${type}`)
  const problem = JSON.parse(body)
  if (problem.status !== status || catalogue.get(problem.code) !== status) throw new Error(`${status} is not what the catalogue says of ${problem.code}`)
}

for (const route of routes) {
  t.test(`R70 garbage at ${route} gets a refusal of the catalogue and nothing else`, async t => {
    await fc.assert(fc.asyncProperty(at(fc.constant(route)), assertAnswered), { numRuns: 200 })
    t.pass('two hundred times')
  })
}

t.test('R70 garbage at addresses that are garbage gets a refusal of the catalogue and nothing else', async t => {
  const part = fc.oneof(fc.constantFrom('auth', 'dev', '.well-known', 'callback', '..', '.', ''), anything)
  const path = fc.array(part, { maxLength: 5 }).map(parts => `/${parts.join('/')}`)
  await fc.assert(fc.asyncProperty(at(path), assertAnswered), { numRuns: 400 })
  t.pass('four hundred times')
})

t.test('R70 nothing was polluted', async t => {
  t.same(Object.keys(Object.prototype), [])
  t.notOk('everywhere' in {})
})

t.test('a login that was started before the garbage finishes after it', async t => {
  const page = await waiting.visit(String(start.headers['location']))
  const chosen = await waiting.submit(page, { email: 'ada@example.com' })
  const done = await waiting.visit(String(chosen.headers['location']))
  t.equal(done.status, 303)
  t.equal(done.headers['location'], '/done')
  t.equal((await waiting.visit('/auth/me')).json().email, 'ada@example.com')
})
