import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../helpers/app.ts'
import { certificate } from '../helpers/certificates.ts'
import { serve } from '../helpers/child.ts'
import { dnsServer } from '../helpers/dns-server.ts'

// Run by test/dns.sh, where 127.0.0.1 is the machine's one name server.

const settings = (id: string, origin: string) => Object.fromEntries(Object.entries({
  AUTHORIZATION_URL: `${origin}/authorize`,
  TOKEN_URL: `${origin}/token`,
  PROFILE_URL: `${origin}/me`,
  CLIENT_ID: 'id',
  CLIENT_SECRET: 'secret'
}).map(([name, value]) => [`OAUTH2_${id.toUpperCase()}_${name}`, value]))

t.test('R82 logins at one provider are as before while the name servers of four others are silent', async t => {
  const authority = certificate()
  const trusted = join(temporaryFolder(t), 'authority.pem')
  writeFileSync(trusted, authority.cert)
  const answers: Record<string, object> = {
    '/token': { access_token: 'x', token_type: 'Bearer' },
    '/me': { id: 7, email: 'ada@example.com', email_verified: true }
  }
  const provider = createServer(certificate({ hosts: ['good.test'], by: authority }), ({ url = '' }, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers[url]))
  })
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  t.teardown(() => { provider.closeAllConnections(); provider.close() })

  const dns = await dnsServer(t, { port: 53 })
  dns.names = { 'good.test': ['127.0.0.1'] }
  const silent = ['h1', 'h2', 'h3', 'h4']
  for (const id of silent) dns.silent.add(`${id}.test`)
  const service = await serve(t, {
    NODE_EXTRA_CA_CERTS: trusted,
    SIGNING_ALG: 'RS256',
    RATE_LIMIT: '0',
    OAUTH2_PROVIDERS: ['good', ...silent].join(),
    ...settings('good', `https://good.test:${(provider.address() as AddressInfo).port}`),
    ...Object.assign({}, ...silent.map(id => settings(id, `https://${id}.test`)))
  })

  const login = async (id: string) => {
    const from = performance.now()
    const start = await fetch(`${service.url}/auth/${id}`, { redirect: 'manual' })
    const state = new URL(String(start.headers.get('location'))).searchParams.get('state')
    const [cookie = ''] = String(start.headers.get('set-cookie')).split(';')
    const { status } = await fetch(`${service.url}/auth/${id}/callback?code=x&state=${state}`, { headers: { cookie, accept: 'application/json' } })
    return { status, ms: performance.now() - from }
  }
  const stuck = silent.flatMap(id => Array.from({ length: 24 }, () => login(id)))
  await new Promise(resolve => setTimeout(resolve, 500)) // every thread that look-ups may hold is held by now
  for (let time = 0; time < 5; time++) {
    const { status, ms } = await login('good')
    t.equal(status, 200)
    t.ok(ms < 1_500, `${ms} ms`)
  }
  for (const { status, ms } of await Promise.all(stuck)) {
    t.match(status, /^50[34]$/)
    t.ok(ms < 6_000)
  }
})
