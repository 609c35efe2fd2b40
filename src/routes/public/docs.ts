import type { FastifyPluginAsync } from 'fastify'
import { apiPage, type Operation } from '../../pages/api.ts'
import { pageHeaders } from '../../pages/layout.ts'
import type { ApiDescription } from '../../http/openapi.ts'
import { pageBody } from '../../http/schemas.ts'

const schema = (operationId: string, summary: string, response: object) => ({ operationId, tags: ['developers'], summary, response: { 200: response } })

/** The API description, made of the routes themselves at its first request. */
const docs: FastifyPluginAsync<{ description: ApiDescription }> = async (app, { description }) => {
  let json: string | undefined
  let yaml: string | undefined
  let page: string | undefined

  app.get('/openapi.json', {
    exposeHeadRoute: true,
    schema: schema('openapiJson', 'This description as JSON',
      { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } } })
  }, async (_request, reply) => {
    json ??= JSON.stringify(await description.json(), null, 2)
    return reply.header('content-type', 'application/json; charset=utf-8').send(json)
  })

  app.get('/openapi.yaml', {
    exposeHeadRoute: true,
    schema: schema('openapiYaml', 'This description as YAML',
      { description: 'OpenAPI 3.1', content: { 'application/yaml': { schema: { type: 'string' } } } })
  }, async (_request, reply) => {
    yaml ??= await description.yaml()
    return reply.header('content-type', 'application/yaml; charset=utf-8').send(yaml)
  })

  app.get('/docs', {
    exposeHeadRoute: true,
    schema: schema('docs', 'This description as a page', pageBody('The page')),
    config: { page: true }
  }, async (_request, reply) => {
    page ??= apiPage(operationsOf(await description.json()))
    return reply.headers(pageHeaders()).send(page)
  })
}

interface Described {
  tags: string[]
  summary?: string
  description?: string
  responses?: Record<string, { description?: string }>
}

/** The operations of an OpenAPI document, in its order. */
function operationsOf ({ paths = {} }: { paths?: object }): Operation[] {
  return Object.entries(paths as Record<string, Record<string, Described>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags, summary = '', description, responses = {} }]) => ({
      method: method.toUpperCase(),
      path,
      tag: tags.join(),
      summary,
      ...(description && { description }),
      answers: Object.entries(responses).map(([status, { description: meaning = '' }]) => [status, meaning] as [string, string])
    })))
}

export default docs
