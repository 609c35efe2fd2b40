import { listeningApp, overTheWire, raw } from '../../helpers/wire.ts'
import { stage, type Play, type Stage } from '../stage.ts'

const json = { accept: 'application/json' }
const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

const refused = (accept: Record<string, string>): Play => async (t, record) => {
  const { ask, url }: Stage = await stage(t, record)
  const own = { ...accept, origin: url }
  const chapter = (status: number) => record.chapter(`Status ${status}`)
  chapter(400)
  await ask('GET', '/auth/%ff%', accept)
  await ask('GET', '/auth/dev?return_to=https://evil.example/', accept)
  await ask('GET', '/auth/dev?login_hint=', accept)
  await ask('GET', `/auth/login?${'x&'.repeat(101)}`, accept)
  await ask('POST', '/auth/logout', { ...own, 'content-type': 'application/json' }, '{"return_to":')
  await ask('POST', '/auth/logout', { ...own, 'content-type': 'application/json' }, '{"__proto__":{}}')
  await ask('POST', '/auth/logout', { ...own, ...form }, 'x&'.repeat(101))
  chapter(404)
  await ask('GET', '/nothing', accept)
  await ask('GET', '/auth/nobody', accept)
  await ask('GET', '/auth/nobody/callback?state=x', accept)
  await ask('GET', '/auth/me/callback?state=x', accept)
  await ask('GET', '/auth/token', accept)
  await ask('POST', '/auth/token', own, '')
  chapter(405)
  await ask('PUT', '/auth/me', accept)
  await ask('GET', '/auth/refresh', accept)
  await ask('DELETE', '/auth/login', accept)
  await ask('POST', '/auth/dev', own)
  await ask('HEAD', '/auth/dev', accept)
  chapter(413)
  await ask('POST', '/auth/logout', { ...own, ...form }, 'x'.repeat(20_000))
  chapter(414)
  await ask('GET', `/auth/login?x=${'x'.repeat(9_000)}`, accept)
  chapter(415)
  await ask('POST', '/auth/logout', { ...own, 'content-type': 'text/plain' }, 'x')
  await ask('POST', '/auth/logout', { ...own, 'content-type': 'text/plain' })
}

const limited = (accept: Record<string, string>): Play => async (t, record) => {
  const { ask, url } = await stage(t, record, { RATE_LIMIT: '1' })
  const each = [
    async () => ask('GET', '/auth/dev?return_to=/welcome', accept),
    async () => ask('GET', '/auth/dev/callback?state=x', accept),
    async () => ask('GET', '/auth/account', accept),
    async () => ask('POST', '/auth/refresh', { ...accept, origin: url }),
    async () => ask('POST', '/auth/logout', { ...accept, ...form, origin: url }, 'everywhere=true'),
    async () => ask('GET', '/auth/sessions', accept),
    async () => ask('GET', '/auth/login', accept)
  ]
  record.chapter('Once')
  for (const come of each) await come()
  record.chapter('Twice')
  for (const come of each) await come()
}

/** Requests that are answered before any route is asked, or instead of one. */
export const requestFlows: Record<string, [title: string, play: Play]> = {
  'requests-page': ['Requests that are refused, by a browser', refused(page)],
  'requests-json': ['Requests that are refused, by a program', refused(json)],
  'limits-page': ['Too many requests of a browser', limited(page)],
  'limits-json': ['Too many requests of a program', limited(json)],

  wire: ['What Node would answer by itself, over a connection', async (t, record) => {
    const { address } = await listeningApp(t)
    const large = `X-Large: ${'x'.repeat(40_000)}`
    const line = 'GET /livez HTTP/1.1'
    for (const [what, bytes] of [
      ['An answer as it is on the wire', raw(line)],
      ['By HTTP/1.0, without a host', ['GET /livez HTTP/1.0', '', '']],
      ['No host', [line, 'Connection: close', '', '']],
      ['Two hosts', raw(line, 'Host: else.example')],
      ['Not HTTP', ['nonsense', '', '']],
      ['No such method', raw('NONSENSE /livez HTTP/1.1')],
      ['A header without a name', raw(line, ': x')],
      ['Headers that are too large, of a browser', raw(line, 'Accept: text/html', large)],
      ['Headers that are too large, of a program', raw(line, 'Accept: application/json', large)],
      ['A length and chunks', raw('POST /livez HTTP/1.1', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
      ['An expectation', raw(line, 'Expect: wonders')]
    ] as const) {
      record.chapter(what)
      const [first = '', ...headers] = bytes.filter(text => text !== '')
      const [method = '', url = '', version = ''] = first.split(' ')
      const answered = await overTheWire(address, [...bytes])
      record.exchange({ method, url: `${url} ${version}`, headers, body: '' }, answered)
    }
  }]
}
