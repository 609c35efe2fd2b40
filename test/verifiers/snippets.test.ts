import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Teardown } from '../helpers/app.ts'
import { filledIn, snippetsOf, snippetWith } from './snippets.ts'
import { judge, startIssuer } from './tokens.ts'

// The snippets for Node that the documents show, run as they stand: only the issuer and the audience are filled in.

interface JoseSnippet {
  verify (token: string): Promise<{ email: string }>
}

interface FastifySnippet {
  app: FastifyInstance
}

const page = 'docs/verify-tokens.md'
const jose = snippetWith(page, 'js', 'jwtVerify }')
const fastifyJwt = snippetWith(page, 'js', '@fastify/jwt')

async function load<Snippet> (t: Teardown, code: string, issuer: string, audience = issuer): Promise<Snippet> {
  const folder = mkdtempSync(resolve('build/snippet-')) // here, so that its imports are found
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'snippet.mjs')
  writeFileSync(file, filledIn(code, issuer).replace('audience = issuer', `audience = '${audience}'`))
  return await import(pathToFileURL(file).href) as Snippet
}

const ask = (app: FastifyInstance, token: string) => app.inject({ url: '/hello', headers: { authorization: `Bearer ${token}` } })

t.test('the README shows the same for jose and for Python as the page does', async t => {
  t.same(snippetsOf('README.md', 'js').filter(code => code.includes('jwtVerify')), [jose])
  t.same(snippetsOf('README.md', 'python'), [snippetWith(page, 'python', 'PyJWKClient')])
})

t.test('the snippet for jose accepts our tokens, and no bad one of any kind', async t => {
  const issuer = await startIssuer(t)
  const { verify } = await load<JoseSnippet>(t, jose, issuer.url)
  await judge(t, issuer, token => verify(token).then(({ email }) => email, () => undefined))
})

t.test('the snippet for @fastify/jwt answers our tokens with 200, and bad ones of any kind with 401', async t => {
  const issuer = await startIssuer(t)
  const { app } = await load<FastifySnippet>(t, fastifyJwt, issuer.url)
  t.teardown(() => app.close())
  await judge(t, issuer, async token => {
    const { statusCode, body } = await ask(app, token)
    if (statusCode === 401) return undefined
    t.equal(statusCode, 200, body)
    return body.replace('Hello ', '')
  })
  t.match(await app.inject('/hello'), { statusCode: 401 }, 'and no token at all too')
})

t.test('an audience of its own is what a service has to be told', async t => {
  const issuer = await startIssuer(t, { TOKEN_AUDIENCE: 'https://api.example.com' })
  const token = await issuer.token()
  await t.rejects((await load<JoseSnippet>(t, jose, issuer.url)).verify(token), /unexpected "aud" claim value/)
  t.match(await (await load<JoseSnippet>(t, jose, issuer.url, issuer.audience)).verify(token), { email: 'ada@example.com' })
  t.match(await ask((await load<FastifySnippet>(t, fastifyJwt, issuer.url)).app, token), { statusCode: 401 })
  t.match(await ask((await load<FastifySnippet>(t, fastifyJwt, issuer.url, issuer.audience)).app, token), { statusCode: 200 })
})
