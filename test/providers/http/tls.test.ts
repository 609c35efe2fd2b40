import { writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../helpers/app.ts'
import { certificate, type Certified } from '../../helpers/certificates.ts'
import { serve } from '../../helpers/child.ts'
import { eventually } from '../../helpers/eventually.ts'

// Authorities are trusted by the process as a whole, so this needs one of its own.

const authority = certificate()
const folder = temporaryFolder(t)
const trusted = join(folder, 'authority.pem')
writeFileSync(trusted, authority.cert)

async function listening (server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A discovery document over TLS, for whatever issuer is asked; other hosts' endpoints where a test names them. */
async function tlsProvider (certified: Certified, endpoints: Record<string, string> = {}) {
  const requests: string[] = []
  const server = createTlsServer(certified, ({ headers: { host }, url = '' }, response) => {
    requests.push(url)
    const issuer = `https://${host}`
    response.setHeader('content-type', 'application/json').end(JSON.stringify({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      ...endpoints
    }))
  })
  return { port: await listening(server), requests }
}

const provider = (id: string, issuer: string) => ({
  [`OIDC_${id}_ISSUER`]: issuer,
  [`OIDC_${id}_CLIENT_ID`]: 'id',
  [`OIDC_${id}_CLIENT_SECRET`]: 'secret'
})

t.test('L09 a provider whose certificate does not hold is refused whatever Node is told, one whose does is not', async t => {
  const good = await tlsProvider(certificate({ hosts: ['localhost'], by: authority }))
  const expired = await tlsProvider(certificate({ hosts: ['localhost'], by: authority, days: -2 }))
  const selfSigned = await tlsProvider(certificate({ hosts: ['localhost'] }))
  const foreign = await tlsProvider(certificate({ hosts: ['localhost'], by: certificate({ name: 'Another authority' }) }))
  const silent = await listening(createServer(socket => { socket.on('error', () => {}) }))
  const child = await serve(t, {
    NODE_EXTRA_CA_CERTS: trusted,
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    OIDC_PROVIDERS: 'good,mismatch,expired,self,foreign,silent',
    ...provider('GOOD', `https://localhost:${good.port}`),
    ...provider('MISMATCH', `https://127.0.0.1:${good.port}`),
    ...provider('EXPIRED', `https://localhost:${expired.port}`),
    ...provider('SELF', `https://localhost:${selfSigned.port}`),
    ...provider('FOREIGN', `https://localhost:${foreign.port}`),
    ...provider('SILENT', `https://localhost:${silent}`)
  })
  const start = async (id: string) => {
    const answer = await fetch(`${child.url}/auth/${id}`, { redirect: 'manual' })
    return { status: answer.status, body: await answer.text() }
  }
  t.equal((await start('good')).status, 302)
  for (const [id, reason] of Object.entries({
    mismatch: 'ERR_TLS_CERT_ALTNAME_INVALID',
    expired: 'CERT_HAS_EXPIRED',
    self: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    foreign: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
  })) {
    const { status, body } = await start(id)
    t.equal(status, 502, id)
    t.match(body, 'provider_error', id)
    t.notMatch(body, /cert/i, id)
    await eventually(`${id}: the log says why`, () => child.stdout().includes(reason))
  }
  t.match(child.stdout(), 'NODE_TLS_REJECT_UNAUTHORIZED=0 is not obeyed')
  t.equal(expired.requests.length + selfSigned.requests.length + foreign.requests.length, 0)

  const from = Date.now()
  t.match((await start('silent')).body, 'provider_timeout', 'a handshake that does not come is given up')
  t.ok(Date.now() - from < 5000)
})

t.test('R18 a live service goes where its operator said, on this machine too, and nowhere else in here', async t => {
  const certified = certificate({ hosts: ['localhost', '127.0.0.1'], by: authority })
  const inside = await tlsProvider(certified)
  const env = { NODE_EXTRA_CA_CERTS: trusted, NODE_OPTIONS: '--no-network-family-autoselection', PUBLIC_URL: 'https://auth.example.com', HOST: '127.0.0.1' }
  const learned = [`https://127.0.0.1:${inside.port}/token`, `https://localhost:${inside.port}/token`, `https://[::1]:${inside.port}/token`]
  const providers = await Promise.all(learned.map(endpoint => tlsProvider(certified, { token_endpoint: endpoint })))
  const child = await serve(t, {
    ...env,
    OIDC_PROVIDERS: providers.map((_provider, index) => `p${index}`).join(),
    ...Object.assign({}, ...providers.map(({ port }, index) => provider(`P${index}`, `https://localhost:${port}`)))
  })
  const [, address = ''] = /listening on (http:[^"]+)/.exec(child.stdout()) ?? []
  for (const [index, endpoint] of learned.entries()) {
    const start = await fetch(`${address}/auth/p${index}`, { redirect: 'manual' })
    t.equal(start.status, 302, 'the typed address is called')
    const state = new URL(String(start.headers.get('location'))).searchParams.get('state')
    const [cookie = ''] = String(start.headers.get('set-cookie')).split(';')
    const refused = await fetch(`${address}/auth/p${index}/callback?code=x&state=${state}`, { headers: { cookie } })
    t.match(await refused.json(), { code: 'provider_unavailable' }, endpoint)
  }
  await eventually('the log says why', () => child.stdout().includes('EADDRREFUSED'))
  t.same(inside.requests, [])
})

t.test('TLS connections to a provider are kept, and a new one resumes the session of the last', async t => {
  const handshakes: boolean[] = []
  const answers: Record<string, object> = {
    '/token': { access_token: 'x', token_type: 'Bearer' },
    '/me': { id: 7, email: 'ada@example.com', email_verified: true }
  }
  const server = createTlsServer(certificate({ hosts: ['localhost'], by: authority }), ({ url = '' }, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers[url]))
  })
  server.on('secureConnection', socket => { handshakes.push(socket.isSessionReused()) })
  t.teardown(() => server.closeAllConnections())
  const provider = `https://localhost:${await listening(server)}`
  const child = await serve(t, {
    NODE_EXTRA_CA_CERTS: trusted,
    OAUTH2_PROVIDERS: 'kept',
    OAUTH2_KEPT_AUTHORIZATION_URL: `${provider}/authorize`,
    OAUTH2_KEPT_TOKEN_URL: `${provider}/token`,
    OAUTH2_KEPT_PROFILE_URL: `${provider}/me`,
    OAUTH2_KEPT_CLIENT_ID: 'id',
    OAUTH2_KEPT_CLIENT_SECRET: 'secret'
  })
  const login = async () => {
    const start = await fetch(`${child.url}/auth/kept`, { redirect: 'manual' })
    const state = new URL(String(start.headers.get('location'))).searchParams.get('state')
    const [cookie = ''] = String(start.headers.get('set-cookie')).split(';')
    return (await fetch(`${child.url}/auth/kept/callback?code=x&state=${state}`, { headers: { cookie, accept: 'application/json' } })).status
  }
  for (let time = 0; time < 20; time++) t.equal(await login(), 200)
  t.same(handshakes, [false])
  server.closeAllConnections()
  t.equal(await login(), 200)
  t.same(handshakes, [false, true])
})
