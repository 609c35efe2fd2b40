import type { Ajv, ValidateFunction } from 'ajv'
import type { FastifyInstance } from 'fastify'

/**
 * Checks requests against their schemas: strictly, without bending a value until it fits. ajv is loaded, and a schema
 * compiled, when a request first needs them, as together they would be a quarter of the start.
 */
export function validateRequests (app: FastifyInstance): void {
  let loading: Promise<Ajv> | undefined
  app.setValidatorCompiler<object>(({ schema }) => {
    let validate: ValidateFunction | undefined

    async function prepare (): Promise<ValidateFunction> {
      loading ??= loadAjv()
      const ajv = await loading
      validate ??= ajv.compile(schema)
      return validate
    }

    // Fastify takes a rejection for an error of the request: what is ours says so by its status.
    async function first (data: unknown): Promise<true> {
      const prepared = await prepare().catch((cause: unknown) => { throw Object.assign(new Error('no validator', { cause }), { statusCode: 500 }) })
      const error = errorOf(prepared, data)
      if (error) throw error
      return true
    }

    return data => {
      if (!validate) return first(data) as never // a promise is what Fastify awaits, but its type wants a brand
      const error = errorOf(validate, data)
      return error ? { error } : true
    }
  })
}

/** With what ajv found, as Fastify's own validation errors have it. */
function errorOf (validate: ValidateFunction, data: unknown): Error | undefined {
  return validate(data) ? undefined : Object.assign(new Error('the request does not fit its schema'), { validation: validate.errors })
}

async function loadAjv (): Promise<Ajv> {
  const { Ajv } = await import('ajv')
  return new Ajv({ useDefaults: true, validateSchema: false }) // the schema of schemas is slow to compile, and ours are tested
}
