import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from './app.ts'

export type Json = Record<string, unknown>
type Handler = (request: IncomingMessage, response: ServerResponse, form: URLSearchParams) => void | Promise<void>

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** An OpenID provider of ours that answers as it is told: right by default, wrong in whatever a test changes. */
export interface RogueProvider {
  issuer: string
  /** Changes to the discovery document; undefined removes a member. */
  metadata: Json
  /** Members of the key set instead of the right one. */
  jwks: unknown[] | undefined
  /** Changes to the id_token's claims; undefined removes one. */
  claims: Json
  header: Json
  /** Makes the whole id_token of header and claims. */
  makeIdToken: (header: Json, claims: Json) => string
  /** Changes to the token answer; undefined removes a member. */
  token: Json
  userinfo: Json | undefined
  /** What each path answers by itself. */
  answers: Record<string, Handler>
  /** Replaces what a path answers: '/.well-known/openid-configuration', '/token', '/jwks', '/userinfo'. */
  handlers: Record<string, Handler>
  /** Paths in the order they were asked. */
  requests: string[]
  /** The headers of these requests. */
  headers: IncomingHttpHeaders[]
  /** How many connections were opened to it. */
  connections: number
  /** The forms the token endpoint received. */
  tokenForms: URLSearchParams[]
  /** Takes what the browser was sent here with and gives the callback's query; its code stands for its nonce and these claims. */
  consent (authorizationUrl: string, claims?: Json): Record<string, string>
  privateKey: KeyObject
  publicKey: KeyObject
  /** The environment that configures this provider as `rogue`. */
  env: Record<string, string>
  /** Moves its clock. */
  travel (seconds: number): void
  stop (): Promise<void>
  /** Listens again, where it did. */
  resume (): Promise<void>
}

export const base64url = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

export function signRs256 (header: Json, claims: Json | string, key: KeyObject = rsa.privateKey): string {
  const input = `${base64url(header)}.${base64url(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

const withChanges = (right: Json, changes: Json): Json =>
  Object.fromEntries(Object.entries({ ...right, ...changes }).filter(([, value]) => value !== undefined))

export async function rogueProvider (t: Teardown): Promise<RogueProvider> {
  const grants = new Map<string, Json>()
  let latest: Json = {}
  let traveled = 0
  const rogue: RogueProvider = {
    issuer: '',
    metadata: {},
    jwks: undefined,
    claims: {},
    header: {},
    makeIdToken: (header, claims) => signRs256(header, claims),
    token: {},
    userinfo: undefined,
    answers: {},
    handlers: {},
    requests: [],
    headers: [],
    connections: 0,
    tokenForms: [],
    consent (authorizationUrl, claims = {}) {
      const { searchParams } = new URL(authorizationUrl)
      const code = `code-${grants.size + 1}-of-the-rogue`
      latest = { nonce: searchParams.get('nonce'), ...claims }
      grants.set(code, latest)
      return { code, state: String(searchParams.get('state')) }
    },
    ...rsa,
    env: {},
    travel: seconds => { traveled += seconds },
    stop: () => new Promise(resolve => { server.closeAllConnections(); server.close(() => resolve()) }),
    resume: () => listen(Number(new URL(rogue.issuer).port))
  }

  const json = (response: ServerResponse, body: unknown, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  rogue.answers = {
    '/.well-known/openid-configuration': (_request, response) => json(response, withChanges({
      issuer: rogue.issuer,
      authorization_endpoint: `${rogue.issuer}/authorize`,
      token_endpoint: `${rogue.issuer}/token`,
      jwks_uri: `${rogue.issuer}/jwks`,
      userinfo_endpoint: `${rogue.issuer}/userinfo`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256']
    }, rogue.metadata)),
    '/jwks': (_request, response) => json(response, {
      keys: rogue.jwks ?? [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }]
    }),
    '/token': (_request, response, form) => {
      rogue.tokenForms.push(form)
      const now = Math.floor(Date.now() / 1000) + traveled
      const accessToken = 'provider-access-token'
      const claims = withChanges({
        iss: rogue.issuer,
        sub: '7',
        aud: 'rogue-client',
        iat: now,
        exp: now + 300,
        at_hash: createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url'),
        email: 'ada@example.com',
        email_verified: true,
        name: 'Ada Lovelace'
      }, { ...grants.get(String(form.get('code'))) ?? latest, ...rogue.claims })
      const idToken = rogue.makeIdToken(withChanges({ alg: 'RS256', kid: 'k1', typ: 'JWT' }, rogue.header), claims)
      json(response, withChanges({ access_token: accessToken, token_type: 'Bearer', expires_in: 300, id_token: idToken }, rogue.token))
    },
    '/userinfo': (_request, response) => json(response, rogue.userinfo ?? { sub: '7' })
  }

  const server = createServer((request, response) => {
    const [path = ''] = String(request.url).split('?')
    rogue.requests.push(path)
    rogue.headers.push(request.headers)
    let body = ''
    request.on('data', chunk => { body += String(chunk) })
    request.on('end', () => {
      const answer = rogue.handlers[path] ?? rogue.answers[path]
      if (answer) Promise.resolve(answer(request, response, new URLSearchParams(body))).catch(() => response.destroy())
      else json(response, { error: 'not found' }, 404)
    })
  })
  server.on('connection', () => { rogue.connections++ })
  const listen = (port: number) => new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  rogue.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  rogue.env = {
    OIDC_PROVIDERS: 'rogue',
    OIDC_ROGUE_ISSUER: rogue.issuer,
    OIDC_ROGUE_CLIENT_ID: 'rogue-client',
    OIDC_ROGUE_CLIENT_SECRET: 'rogue-secret'
  }
  t.teardown(() => rogue.stop())
  return rogue
}
