/** Shapes that several routes share; openapi.yaml shows them under components. */
export const sharedSchemas = [
  {
    $id: 'Problem',
    type: 'object',
    description: 'A refusal, as RFC 9457 has it. `code` is stable: decide by it.',
    required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      code: { type: 'string' },
      request_id: { type: 'string', description: 'Names this request in the log' }
    }
  },
  {
    $id: 'User',
    type: 'object',
    required: ['sub', 'email', 'email_verified', 'name', 'picture', 'provider'],
    properties: {
      sub: { type: 'string', description: '`<provider>|<subject at the provider>`: stable, never the email' },
      email: { type: 'string' },
      email_verified: { type: 'boolean' },
      name: { type: ['string', 'null'] },
      picture: { type: ['string', 'null'] },
      provider: { type: 'string' }
    }
  },
  {
    $id: 'SignedInUser',
    type: 'object',
    required: ['sub', 'email', 'email_verified', 'name', 'picture', 'provider', 'session'],
    properties: {
      sub: { type: 'string' },
      email: { type: 'string' },
      email_verified: { type: 'boolean' },
      name: { type: ['string', 'null'] },
      picture: { type: ['string', 'null'] },
      provider: { type: 'string' },
      session: {
        type: 'object',
        required: ['id', 'expires_at'],
        properties: { id: { type: 'string' }, expires_at: { type: 'integer', description: 'Absolute end, epoch seconds' } }
      }
    }
  },
  {
    $id: 'TokenResponse',
    type: 'object',
    required: ['access_token', 'token_type', 'expires_in', 'user'],
    properties: {
      access_token: { type: 'string', description: 'A JWT, verified with /.well-known/jwks.json alone' },
      token_type: { type: 'string', enum: ['Bearer'] },
      expires_in: { type: 'integer', description: 'seconds' },
      user: { $ref: 'User#' }
    }
  }
] as const

const problemContent = { 'application/problem+json': { schema: { $ref: 'Problem#' } } }

/** Refusals of a route by status, for its response schemas. */
export const problems = (descriptions: Record<number, string>) =>
  Object.fromEntries(Object.entries(descriptions).map(([status, description]) => [status, { description, content: problemContent }]))

/** A redirect or another answer without a body. */
export const noBody = (description: string) => ({ description, type: 'null' })

export const pageBody = (description: string) => ({ description, content: { 'text/html': { schema: { type: 'string' } } } })

export const jsonBody = (description: string, ref: string) =>
  ({ description, content: { 'application/json': { schema: { $ref: `${ref}#` } } } })

/** What a provider's answer may carry: never empty, never twice, never long. */
export const answerParameter = { type: 'string', minLength: 1, maxLength: 4096 } as const
