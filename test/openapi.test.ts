import { readFileSync } from 'node:fs'
import t from 'tap'
import { refusals } from '../src/errors.ts'
import { ownWords } from '../src/providers/setup/ids.ts'
import { buildTestApp } from './helpers/app.ts'

interface Operation {
  operationId?: string
  tags?: string[]
  summary?: string
  responses: Record<string, { description: string, content?: Record<string, unknown> }>
}

const { app } = await buildTestApp(t)
const description = (await app.inject('/auth/openapi.json')).json()
const operations = Object.entries(description.paths as Record<string, Record<string, Operation>>)
  .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })))

t.test('openapi.yaml is what the routes say (npm run openapi), and what is served', async t => {
  for (let time = 0; time < 2; time++) {
    const answer = await app.inject('/auth/openapi.yaml')
    t.match(answer.headers['content-type'], 'application/yaml')
    t.equal(answer.body, readFileSync('openapi.yaml', 'utf8'))
  }
})

t.test('no provider can have the id of a route', async t => {
  const segments = operations.map(({ path }) => /^\/auth\/([^/.]+)/.exec(path)?.[1]).filter(segment => segment !== undefined)
  t.ok(segments.includes('login'))
  for (const segment of segments) t.ok(segment === '{provider}' || segment === 'dev' || ownWords.has(segment), segment)
})

t.test('the served JSON is an OpenAPI 3.1 description of this version', async t => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  t.match(description, { openapi: '3.1.0', info: { title: 'Handstamp', version } })
})

t.test('the description is the same with other providers', async t => {
  const other = await buildTestApp(t, {
    PUBLIC_URL: 'https://auth.example.com',
    GOOGLE_CLIENT_ID: 'x',
    GOOGLE_CLIENT_SECRET: 'y',
    RATE_LIMIT: '300'
  })
  t.equal((await other.app.inject('/auth/openapi.yaml')).body, readFileSync('openapi.yaml', 'utf8'))
})

t.test('every operation has an id of its own, a tag that is described and a summary', async t => {
  const ids = operations.map(({ operation }) => operation.operationId)
  const tags = description.tags.map(({ name }: { name: string }) => name)
  t.equal(new Set(ids).size, operations.length)
  for (const { name, operation } of operations) {
    t.match(operation.operationId, /^[a-z][A-Za-z]+$/, name)
    t.ok(operation.summary, name)
    t.equal(operation.tags?.length, 1, name)
    t.ok(tags.includes(operation.tags?.[0]), name)
  }
})

t.test('every route people and services may use is described', async t => {
  const paths = new Set(operations.map(({ path }) => path))
  for (const path of ['/auth/login', '/auth/providers', '/auth/{provider}', '/auth/{provider}/callback', '/auth/me', '/auth/logout', '/auth/account',
    '/.well-known/jwks.json', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/livez', '/readyz', '/healthz',
    '/auth/openapi.json', '/auth/openapi.yaml']) t.ok(paths.has(path), path)
})

t.test('the dev pages are nobody\'s interface', async t => {
  t.notMatch(JSON.stringify(Object.keys(description.paths)), '/dev')
})

t.test('every code of the catalogue is spelled as the contract spells codes, with a status of an error', async t => {
  for (const [code, [status, sentence]] of Object.entries(refusals)) {
    t.match(code, /^[a-z]+(_[a-z]+)*$/)
    t.ok(status >= 400 && status < 600, code)
    t.match(sentence, /^[A-Z][^\n]*\.$/, code)
  }
})

t.test('every refusal that is described is problem+json and names codes of the catalogue with their status', async t => {
  const catalogue = new Map<string, number>(Object.entries(refusals).map(([code, [status]]) => [code, status]))
  for (const { name, operation } of operations) {
    for (const [status, { description, content }] of Object.entries(operation.responses)) {
      if (Number(status) < 400 || name === 'GET /readyz') continue
      t.same(Object.keys(content ?? {}), ['application/problem+json'], `${name} ${status}`)
      const codes = description.match(/\b[a-z]+(_[a-z]+)+\b/g) ?? []
      t.ok(codes.length > 0, `${name} ${status}`)
      for (const code of codes) t.equal(catalogue.get(code), Number(status), `${name} ${code}`)
    }
  }
})

t.test('every reference leads somewhere', async t => {
  for (const [, name = ''] of JSON.stringify(description).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    t.ok(name in description.components.schemas, name)
  }
  t.notMatch(JSON.stringify(description), /"\$id"|shape-\d/)
})
