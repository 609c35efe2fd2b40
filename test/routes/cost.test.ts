import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { requestLimits } from '../../src/http/request-limits.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { keptConnection, listeningApp } from '../helpers/wire.ts'

// What a request costs in CPU time, at its worst, against an ordinary one to the same address: a client below RATE_LIMIT
// must not be able to stop the service by what it puts into its requests.

const mostTimes = 10

const applePrivateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const { app, url, address } = await listeningApp(t, {
  DEV_LOGIN: 'true',
  ALLOWED_ORIGINS: 'https://app.example.com,https://*.preview.example.com',
  TRUST_PROXY: 'loopback,10.0.0.0/8',
  TOKEN_STATUS: 'true',
  APPLE_CLIENT_ID: 'com.example.signin',
  APPLE_TEAM_ID: 'DEF123GHIJ',
  APPLE_KEY_ID: 'ABC123DEFG',
  APPLE_PRIVATE_KEY: applePrivateKey,
  LOG_LEVEL: 'info' // as operators run it
})
const browser = new Browser(app, url)
await devSignIn(browser)
const signedIn = `handstamp=${browser.cookies.get('handstamp') ?? ''}`

interface Route {
  method: string
  path: string
}

/** Every route of the description, and those that it leaves out. */
async function everyRoute (): Promise<Route[]> {
  const { paths } = (await app.inject('/auth/openapi.json')).json<{ paths: Record<string, object> }>()
  const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map(method => ({
    method: method.toUpperCase(),
    path: path.replace('{provider}', 'dev').replace('{list}', '0').replace('{id}', 'AAAAAAAAAAAAAAAAAAAAAA')
  })))
  const hidden = ['GET /auth/dev/authorize', 'POST /auth/dev/authorize', 'POST /auth/apple/callback', 'GET /']
  const absent = ['GET /nothing', 'PUT /auth/me', 'OPTIONS /auth/me', 'POST /auth/nobody/callback']
  return [...described, ...[...hidden, ...absent].map(route => route.split(' ')).map(([method = '', path = '']) => ({ method, path }))]
}

interface Shape {
  headers?: string[]
  query?: string
  path?: string
  body?: [type: string, text: string]
}

const ordinaryHeaders: Record<string, string> = {
  Host: 'localhost:3000',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.9',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Origin: 'http://localhost:3000',
  Referer: 'http://localhost:3000/auth/login',
  'Sec-Fetch-Site': 'same-origin',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Dest': 'document',
  Cookie: signedIn
}

const mayHaveBody = ({ method }: Route): boolean => ['POST', 'PUT', 'DELETE'].includes(method)

