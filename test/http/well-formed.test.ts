import t from 'tap'
import { assertHeaders } from '../helpers/headers.ts'
import { listeningApp, overTheWire, raw } from '../helpers/wire.ts'

for (const PUBLIC_URL of ['http://localhost:3000', 'https://localhost:3000']) {
  const secure = PUBLIC_URL.startsWith('https')

  t.test(`R67 whatever is wrong with a request to ${PUBLIC_URL}, its answer has our headers and our form`, async t => {
    const { address } = await listeningApp(t, { PUBLIC_URL })
    const get = 'GET /livez HTTP/1.1'
    for (const [what, request, status, code] of [
      ['two Host headers', [get, 'Host: localhost', 'Host: evil.test', 'Connection: close', '', ''], 400, 'invalid_request'],
      ['two equal Host headers', [get, 'Host: localhost', 'host: localhost', 'Connection: close', '', ''], 400, 'invalid_request'],
      ['no Host header', [get, 'Connection: close', '', ''], 400, 'invalid_request'],
      ['two Host headers, of HTTP/1.0', ['GET /livez HTTP/1.0', 'Host: a', 'Host: b', '', ''], 400, 'invalid_request'],
      ['two Host headers for an unknown path', ['GET /nothing HTTP/1.1', 'Host: a', 'Host: b', 'Connection: close', '', ''], 400, 'invalid_request'],
      ['too many headers', raw(get, ...Array.from({ length: 199 }, (_, index) => `X-${index}: y`)), 431, 'headers_too_large'],
      ['far too many headers', raw(get, ...Array.from({ length: 2_500 }, () => 'X: y')), 431, 'headers_too_large'],
      ['headers that are too large', raw(get, `X: ${'y'.repeat(40_000)}`), 431, 'headers_too_large'],
      ['a URL that is too long', raw(`GET /${'a'.repeat(8_200)} HTTP/1.1`), 414, 'uri_too_long'],
      ['a URL that is longer than all headers may be', raw(`GET /${'a'.repeat(40_000)} HTTP/1.1`), 431, 'headers_too_large'],
      ['a path segment that is too long', raw(`GET /auth/${'a'.repeat(4_000)} HTTP/1.1`), 400, 'invalid_request'],
      ['a bad escape', raw('GET /auth/%ff HTTP/1.1'), 400, 'invalid_request'],
      ['half an escape', raw('GET /% HTTP/1.1'), 400, 'invalid_request'],
      ['a method nobody knows', raw('BREW / HTTP/1.1'), 400, 'invalid_request'],
      ['a method in small letters', raw('get /livez HTTP/1.1'), 400, 'invalid_request'],
      ['TRACE', raw('TRACE /livez HTTP/1.1'), 405, 'method_not_allowed'],
      ['PROPFIND', raw('PROPFIND /livez HTTP/1.1'), 405, 'method_not_allowed'],
      ['OPTIONS *', raw('OPTIONS * HTTP/1.1'), 404, 'not_found'],
      ['a space in the target', raw('GET /livez x HTTP/1.1'), 400, 'invalid_request'],
      ['a header without a name', raw(get, ': x'), 400, 'invalid_request'],
      ['a header with a blank in its name', raw(get, 'X Y: x'), 400, 'invalid_request'],
      ['a header with a NUL', raw(get, 'X: a\0b'), 400, 'invalid_request'],
      ['a folded header', raw(get, 'X: a', ' b'), 400, 'invalid_request'],
      ['two lengths', raw('POST /auth/logout HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2'), 400, 'invalid_request'],
      ['a length and chunks', raw('POST /auth/logout HTTP/1.1', 'Content-Length: 1', 'Transfer-Encoding: chunked'), 400, 'invalid_request'],
      ['a length that is none', raw('POST /auth/logout HTTP/1.1', 'Content-Length: -1'), 400, 'invalid_request'],
      ['another version', raw('GET /livez HTTP/3.0'), 400, 'invalid_request'],
      ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'invalid_request'],
      ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'invalid_request']
    ] as const) {
      const answer = await overTheWire(address, typeof request === 'string' ? request : [...request])
      t.equal(answer.status, status, what)
      assertHeaders(t, answer.headers, secure, what)
      t.match(answer.headers['content-type'], /^application\/problem\+json/, what)
      const body = JSON.parse(answer.body)
      t.equal(body.code, code, what)
      t.equal(body.status, status, what)
    }
  })
}

t.test('what is only unusual is answered as ever', async t => {
  const { address } = await listeningApp(t)
  for (const [what, request] of [
    ['HTTP/1.0 without a Host', ['GET /livez HTTP/1.0', '', '']],
    ['another host than ours', ['GET /livez HTTP/1.1', 'Host: evil.test', 'Connection: close', '', '']],
    ['an Expect that nobody knows', raw('GET /livez HTTP/1.1', 'Expect: a-miracle')],
    ['as many headers as there may be', raw('GET /livez HTTP/1.1', ...Array.from({ length: 198 }, (_, index) => `X-${index}: y`))],
    ['an upgrade', raw('GET /livez HTTP/1.1', 'Upgrade: websocket').map(line => line.replace('Connection: close', 'Connection: Upgrade, close'))]
  ] as const) {
    const answer = await overTheWire(address, [...request])
    t.equal(answer.status, 200, what)
    assertHeaders(t, answer.headers, false, what)
  }
})
