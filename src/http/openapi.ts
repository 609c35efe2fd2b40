import type { FastifyInstance, RouteOptions } from 'fastify'
import Fastify from 'fastify'

/** The OpenAPI description of an app, in two spellings. */
export interface ApiDescription {
  json (): Promise<object>
  yaml (): Promise<string>
}

/** Remembers the routes; @fastify/swagger is loaded and told of them at the first request for the description, which is rare. */
export function describeApi (app: FastifyInstance, about: { version: string, shapes: readonly object[] }): ApiDescription {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', route => { if (route.method !== 'HEAD') routes.push(route) })
  let describing: Promise<FastifyInstance> | undefined
  const described = () => {
    describing ??= describingApp(routes, about)
    return describing
  }
  return {
    json: async () => (await described()).swagger(),
    yaml: async () => (await described()).swagger({ yaml: true })
  }
}

/** The same routes without what they do, on an instance that never listens. */
async function describingApp (routes: RouteOptions[], { version, shapes }: { version: string, shapes: readonly object[] }): Promise<FastifyInstance> {
  const { default: swagger } = await import('@fastify/swagger')
  const host = Fastify({ exposeHeadRoutes: false })
  host.setValidatorCompiler(() => () => true)
  host.setSerializerCompiler(() => () => '')
  await host.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Handstamp',
        version,
        summary: 'Runs a provider\'s login and issues a signed JWT with the user\'s verified email',
        license: { name: 'MIT', identifier: 'MIT' }
      },
      security: [],
      servers: [{ url: '/', description: 'PUBLIC_URL' }],
      tags: [
        { name: 'login', description: 'From "sign in" to "signed in"' },
        { name: 'session', description: 'The session a browser or a service holds' },
        { name: 'pages', description: 'What people see' },
        { name: 'verifiers', description: 'What a service needs to check a token' },
        { name: 'health', description: 'For whoever keeps the service running' },
        { name: 'developers', description: 'This description' }
      ],
      components: {
        securitySchemes: {
          cookie: { type: 'apiKey', in: 'cookie', name: '__Host-handstamp', description: '`handstamp` on a loopback http PUBLIC_URL' },
          refresh: { type: 'apiKey', in: 'cookie', name: '__Host-handstamp-refresh', description: '`handstamp-refresh` on a loopback http PUBLIC_URL' },
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
        }
      }
    },
    refResolver: { buildLocalReference: json => String(json['$id']) }
  })
  for (const shape of shapes) host.addSchema(shape)
  for (const { method, url, schema, handler } of routes) host.route({ method, url, ...(schema && { schema }), handler })
  await host.ready()
  return host
}
