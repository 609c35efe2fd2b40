import type { FastifyPluginAsync } from 'fastify'

/** The API description, made of the routes themselves at its first request. */
const docs: FastifyPluginAsync = async app => {
  let json: string | undefined
  let yaml: string | undefined

  app.get('/openapi.json', {
    schema: {
      operationId: 'openapiJson',
      tags: ['developers'],
      summary: 'This description as JSON',
      response: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } } } }
    }
  }, async (_request, reply) => {
    json ??= JSON.stringify(app.swagger(), null, 2)
    return reply.header('content-type', 'application/json; charset=utf-8').send(json)
  })

  app.get('/openapi.yaml', {
    schema: {
      operationId: 'openapiYaml',
      tags: ['developers'],
      summary: 'This description as YAML',
      response: { 200: { description: 'OpenAPI 3.1', content: { 'application/yaml': { schema: { type: 'string' } } } } }
    }
  }, async (_request, reply) => {
    yaml ??= app.swagger({ yaml: true })
    return reply.header('content-type', 'application/yaml; charset=utf-8').send(yaml)
  })
}

export default docs
