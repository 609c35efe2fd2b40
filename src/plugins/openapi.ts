import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'

/** Collects the routes for openapi.yaml. Nothing is made of them before somebody asks. */
export async function describeApi (app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
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
}