function bytesOf ({ method, path }: Route, { headers = [], query, path: otherPath, body }: Shape): Buffer {
  const replaced = new Set(headers.map(line => line.slice(0, line.indexOf(':')).toLowerCase()))
  const usual = Object.entries(ordinaryHeaders).filter(([name]) => !replaced.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`)
  const text = body?.[1] ?? ''
  const more = mayHaveBody({ method, path }) ? [...body ? [`Content-Type: ${body[0]}`] : [], `Content-Length: ${text.length}`] : []
  const target = (otherPath ?? path) + (query === undefined ? '' : `?${query}`)
  return Buffer.from([`${method} ${target} HTTP/1.1`, ...usual, ...more, ...headers, '', text].join('\r\n'), 'latin1')
}

const connection = keptConnection(address)
t.teardown(() => connection.end())

/** Microseconds of CPU that a request takes, at its best of so many: what else the process does in between is not its cost. */
async function costOf (bytes: Buffer, times: number): Promise<number> {
  let least = Infinity
  for (let time = 0; time < times; time++) {
    const before = process.cpuUsage()
    await connection.ask(bytes)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

const routes = await everyRoute()
const ordinary = new Map<Route, number>()
for (const route of routes) ordinary.set(route, await costOf(bytesOf(route, {}), 40))

/** How many times the cost of an ordinary request it is; measured again before it is believed to be too many. */
async function timesOrdinary (route: Route, shape: Shape): Promise<number> {
  const bytes = bytesOf(route, shape)
  let times = await costOf(bytes, 4) / (ordinary.get(route) ?? 0)
  for (let tries = 1; tries < 6 && times > mostTimes; tries++) {
    // Beside an ordinary one at this moment: the machine may be slower than it was, for both of them.
    times = Math.min(times, await costOf(bytes, 4 * (tries + 1)) / await costOf(bytesOf(route, {}), 4 * (tries + 1)))
  }
  return times
}

/** A unit over and over, as long as there is room. `#` in it becomes the number of the repetition. */
function filled (unit: string, room: number): string {
  if (!unit.includes('#')) return unit.repeat(Math.floor(room / unit.length))
  let text = ''
  for (let count = 0; text.length + unit.length + 4 < room; count++) text += unit.replace('#', String(count).padStart(5, '0'))
  return text
}

const headerRoom = requestLimits.headerBytes - 2_500
const urlRoom = requestLimits.urlBytes - 200
const bodyRoom = requestLimits.bodyBytes - 100
const one = (name: string, value: string): Shape => ({ headers: [`${name}: ${value}`] })
const many = (unit: string): Shape => ({ headers: filled(`${unit}\n`, headerRoom - 1_000).trimEnd().split('\n') })
const form = 'application/x-www-form-urlencoded'

/** Where a text can stand in a request, and as much of it as fits. */
const places: Record<string, (unit: string) => Shape> = {
  Cookie: unit => one('Cookie', filled(unit, headerRoom)),
  'Cookie beside a good one': unit => one('Cookie', `${signedIn}; ${filled(unit, headerRoom - 1_000)}`),
  'value of our cookie': unit => one('Cookie', `handstamp=${filled(unit, headerRoom)}`),
  'value of our refresh cookie': unit => one('Cookie', `handstamp-refresh=${filled(unit, headerRoom)}`),
  Authorization: unit => one('Authorization', `Bearer ${filled(unit, headerRoom)}`),
  Accept: unit => one('Accept', `text/html${filled(unit, headerRoom)}`),
  'If-None-Match': unit => one('If-None-Match', filled(unit, headerRoom)),
  'X-Forwarded-For': unit => one('X-Forwarded-For', filled(unit, headerRoom)),
  'Content-Type': unit => one('Content-Type', `${form}${filled(unit, headerRoom)}`),
  'User-Agent': unit => one('User-Agent', filled(unit, headerRoom)),
  Referer: unit => one('Referer', `http://${filled(unit, headerRoom)}`),
  Origin: unit => one('Origin', filled(unit, headerRoom)),
  'Sec-Purpose': unit => one('Sec-Purpose', filled(unit, headerRoom)),
  query: unit => ({ query: filled(unit, urlRoom) }),
  return_to: unit => ({ query: `return_to=${filled(unit, 2_000)}` }),
  state: unit => ({ query: `state=${filled(unit, 4_000)}&code=x` }),
  path: unit => ({ path: `/auth/${filled(unit, urlRoom)}` }),
  form: unit => ({ body: [form, filled(unit, bodyRoom)] }),
  'return_to of a form': unit => ({ body: [form, `return_to=${filled(unit, bodyRoom)}`] }),
  JSON: unit => ({ body: ['application/json', filled(unit, bodyRoom)] }),
  'JSON object': unit => ({ body: ['application/json', `{${filled(unit, bodyRoom).replace(/,$/, '')}}`] }),
  'JSON text': unit => ({ body: ['application/json', `{"return_to":"${filled(unit, bodyRoom)}"}`] })
}

const isOfBody = (place: string): boolean => /form|JSON/.test(place)

/** Texts that have been slow somewhere, by where they go. */
const heavy: Array<[place: string, ...units: string[]]> = [
  ['Cookie', 'handstamp-flow-=a; ', 'handstamp-flow-#=a; ', 'handstamp;', 'handstamp=;', 'handstamp#=;', 'handstamp', ';', '=', 'a=;', ' ', 'handstamp \t=\t ;',
    `handstamp-flow-00000000000#=${'A'.repeat(1_000)}; `],
  ['value of our cookie', ' ', '\t', 'a.', '.', 'W10', 'W1tb.', 'e30.'],
  ['value of our refresh cookie', 'A', ' ', '-'],
  ['Authorization', 'a', 'a.', ' ', '-', 'W1tb', 'W1tb.'],
  ['Accept', ',', ',text/html;q=0.1', ';q', '; ', ' ', ';q=1', ',application/json '],
  ['If-None-Match', ',', '"a",', ' ', 'W/', '"'],
  ['X-Forwarded-For', ',', '1.1.1.1,', '10.0.0.1,', ':', '[', 'a', ' ', '1:', '10.0.0.1:80, '],
  ['Content-Type', ' ', ';', ';a=b', ';a="\\', '"'],
  ['User-Agent', 'Chrome ', 'Mac OS ', 'Mozilla/5.0 (', ' '],
  ['Referer', 'a.', '1.', 'xn--a.', '%', ':', '@', '['],
  ['Origin', 'http://a', ',', ' '],
  ['Sec-Purpose', 'prefetch ', ' '],
  ['query', '&', 'a&', '=', '%', '%41', '%ff', '+', ';', '[a]', 'return_to=/&', '__proto__=a&', `a=${'b'.repeat(70)}&`, '?', '#=&'],
  ['return_to', '/', '/a', '/a/..', '%25', 'https://a.', '//', '%2F', '/1.', '/@', '/\xe9'],
  ['state', 'a', '%41', '-', '!'],
  ['path', 'a', '/', 'a/', '%41', '%2f', '%', '../', '?', ';a', '\xc3\xa9', 'callback/', '.'],
  ['form', '&', 'a&', 'a#=&', '=', 'a=%41', '%', '%ff', '+', 'return_to=/&', 'email=a%40', 'state=aaaaaaaaaaaaaaaaaa&'],
  ['return_to of a form', '/', '%2F', '+'],
  ['JSON', '[', '{"a":', '0', ' ', '"', '[]', '"\\u0041"', '\t\n'],
  ['JSON object', '"#":0,', '"a":0,', '"__proto__":0,', '"__proto__":{', '"a":[', '"a":"\\u0041",', '"everywhere":true,', '"constructor":{"prototype":'],
  ['JSON text', 'a', '\\u0041', '/', '\\\\', '\\"', '__proto__\\":', '\xe9']
]

t.test('no request costs ten times an ordinary one of its route, whatever it is filled with', async t => {
  for (const route of routes) {
    for (const [place, ...units] of heavy) {
      if (isOfBody(place) && !mayHaveBody(route)) continue
      for (const unit of units) {
        const times = await timesOrdinary(route, places[place]?.(unit) ?? {})
        t.ok(times <= mostTimes, `${route.method} ${route.path}: ${place} filled with ${JSON.stringify(unit)} costs ${times.toFixed(1)} times`)
      }
    }
    for (const unit of ['a#:', 'a:', 'cookie:handstamp=a', 'cookie:handstamp-flow-#=a', 'set-cookie:a', 'authorization:a', 'origin:a', 'accept:a']) {
      const times = await timesOrdinary(route, many(unit))
      t.ok(times <= mostTimes, `${route.method} ${route.path}: headers ${unit} cost ${times.toFixed(1)} times`)
    }
  }
})

t.test('no request costs ten times an ordinary one of its route, whatever a generator fills it with', async t => {
  const piece = fc.constantFrom(...'&=;,./%+-_:?#@[]{}"\\ \t', 'a', '1', '\xe9', '%41', '%2F', '..', '//', '\\u0041', '":', '[[', '{"', 'handstamp',
    'handstamp-flow-', 'return_to', 'https://', 'text/html', ';q=', 'Bearer', 'eyJ', 'xn--', '10.0.0.1', '::', '__proto__', 'true')
  const unit = fc.array(piece, { minLength: 1, maxLength: 5 }).map(pieces => pieces.join(''))
  const wish = fc.record({ unit, place: fc.constantFrom(...Object.keys(places)), route: fc.constantFrom(...routes) })
  await fc.assert(fc.asyncProperty(wish, async ({ unit, place, route }) => {
    fc.pre(!isOfBody(place) || mayHaveBody(route))
    fc.pre(!/[ \t#]/.test(unit) || !/^(query|return_to|state|path)$/.test(place)) // not what a request line can hold
    const times = await timesOrdinary(route, places[place]?.(unit) ?? {})
    t.ok(times <= mostTimes, `${route.method} ${route.path}: ${place} filled with ${JSON.stringify(unit)} costs ${times.toFixed(1)} times`)
  }), { numRuns: 600 })
})
