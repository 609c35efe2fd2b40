import type { JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import type { FastifyPluginAsync, RawServerDefault } from 'fastify'

/** A family of routes whose requests are typed by their own schemas. */
export type RoutePlugin<Options extends object> = FastifyPluginAsync<Options, RawServerDefault, JsonSchemaToTsProvider>
