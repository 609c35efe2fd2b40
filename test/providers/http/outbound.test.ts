import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { addressAllowed } from '../../../src/providers/http/addresses.ts'
import type { Teardown } from '../../helpers/app.ts'
import { callbackOf, outcome, rogueScene, type RogueScene } from '../../helpers/rogue-login.ts'
import { rogueProvider, type RogueProvider } from '../../helpers/rogue-provider.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const endpoints = ['/.well-known/openid-configuration', '/token', '/jwks', '/userinfo'] as const
const json = { accept: 'application/json' }

/** Makes userinfo necessary, so that a login visits every endpoint. */
function visitAll (rogue: RogueProvider): void {
  rogue.claims = { email: undefined, email_verified: undefined }
  rogue.userinfo = { sub: '7', email: 'ada@example.com', email_verified: true }
}

/** A login at a provider that answers like this at one endpoint: the first refusal on the way. */
async function refusalWith (scene: RogueScene, endpoint: typeof endpoints[number], handler: Handler) {
  visitAll(scene.rogue)
  scene.rogue.handlers[endpoint] = handler
  const address = endpoint === endpoints[0] ? '/auth/rogue' : await callbackOf(scene)
  const from = Date.now()
  const page = await scene.browser.visit(address, { headers: json })
  return { status: page.status, code: page.json().code as string, ms: Date.now() - from }
}

const always = (response: ServerResponse, act: () => void) => {
  const timer = setInterval(act, 200)
  response.on('close', () => clearInterval(timer))
}
const slow: Array<[what: string, handler: Handler]> = [
  ['says nothing', () => {}],
  ['sends a byte now and then', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{')
    always(response, () => response.write(' '))
  }],
  ['sends a header now and then', ({ socket }, response) => {
    socket.write('HTTP/1.1 200 OK\r\nx: y')
    always(response, () => socket.write('y'))
  }]
]

t.test('L02 L03 a provider that is slow in any way at any endpoint costs five seconds and no more', async t => {
  // All at once: the time goes by once.
  await Promise.all(endpoints.flatMap(endpoint => slow.map(async ([what, handler]) => {
    const { status, code, ms } = await refusalWith(await rogueScene(t), endpoint, handler)
    t.equal(status, 504, `${endpoint} ${what}`)
    t.equal(code, 'provider_timeout', `${endpoint} ${what}`)
    t.ok(ms < 7000, `${endpoint} ${what}: ${ms} ms`)
  })))
})

t.test('L06 a body of 64 MiB is cut', async t => {
  for (const endpoint of endpoints) {
    let written = 0
    const { code } = await refusalWith(await rogueScene(t), endpoint, ({ socket }, response) => {
      const chunk = Buffer.alloc(64 * 1024, ' ')
      response.writeHead(200, { 'content-type': 'application/json' })
      const pour = () => { while (socket.bytesWritten < 64 * 1024 * 1024) if (!response.write(chunk)) return }
      response.on('drain', pour).on('close', () => { written = Math.max(written, socket.bytesWritten) })
      pour()
    })
    t.equal(code, 'provider_error', endpoint)
    t.ok(written < 20 * 1024 * 1024, `${endpoint} took ${written} bytes, most of them still on their way`)
  }
})

t.test('L07 compressed answers are not asked for and not unpacked', async t => {
  const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024, ' '))
  for (const endpoint of endpoints) {
    let accepted: string | undefined
    const { code } = await refusalWith(await rogueScene(t), endpoint, ({ headers }, response) => {
      accepted = String(headers['accept-encoding'])
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb)
    })
    t.equal(code, 'provider_error', endpoint)
    t.equal(accepted, 'identity', endpoint)
  }
})

t.test('R17 headers over 32 KiB are an error of the provider', async t => {
  for (const endpoint of endpoints) {
    const { status } = await refusalWith(await rogueScene(t), endpoint, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-much': 'x'.repeat(100_000) }).end('{}')
    })
    t.equal(status, 502, endpoint)
  }
})

t.test('L05 what is not HTTP is an error of the provider', async t => {
  for (const endpoint of endpoints) {
    const { status } = await refusalWith(await rogueScene(t), endpoint, ({ socket }) => { socket.end('220 smtp.example.com ESMTP\r\n') })
    t.equal(status, 502, endpoint)
  }
})

t.test('every call says who we are and carries nothing of the browser', async t => {
  const scene = await rogueScene(t)
  visitAll(scene.rogue)
  t.equal(await outcome(scene), 'ok')
  t.same(scene.rogue.requests, endpoints)
  for (const headers of scene.rogue.headers) {
    t.match(headers, { 'user-agent': 'handstamp', 'accept-encoding': 'identity', accept: 'application/json' })
    t.match(headers.accept, /^\*\/\*;q=0\.1, /, 'a strict server may call its JSON by another name')
    t.notMatch(Object.keys(headers).join(), /cookie|referer|forwarded|origin/)
  }
})

// Addresses (R18)

/** An app with one provider for each address; all of them are the same rogue, whose discovery names that address. */
async function manyProviders (t: Teardown, count: number, issuers: string[] = []) {
  const rogue = await rogueProvider(t)
  const ids = Array.from({ length: count }, (_, index) => `p${index}`)
  const env = Object.fromEntries(ids.flatMap((id, index) => [
    [`OIDC_${id.toUpperCase()}_ISSUER`, issuers[index] ?? rogue.issuer],
    [`OIDC_${id.toUpperCase()}_CLIENT_ID`, 'rogue-client'],
    [`OIDC_${id.toUpperCase()}_CLIENT_SECRET`, 'rogue-secret']
  ]))
  rogue.env = { OIDC_PROVIDERS: ids.join(), ...env }
  return { ids, scene: await rogueScene(t, {}, rogue) }
}

