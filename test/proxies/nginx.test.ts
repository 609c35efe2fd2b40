import t from 'tap'
import { buildTestApp, freePort, type Teardown } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { documentedConfig, fetchTrusting, localhostCertificate, nginx } from '../helpers/proxy.ts'
import { rogueProvider } from '../helpers/rogue-provider.ts'

/** The service on a port of its own, with a provider, and the PUBLIC_URL of a proxy in front of it. */
async function behind (t: Teardown, publicUrl: string, env: Record<string, string> = {}) {
  const rogue = await rogueProvider(t)
  const built = await buildTestApp(t, { ...rogue.env, PUBLIC_URL: publicUrl, TRUST_PROXY: 'loopback', ...env })
  const address = await built.app.listen({ port: 0, host: '127.0.0.1' })
  return { ...built, rogue, upstream: new URL(address).host }
}

t.test('the server block of docs/operations.md signs a person in, over TLS and with their own address', async t => {
  const [plainPort, port] = [await freePort(), await freePort()]
  const { certificate, key, authority } = localhostCertificate(t)
  const { rogue, upstream, log } = await behind(t, `https://localhost:${port}`)
  const lines = documentedConfig('nginx', 'proxy_buffer_size')
    .replaceAll('auth.example.com', 'localhost')
    .replace('127.0.0.1:3000', upstream)
    .replace('listen 80;', `listen 127.0.0.1:${plainPort};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`)
    .replace('/etc/ssl/localhost.pem', certificate)
    .replace('/etc/ssl/localhost.key', key)
  await nginx(t, port, lines)

  const toTls = await fetch(`http://localhost:${plainPort}/auth/login?a=b`, { redirect: 'manual' })
  t.same([toTls.status, toTls.headers.get('location')], [301, 'https://localhost/auth/login?a=b'])

  const browser = new Browser(undefined, `https://localhost:${port}`, fetchTrusting(authority))
  const start = await browser.visit('/auth/rogue?return_to=/docs/My%2520File.pdf')
  const answer = rogue.consent(String(start.headers['location']))
  const done = await browser.visit(`/auth/rogue/callback?${new URLSearchParams(answer).toString()}`)
  t.same([done.status, done.headers['location']], [303, '/docs/My%20File.pdf'])
  t.match((await browser.visit('/auth/me')).json(), { email: 'ada@example.com' })
  t.equal((await browser.visit('/.well-known/jwks.json')).status, 200)
  t.equal((await browser.visit('/livez')).status, 404, 'not forwarded')
  t.notMatch(log(), 'TRUST_PROXY does not name', 'X-Forwarded-For is believed')
})
