import { readFileSync } from 'node:fs'
import t from 'tap'
import { buildTestApp } from '../../helpers/app.ts'

t.test('the description is served as JSON and as the YAML of the repository', async t => {
  const { app } = await buildTestApp(t)
  const yaml = await app.inject('/auth/openapi.yaml')
  t.match(yaml.headers['content-type'], 'application/yaml')
  t.equal(yaml.body, readFileSync('openapi.yaml', 'utf8'))
  const json = await app.inject('/auth/openapi.json')
  t.match(json.headers['content-type'], 'application/json')
  t.match(json.json(), { openapi: '3.1.0', paths: { '/auth/me': { get: { operationId: 'me' } } } })
  for (const path of ['/auth/openapi.json', '/auth/openapi.yaml', '/auth/docs']) {
    t.equal((await app.inject(path)).body, (await app.inject(path)).body,
      'the same twice')
  }
})

t.test('the description is a page without script, too', async t => {
  const { app } = await buildTestApp(t)
  const page = await app.inject('/auth/docs')
  t.equal(page.statusCode, 200)
  t.match(page.headers, { 'content-type': /^text\/html/, 'content-security-policy': /default-src 'none'/ })
  t.notMatch(page.body, /<script|<img|onclick/)
  const { paths, tags } = (await app.inject('/auth/openapi.json')).json()
  for (const { name } of tags) t.match(page.body, `<h2>${name}</h2>`)
  for (const [path, methods] of Object.entries<Record<string, { summary: string }>>(paths)) {
    for (const method of Object.keys(methods)) t.match(page.body, `<code>${method.toUpperCase()} ${path.replace(/"/g, '&quot;')}</code>`)
  }
})
