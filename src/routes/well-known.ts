import { createHash } from 'node:crypto'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { KeyRing } from '../keys/key-ring.ts'
import { noBody } from './schemas.ts'

export interface WellKnownOptions {
  publicUrl: string
  keys: KeyRing
}

/** A public document: its bytes and its name, made once. */
interface PublicDocument {
  body: string
  etag: string
}

const publicHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'public, max-age=600',
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'ETag',
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

/** What a verifier needs to know, and all it needs to know. */
const wellKnown: FastifyPluginAsync<WellKnownOptions> = async (app, { publicUrl, keys }) => {
  const jwks = documentOf(keys.jwks)
  const metadata = documentOf(discoveryDocument(publicUrl, keys.current.alg))
  const open = { exposeHeadRoute: true, config: { neverLate: true } }

  app.get('/jwks.json', { ...open, schema: schema('jwks', 'Public keys of our tokens', 'A JSON Web Key Set (RFC 7517)') },
    (request, reply) => { send(request, reply, jwks) })
  app.get('/openid-configuration', { ...open, schema: schema('openidConfiguration', 'OpenID Connect discovery', 'Provider metadata') },
    (request, reply) => { send(request, reply, metadata) })
  app.get('/oauth-authorization-server', { ...open, schema: schema('oauthMetadata', 'OAuth discovery', 'Authorization server metadata (RFC 8414)') },
    (request, reply) => { send(request, reply, metadata) })
}

function send (request: FastifyRequest, reply: FastifyReply, { body, etag }: PublicDocument) {
  reply.headers(publicHeaders).header('etag', etag)
  const known = request.headers['if-none-match']
  if (known !== undefined && (known.trim() === '*' || known.split(',').some(name => name.trim().replace(/^W\//, '') === etag))) {
    return reply.code(304).send()
  }
  return reply.send(body)
}

function documentOf (value: object): PublicDocument {
  const body = JSON.stringify(value)
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
}

/** The union of what strict consumers demand; the algorithm is the one we really sign with, as some enforce it. */
const discoveryDocument = (publicUrl: string, alg: string) => ({
  issuer: publicUrl,
  authorization_endpoint: `${publicUrl}/auth/authorize`,
  token_endpoint: `${publicUrl}/auth/token`,
  userinfo_endpoint: `${publicUrl}/auth/userinfo`,
  jwks_uri: `${publicUrl}/.well-known/jwks.json`,
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: [alg],
  scopes_supported: ['openid', 'email', 'profile'],
  claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'email', 'email_verified', 'name', 'picture'],
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
  authorization_response_iss_parameter_supported: true
})

export default wellKnown
