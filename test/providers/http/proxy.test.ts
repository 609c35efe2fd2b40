import { writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder, type Teardown } from '../../helpers/app.ts'
import { certificate } from '../../helpers/certificates.ts'
import { serve, type Child } from '../../helpers/child.ts'
import { eventually } from '../../helpers/eventually.ts'
import { proxyServer } from '../../helpers/proxy-server.ts'

// Authorities are trusted by the process as a whole, so the service is one of its own.

const authority = certificate()
const trusted = join(temporaryFolder(t), 'authority.pem')
writeFileSync(trusted, authority.cert)

/** A provider that only a proxy finds. */
async function distantProvider (t: Teardown, host = 'idp.test') {
  const answers: Record<string, object> = {
    '/token': { access_token: 'x', token_type: 'Bearer' },
    '/me': { id: 7, email: 'ada@example.com', email_verified: true },
    '/.well-known/openid-configuration': {
      issuer: `https://${host}`,
      authorization_endpoint: `https://${host}/authorize`,
      token_endpoint: `https://${host}/token`,
      jwks_uri: `https://${host}/jwks`
    }
  }
  const handshakes: boolean[] = []
  const asked: string[] = []
  const hosts = ['localhost', '127.0.0.1', host]
  const server = createTlsServer(certificate({ hosts, by: authority }), ({ url = '', headers }, response) => {
    asked.push(`${headers.host}${url}`)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers[url]))
  })
  server.on('secureConnection', socket => { handshakes.push(socket.isSessionReused()) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { port: (server.address() as AddressInfo).port, handshakes, asked, server }
}

const providers = (origins: Record<string, string>) => ({
  NODE_EXTRA_CA_CERTS: trusted,
  OAUTH2_PROVIDERS: Object.keys(origins).join(),
  ...Object.fromEntries(Object.entries(origins).flatMap(([id, origin]) => Object.entries({
    AUTHORIZATION_URL: `${origin}/authorize`,
    TOKEN_URL: `${origin}/token`,
    PROFILE_URL: `${origin}/me`,
    CLIENT_ID: 'id',
    CLIENT_SECRET: 'secret'
  }).map(([name, value]) => [`OAUTH2_${id.toUpperCase()}_${name}`, value])))
})

async function login ({ url }: Child & { url: string }, id = 'idp'): Promise<string> {
  const start = await fetch(`${url}/auth/${id}`, { redirect: 'manual' })
  const state = new URL(String(start.headers.get('location'))).searchParams.get('state')
  const [cookie = ''] = String(start.headers.get('set-cookie')).split(';')
  const answer = await fetch(`${url}/auth/${id}/callback?code=x&state=${state}`, { headers: { cookie, accept: 'application/json' } })
  return answer.status === 200 ? 'ok' : `${answer.status} ${(await answer.json() as { code: string }).code}`
}

t.test('logins go through the proxy, which alone looks names up, on connections that are kept', async t => {
  const provider = await distantProvider(t)
  const proxy = await proxyServer(t)
  proxy.hosts = { 'idp.test:443': provider.port }
  const password = 'p:4 ss%/@'
  const child = await serve(t, {
    ...providers({ idp: 'https://idp.test', here: `https://localhost:${provider.port}`, exempt: `https://127.0.0.1:${provider.port}` }),
    HTTPS_PROXY: `http://me:${encodeURIComponent(password)}@127.0.0.1:${proxy.port}`
  })
  for (let time = 0; time < 10; time++) t.equal(await login(child), 'ok')
  t.same(proxy.requests, [{ authority: 'idp.test:443', authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}` }])
  t.same(provider.handshakes, [false])
  provider.server.closeAllConnections()
  await eventually('the service has closed its end', () => proxy.open.size === 0)
  t.equal(await login(child), 'ok')
  t.same(provider.handshakes, [false, true], 'the TLS session of the host is resumed')
  t.equal(await login(child, 'here'), 'ok')
  t.equal(await login(child, 'exempt'), 'ok')
  t.equal(proxy.requests.length, 2, 'what is on this machine is not asked for through it')
  t.match(child.stdout(), `calls to providers go through the proxy http://127.0.0.1:${proxy.port}`)
  t.notMatch(child.stdout() + child.stderr(), /p%3A4|p:4|bWU6/)
})

t.test('a host is called by its name, without a port where it is the usual one', async t => {
  const provider = await distantProvider(t)
  const proxy = await proxyServer(t)
  proxy.hosts = { 'idp.test:443': provider.port, 'idp.test:8443': provider.port }
  const child = await serve(t, {
    ...providers({ usual: 'https://idp.test', other: 'https://idp.test:8443' }),
    OIDC_PROVIDERS: 'openid',
    OIDC_OPENID_ISSUER: 'https://idp.test',
    OIDC_OPENID_CLIENT_ID: 'id',
    OIDC_OPENID_CLIENT_SECRET: 'secret',
    HTTPS_PROXY: `127.0.0.1:${proxy.port}`
  })
  t.equal(await login(child, 'usual'), 'ok')
  t.equal(await login(child, 'other'), 'ok')
  t.equal(await login(child, 'openid'), '502 invalid_id_token', 'its answer has no id_token')
  const discovery = 'idp.test/.well-known/openid-configuration'
  t.same(provider.asked.filter(one => one !== discovery), ['idp.test/token', 'idp.test/me', 'idp.test:8443/token', 'idp.test:8443/me', 'idp.test/token'])
  t.ok(provider.asked.includes(discovery))
})

t.test('a proxy may be spoken to by TLS, and by its name in lower case', async t => {
  const provider = await distantProvider(t)
  const proxy = await proxyServer(t, certificate({ hosts: ['localhost'], by: authority }))
  proxy.hosts = { 'idp.test:443': provider.port }
  const child = await serve(t, { ...providers({ idp: 'https://idp.test', other: 'https://other.test:8443' }), https_proxy: `https://localhost:${proxy.port}` })
  for (let time = 0; time < 3; time++) t.equal(await login(child), 'ok')
  t.same(proxy.requests, [{ authority: 'idp.test:443', authorization: undefined }])
  t.equal(await login(child, 'other'), '503 provider_unavailable', 'a host that the proxy does not find')
  t.match(proxy.requests[1], { authority: 'other.test:8443' })
})

t.test('a proxy that fails in any way is an outage of the provider, and the log says what it was', async t => {
  const proxy = await proxyServer(t)
  const secret = 'of-the-proxy'
  const child = await serve(t, { ...providers({ idp: 'https://idp.test' }), HTTP_PROXY: `http://user:${secret}@127.0.0.1:${proxy.port}` })
  const failures: Array<[what: string, answer: string, outcome: string, logged: RegExp]> = [
    ['asks for other credentials', `HTTP/1.1 407 ${secret}\r\nProxy-Authenticate: Basic\r\n\r\n`, '503 provider_unavailable', /the proxy answered 407/],
    ['forbids', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope', '503 provider_unavailable', /the proxy answered 403/],
    ['redirects', 'HTTP/1.1 302 Found\r\nLocation: https://portal.test\r\n\r\n', '503 provider_unavailable', /the proxy answered 302/],
    ['speaks something else', '220 smtp.example.com ESMTP\r\n', '503 provider_unavailable', /Parse Error/],
    ['speaks for the host', 'HTTP/1.1 200 OK\r\n\r\nhello', '503 provider_unavailable', /speaks in place of the host/],
    ['hangs up', '', '503 provider_unavailable', /socket hang up/]
  ]
  for (const [what, answer, outcome, logged] of failures) {
    proxy.instead = socket => { socket.end(answer) }
    const from = child.stdout().length
    t.equal(await login(child), outcome, what)
    await eventually(`${what}: the log says so`, () => logged.test(child.stdout().slice(from)))
  }
  proxy.instead = () => {}
  const from = performance.now()
  t.equal(await login(child), '504 provider_timeout')
  t.ok(performance.now() - from < 5_000)
  proxy.instead = socket => { socket.write('HTTP/1.1 200 OK\r\n\r\n') }
  t.equal(await login(child), '504 provider_timeout', 'the host behind it never begins with TLS')
  await proxy.stop()
  t.equal(await login(child), '503 provider_unavailable')
  await eventually('the log says so', () => /through the proxy http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/.test(child.stdout()))
  t.notMatch(child.stdout() + child.stderr(), secret)
})

t.test('R18 an address that may never be called is not called through a proxy either', async t => {
  const proxy = await proxyServer(t)
  const child = await serve(t, { ...providers({ idp: 'https://169.254.169.254' }), HTTPS_PROXY: `127.0.0.1:${proxy.port}` })
  t.equal(await login(child), '503 provider_unavailable')
  t.same(proxy.requests, [])
})