const insideAddresses = [
  '10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254', '169.254.0.1', '100.64.0.1', '100.127.255.255',
  '0.0.0.0', '0.1.2.3', '192.0.0.192', '198.18.0.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '10.1', '012.0.0.1', '0xa000001',
  '167772161', '[::]', '[fc00::1]', '[fdff::1]', '[fd00:ec2::254]', '[fe80::1]', '[febf::1]', '[ff02::1]', '[::ffff:10.0.0.1]', '[::ffff:a00:1]',
  '[::ffff:169.254.169.254]', '[0:0:0:0:0:ffff:c0a8:1]', '[64:ff9b::a00:1]', '[2002:a00:1::1]',
  '168.63.129.16', '100.100.100.200', '192.0.2.1', '192.88.99.1', '198.51.100.1', '203.0.113.1', '[64:ff9b:1::a00:1]', '[64:ff9b::a9fe:a9fe]',
  '[::a00:1]', '[::ffff:0:a00:1]', '[fec0::1]', '[feff::1]', '[100::1]', '[100:0:0:1::1]', '[2001::1]', '[2001:10::1]', '[2001:db8::1]', '[3fff::1]',
  '[5f00::1]', '[fd20:ce::254]', '[fe80::a9fe:a9fe]'
]

t.test('R18 endpoints that a provider names are not on the inside of our network, in any spelling', async t => {
  const named = [
    ...insideAddresses.map(host => ['token_endpoint', host] as const),
    ...['10.0.0.1', '[::ffff:10.0.0.1]'].flatMap(host => (['jwks_uri', 'userinfo_endpoint'] as const).map(name => [name, host] as const))
  ]
  const { ids, scene } = await manyProviders(t, named.length)
  visitAll(scene.rogue)
  for (const [index, [name, host]] of named.entries()) {
    scene.rogue.metadata = { [name]: `https://${host}/x` }
    const from = scene.log().length
    t.equal(await outcome(scene, { path: `/auth/${ids[index]}` }), 'provider_unavailable', `${name} ${host}`)
    t.match(scene.log().slice(from), 'EADDRREFUSED', `${name} ${host}`)
  }
})

t.test('R18 the addresses of a cloud\'s metadata are refused even where the operator typed them', async t => {
  const issuers = ['https://169.254.169.254', 'https://169.254.170.2', 'https://[fd00:ec2::254]', 'https://[::ffff:169.254.169.254]', 'https://2852039166',
    'https://168.63.129.16', 'https://100.100.100.200', 'https://[64:ff9b::a9fe:a9fe]', 'https://[64:ff9b::a83f:8110]', 'https://[::a9fe:a9fe]',
    'https://[2002:a9fe:a9fe::1]', 'https://[fd20:ce::254]', 'https://[fe80::a9fe:a9fe]']
  const { ids, scene } = await manyProviders(t, issuers.length, issuers)
  for (const id of ids) {
    const from = scene.log().length
    const refused = await scene.browser.visit(`/auth/${id}`, { headers: json })
    t.equal(refused.status, 503, id)
    t.match(scene.log().slice(from), 'EADDRREFUSED', id)
  }
})

t.test('R18 a public IPv4 address that IPv6 translates to counts as itself, and an inside one as well', async t => {
  const learned = { typed: false, loopback: false }
  for (const address of ['8.8.8.8', '2606:4700::1111', '64:ff9b::808:808', '192.0.1.1', '100.63.255.255', '172.32.0.1']) {
    t.ok(addressAllowed(address, learned), address)
  }
  for (const address of ['64:ff9b::a00:1', 'fe80::1%eth0', '::1', '127.0.0.1', '64:ff9b::7f00:1']) t.notOk(addressAllowed(address, learned), address)
  t.ok(addressAllowed('fe80::1%eth0', { typed: true, loopback: false }))
})

t.test('R18 other ports of this machine are fine while PUBLIC_URL is on it', async t => {
  const scene = await rogueScene(t)
  const other = await rogueProvider(t)
  scene.rogue.metadata = { jwks_uri: `${other.issuer}/jwks`.replace('127.0.0.1', 'localhost') }
  t.equal(await outcome(scene), 'ok')
  t.same(other.requests, ['/jwks'])
})

t.test('L10 a provider of which no address answers is an outage', async t => {
  const rogue = await rogueProvider(t)
  await rogue.stop()
  const { scene } = await manyProviders(t, 2, [rogue.issuer, rogue.issuer.replace('127.0.0.1', 'localhost')]) // one address, and perhaps two
  for (const id of ['p0', 'p1']) {
    const refused = await scene.browser.visit(`/auth/${id}`, { headers: json })
    t.match(refused.json(), { status: 503, code: 'provider_unavailable' })
  }
})

t.test('L10 a name that does not resolve is an outage', async t => {
  const { scene } = await manyProviders(t, 1, ['https://nowhere.invalid'])
  const from = Date.now()
  const refused = await scene.browser.visit('/auth/p0', { headers: json })
  t.match(refused.json().code, /^provider_(unavailable|timeout)$/)
  t.ok(Date.now() - from < 7000)
})
