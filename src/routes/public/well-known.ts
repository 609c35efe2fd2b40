import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../../errors.ts'
import type { KeyRing } from '../../keys/key-ring.ts'
import type { StatusLists } from '../../tokens/status-lists.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { noBody, problems } from '../../http/schemas.ts'

export interface WellKnownOptions {
  publicUrl: string
  keys: KeyRing
  /** Absent where tokens name no place in a status list. */
  statusLists?: StatusLists
}

/** A public document: its bytes and its name, made once. */
interface PublicDocument {
  body: string
  etag: string
}

const publicHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'public, max-age=600',
  'cross-origin-resource-policy': 'cross-origin'
}

const schema = (operationId: string, summary: string, description: string) => ({
  operationId,
  tags: ['verifiers'],
  summary,
  response: {
    200: { description, content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } } },
    304: noBody('What If-None-Match names is still it')
  }
})

const statusListSchema = {
  operationId: 'tokenStatusList',
  tags: ['verifiers'],
  summary: 'Which sessions have ended',
  description: 'With `TOKEN_STATUS=true`, tokens name one of these lists and their place in it (IETF Token Status List): a bit that is 1 says ' +
    'that the session has ended. True within two seconds.',
  params: { type: 'object', required: ['list'], properties: { list: { type: 'string', pattern: '^(0|[1-9][0-9]{0,8})$' } } },
  response: {
    200: { description: 'A signed list', content: { 'application/statuslist+jwt': { schema: { type: 'string' } } } },
    ...problems({ 400: 'invalid_request', 404: 'not_found', 503: 'store_unavailable' })
  }
} as const

/** What a verifier needs to know, and all it needs to know. */
const wellKnown: RoutePlugin<WellKnownOptions> = async (app, { publicUrl, keys, statusLists }) => {
  const jwks = madeOf(keys, () => keys.jwks)
  const metadata = madeOf(keys, () => discoveryDocument(publicUrl, [...new Set(keys.all.map(({ alg }) => alg))]))
  const open = { exposeHeadRoute: true, config: { neverLate: true } }

  app.get('/jwks.json', { ...open, schema: schema('jwks', 'Public keys of our tokens', 'A JSON Web Key Set (RFC 7517)') },
    (request, reply) => { send(request, reply, jwks()) })
  app.get('/openid-configuration', { ...open, schema: schema('openidConfiguration', 'OpenID Connect discovery', 'Provider metadata') },
    (request, reply) => { send(request, reply, metadata()) })
  app.get('/oauth-authorization-server', { ...open, schema: schema('oauthMetadata', 'OAuth discovery', 'Authorization server metadata (RFC 8414)') },
    (request, reply) => { send(request, reply, metadata()) })

  app.get('/token-status/:list', { exposeHeadRoute: true, schema: statusListSchema }, async (request, reply) => {
    const list = await statusLists?.list(Number(request.params.list))
    if (list === undefined) throw new AuthError('not_found')
    return reply.headers({ ...publicHeaders, 'cache-control': 'public, max-age=10', 'content-type': 'application/statuslist+jwt' }).send(list)
  })
}

/** A document of the key ring: made again only after the ring has changed. */
function madeOf (keys: KeyRing, make: () => object): () => PublicDocument {
  let made: PublicDocument | undefined
  let revision = -1
  return () => {
    if (!made || revision !== keys.revision) {
      made = documentOf(make())
      revision = keys.revision
    }
    return made
  }
}

function send (request: FastifyRequest, reply: FastifyReply, { body, etag }: PublicDocument) {
  reply.headers(publicHeaders).header('etag', etag)
  const known = request.headers['if-none-match']
  // A list of names, each in quotes: no other name can contain ours.
  if (known !== undefined && (known.trim() === '*' || known.includes(etag))) return reply.code(304).send()
  return reply.send(body)
}

function documentOf (value: object): PublicDocument {
  const body = JSON.stringify(value)
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
}

/** The union of what strict consumers demand; some enforce the algorithms, so they are those of the published keys. */
const discoveryDocument = (publicUrl: string, algs: string[]) => ({
  issuer: publicUrl,
  authorization_endpoint: `${publicUrl}/auth/authorize`,
  token_endpoint: `${publicUrl}/auth/token`,
  userinfo_endpoint: `${publicUrl}/auth/userinfo`,
  jwks_uri: `${publicUrl}/.well-known/jwks.json`,
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: algs,
  scopes_supported: ['openid', 'email', 'profile'],
  claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'email', 'email_verified', 'name', 'picture'],
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
  authorization_response_iss_parameter_supported: true
})

export default wellKnown
