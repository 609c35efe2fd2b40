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

/** nginx as it is without a line about buffers: 4 KiB for the header block of an answer. */
const defaults = (port: number, upstream: string): string =>
  `server { listen 127.0.0.1:${port}; location / { proxy_pass http://${upstream}; proxy_set_header X-Forwarded-For $remote_addr; } }`

const claimsOf = (bytes: number): string => bytes === 0 ? '{}' : JSON.stringify({ x: 'y'.repeat(bytes - '{"x":""}'.length) })

for (const [claims, lengths] of [[0, [20, 900, 1_700, 2_000]], [1_000, [20, 900, 2_000]], [1_500, [20, 900, 2_000]]] as const) {
  t.test(`a login with ${claims} bytes of claims, and all that a session does, fits into nginx's default buffers`, async t => {
    const port = await freePort()
    const url = `http://localhost:${port}`
    const { rogue, upstream } = await behind(t, url, { TOKEN_CLAIMS: claimsOf(claims), SIGNING_ALG: 'RS256' })
    await nginx(t, port, defaults(port, upstream))
    for (const length of lengths) {
      // Of letters in no order: what can be packed says nothing.
      const letters = Array.from({ length: length - 1 }, (_, index) => 'abcdefghijklmnopqrstuvwxyz0123456789'[(index * index * 7 + index * 11) % 36])
      const returnTo = `/${letters.join('')}`
      const browser = new Browser(undefined, url)
      const start = await browser.visit(`/auth/rogue?return_to=${returnTo}`)
      t.equal(start.status, 302, `a start with a return_to of ${length}`)
      const callback = `/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()}`
      const dropped = new Browser(undefined, url)
      for (const [name, value] of browser.cookies) dropped.cookies.set(name, value)
      for (const tab of [browser, dropped]) {
        const done = await tab.follow(callback, {}, location => new URL(location).pathname === returnTo)
        t.same([done.status, done.headers['location']], [303, returnTo], `a return_to of ${length}`)
        t.equal((await tab.visit('/auth/me')).status, 200)
      }
      t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).status, 200)
      t.equal((await browser.visit('/auth/account')).status, 200)
      const resumed = await browser.follow(`/auth/login?return_to=${returnTo}`, {}, location => new URL(location).pathname === returnTo)
      t.equal(resumed.headers['location'], returnTo, `${resumed.status} of the sign-in page`)
      t.equal((await browser.visit('/auth/logout', { method: 'POST', json: {} })).status, 204)
    }
  })
}
