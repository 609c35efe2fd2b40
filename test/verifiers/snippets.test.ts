import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { listeningTestApp, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'

// The snippets for Node that the documents show, run as they stand: only the issuer and the audience are filled in.

interface JoseSnippet {
  verify (token: string): Promise<object>
}

interface FastifySnippet {
  app: FastifyInstance
}

const snippetsOf = (page: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(/```js\n([^]*?)```/g)].flatMap(([, code = '']) => code.includes('createRemoteJWKSet') ? [code] : [])

async function load<Snippet> (t: Teardown, code: string | undefined, issuer: string, audience = issuer): Promise<Snippet> {
  const folder = mkdtempSync(resolve('build/snippet-')) // here, so that its imports are found
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'snippet.mjs')
  writeFileSync(file, String(code).replace('\'http://localhost:3000\'', `'${issuer}'`).replace('audience = issuer', `audience = '${audience}'`))
  return await import(pathToFileURL(file).href) as Snippet
}

async function signedIn (t: Teardown, env: Record<string, string> = {}) {
  const { app, url, ...rest } = await listeningTestApp(t, { SIGNING_ALG: 'RS256', ...env })
  const browser = new Browser(app, url)
  await devSignIn(browser)
  return { ...rest, url, token: String(browser.cookies.get('handstamp')) }
}

/** The same token with a signature of another one. */
const forged = (token: string): string => token.slice(0, -8) + token.slice(-8).split('').reverse().join('')

const unsigned = (token: string): string => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`

const jose = [...snippetsOf('README.md'), ...snippetsOf('docs/verify-tokens.md')].filter(code => code.includes('jwtVerify }'))
const fastifyJwt = snippetsOf('docs/verify-tokens.md').filter(code => code.includes('@fastify/jwt'))

t.test('the documents show a snippet for jose twice, the same, and one for @fastify/jwt', async t => {
  t.equal(jose.length, 2)
  t.equal(jose[0], jose[1])
  t.equal(fastifyJwt.length, 1)
})

t.test('the snippet for jose accepts a token and refuses forged, unsigned and foreign ones', async t => {
  const { url, token } = await signedIn(t)
  const other = await signedIn(t)
  const { verify } = await load<JoseSnippet>(t, jose[0], url)
  t.match(await verify(token), { email: 'ada@example.com', iss: url, aud: url })
  for (const bad of [forged(token), unsigned(token), other.token, 'x', '']) await t.rejects(verify(bad))
})

t.test('the snippet for jose refuses a token for another audience', async t => {
  const { url, token } = await signedIn(t, { TOKEN_AUDIENCE: 'https://api.example.com' })
  const { verify } = await load<JoseSnippet>(t, jose[0], url)
  await t.rejects(verify(token), /unexpected "aud" claim value/)
  const right = await load<JoseSnippet>(t, jose[0], url, 'https://api.example.com')
  t.match(await right.verify(token), { email: 'ada@example.com' })
})

t.test('the snippet for @fastify/jwt answers a good token with 200 and any other with 401', async t => {
  const { url, token } = await signedIn(t)
  const other = await signedIn(t)
  const { app } = await load<FastifySnippet>(t, fastifyJwt[0], url)
  const ask = (token: string) => app.inject({ url: '/hello', headers: { authorization: `Bearer ${token}` } })
  t.match(await ask(token), { statusCode: 200, body: 'Hello ada@example.com' })
  for (const bad of [forged(token), unsigned(token), other.token, 'x']) t.match(await ask(bad), { statusCode: 401 })
})

t.test('the snippet for @fastify/jwt refuses a token for another audience', async t => {
  const { url, token } = await signedIn(t, { TOKEN_AUDIENCE: 'https://api.example.com' })
  const { app } = await load<FastifySnippet>(t, fastifyJwt[0], url)
  t.match(await app.inject({ url: '/hello', headers: { authorization: `Bearer ${token}` } }), { statusCode: 401 })
})
