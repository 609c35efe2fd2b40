import Fastify from 'fastify'
import t from 'tap'
import { readBodies } from '../../src/http/bodies.ts'
import { buildTestApp } from '../helpers/app.ts'
import { overTheWire, listeningApp, raw } from '../helpers/wire.ts'

async function echo () {
  const app = Fastify()
  readBodies(app)
  app.post('/', async ({ body }) => ({ body: body ?? 'absent' }))
  const post = async (type: string | undefined, payload: string) => {
    const answer = await app.inject({ method: 'POST', url: '/', headers: type === undefined ? {} : { 'content-type': type }, payload })
    return answer.statusCode === 200 ? answer.json().body : answer.statusCode
  }
  return { app, post }
}

t.test('an empty body is an absent one, whatever its media type says', async t => {
  const { post } = await echo()
  const types = ['application/json', 'application/json; charset=utf-8', 'text/plain', 'multipart/form-data; boundary=x', 'image/png', 'nonsense', '*/*']
  for (const type of [undefined, ...types]) {
    t.equal(await post(type, ''), 'absent', type ?? 'none')
  }
  t.same(await post('application/x-www-form-urlencoded', ''), {})
})

t.test('an empty body counts as absent when it comes in chunks, too', async t => {
  const { address, url } = await listeningApp(t)
  for (const type of ['application/json', 'text/plain', 'image/png']) {
    const head = raw('POST /auth/logout HTTP/1.1', `Origin: ${url}`, `Content-Type: ${type}`, 'Transfer-Encoding: chunked')
    const answer = await overTheWire(address, [...head.slice(0, -1), '0', '', ''])
    t.equal(answer.status, 204, type)
  }
})

t.test('JSON and forms are read, and nothing else is', async t => {
  const { post } = await echo()
  t.same(await post('application/json', '{"a":[1]}'), { a: [1] })
  t.same(await post('application/x-www-form-urlencoded', 'a=1&b=x+y%21&a=2'), { a: ['1', '2'], b: 'x y!' })
  for (const type of ['text/plain', 'text/plain;charset=utf-8', 'application/xml', 'multipart/form-data; boundary=x', 'application/jsonp']) {
    t.equal(await post(type, '{}'), 415, type)
  }
  for (const text of ['{', ' ', 'x', '{"__proto__":1}', '{"constructor":{"prototype":1}}']) t.equal(await post('application/json', text), 400, text)
})

t.test('a JSON body of a thousand members and more is refused unread, a form keeps to a hundred parameters', async t => {
  const { post } = await echo()
  t.equal((await post('application/json', `[${'0,'.repeat(998)}0]`)).length, 999)
  t.equal(await post('application/json', `[${'0,'.repeat(1_000)}0]`), 400)
  t.equal(await post('application/json', '['.repeat(1_001)), 400)
  const { app, url } = await buildTestApp(t)
  const form = async (count: number) => (await app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: url, accept: 'text/html' },
    payload: 'a=1&'.repeat(count - 1) + 'a=1'
  })).statusCode
  t.equal(await form(100), 303)
  t.equal(await form(101), 400)
  t.equal(await form(4_000), 400)
})

t.test('R69 an answer to a body that nobody reads ends the connection, however much of it is still to come', async t => {
  const { app, address, url } = await listeningApp(t)
  const heads = (framing: string) => [
    `GET /auth/me HTTP/1.1\r\nHost: localhost\r\n${framing}`,
    `GET /auth/%zz HTTP/1.1\r\nHost: localhost\r\n${framing}`,
    `POST /nothing HTTP/1.1\r\nHost: localhost\r\n${framing}`,
    `POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nOrigin: https://other.example\r\n${framing}`,
    `POST /auth/logout HTTP/1.1\r\nHost: localhost\r\nOrigin: ${url}\r\nContent-Type: application/json\r\n${framing}`,
    `POST /auth/logout HTTP/1.1\r\nHost: localhost\r\nOrigin: ${url}\r\nContent-Type: text/plain\r\n${framing}`
  ]
  const chunked = 'Transfer-Encoding: chunked\r\n\r\n'
  for (const head of heads(chunked)) {
    const { status, headers } = await overTheWire(address, head + '1\r\n \r\n'.repeat(20_000))
    t.ok(status >= 400, head)
    t.equal(headers['connection'], 'close', head)
  }
  for (const head of heads('Content-Length: 10000000000\r\n\r\n')) {
    const { status, headers } = await overTheWire(address, head + ' '.repeat(20_000))
    t.ok(status >= 400, head)
    t.equal(headers['connection'], 'close', head)
  }
  const kept = await app.inject({ method: 'POST', url: '/nothing', headers: { 'content-type': 'application/json' }, payload: '{}' })
  t.not(kept.headers['connection'], 'close', 'a short one that is all there keeps it')
})
