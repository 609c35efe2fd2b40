import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomId } from '../keys/randomness.ts'
import { sameSecret } from '../keys/same-secret.ts'
import type { SecretBox } from '../keys/secret-box.ts'
import { makePrivatePem, signingKey } from '../keys/signing-key.ts'
import type { Connections } from '../providers/http/connections.ts'
import { oidc, type OidcEndpoints } from '../providers/descriptor.ts'
import { oidcProvider } from '../providers/oidc/provider.ts'
import type { Provider } from '../providers/provider.ts'
import { epochSeconds, type Clock } from '../clock.ts'

/** Who the visitor of the dev page says they are. */
export interface DevPerson {
  email: string
  name?: string
}

/** What the dev page is asked with, as any OpenID provider is (OpenID Connect Core 3.1.2.1). */
export interface DevRequest {
  client_id: string
  redirect_uri: string
  response_type: string
  state: string
  nonce: string
  code_challenge: string
  code_challenge_method: string
}

/** The provider `dev`: a small but whole OpenID provider inside this process, for a machine without any account. */
export interface DevProvider {
  provider: Provider
  /** Whether a request to the dev page came from this service's own redirect. */
  accepts (request: DevRequest): boolean
  /** Where the browser goes once the person has chosen; without a person, they cancelled. */
  answer (request: DevRequest, person?: DevPerson): string
  close (): Promise<void>
}

export interface DevProviderOptions {
  publicUrl: string
  callbackUrl: string
  box: SecretBox
  connections: Connections
  clock: Clock
  warn: (message: string, error?: unknown) => void
}

const clientId = 'handstamp'
const codeSeconds = 60
const scopes = ['openid', 'email', 'profile']

export function devProvider ({ publicUrl, callbackUrl, box, connections, clock, warn }: DevProviderOptions): DevProvider {
  const issuer = `${publicUrl}/auth/dev`
  const clientSecret = randomId(32)
  let backChannel: Promise<{ server: Server, endpoints: OidcEndpoints }> | undefined

  /** Token endpoint and keys, on a loopback port of their own: PUBLIC_URL may not be reachable from in here. */
  async function open () {
    const key = signingKey(await makePrivatePem('ES256'), 'ES256')
    const jwks = JSON.stringify({ keys: [key.jwk] })

    async function token (form: URLSearchParams): Promise<object | undefined> {
      const code = box.open(form.get('code') ?? '', 'dev-code')
      const grant = code ? JSON.parse(code) as Grant : undefined
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
      const now = epochSeconds(clock)
      if (!grant || grant.expiresAt < now || challenge !== grant.challenge) return undefined
      if (!sameSecret(form.get('client_secret') ?? '', clientSecret) || form.get('redirect_uri') !== callbackUrl) return undefined
      const { person, nonce } = grant
      const claims = {
        iss: issuer,
        sub: createHash('sha256').update(person.email.toLowerCase()).digest('base64url').slice(0, 22),
        aud: clientId,
        iat: now,
        exp: now + 300,
        nonce,
        email: person.email,
        email_verified: true,
        name: person.name
      }
      const input = [{ alg: 'ES256', kid: key.kid, typ: 'JWT' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
      return { access_token: randomId(16), token_type: 'Bearer', expires_in: 300, id_token: `${input}.${await key.signature(input)}` }
    }

    const server = createServer((request, response) => {
      const send = (status: number, body: string) => { response.writeHead(status, { 'content-type': 'application/json' }).end(body) }
      if (request.url === '/jwks') return send(200, jwks)
      readForm(request).then(token).then(
        answer => send(answer ? 200 : 400, JSON.stringify(answer ?? { error: 'invalid_grant' })),
        () => send(400, '{"error":"invalid_request"}'))
    })
    // exclusive: workers would share the port, and one would be asked for what another one signed.
    await new Promise<void>(resolve => server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, resolve))
    server.unref()
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const endpoints: OidcEndpoints = {
      issuer,
      authorizationEndpoint: `${issuer}/authorize`,
      tokenEndpoint: `${base}/token`,
      jwksUri: `${base}/jwks`,
      sendsIssuer: true,
      tokenAuth: 'post',
      idTokenAlgs: ['ES256']
    }
    return { server, endpoints }
  }

  return {
    // A developer may sign in as anyone, of any domain.
    provider: oidcProvider(oidc({ name: 'Development login', issuer, scopes, refine: () => ({ domainVouched: true }) }), {
      id: 'dev',
      name: 'Development login',
      clientId,
      clientSecret,
      scopes,
      own: {},
      emails: { vouchesFor: [], onlyTrusted: false },
      callbackUrl,
      loopback: true,
      connections,
      clock,
      warn,
      endpoints: async () => (await (backChannel ??= open())).endpoints
    }),

    accepts: request => request.client_id === clientId && request.redirect_uri === callbackUrl &&
      request.response_type === 'code' && request.code_challenge_method === 'S256',

    answer (request, person) {
      const target = new URL(callbackUrl)
      target.searchParams.set('state', request.state)
      target.searchParams.set('iss', issuer)
      if (person) {
        const grant: Grant = { person, nonce: request.nonce, challenge: request.code_challenge, expiresAt: epochSeconds(clock) + codeSeconds }
        target.searchParams.set('code', box.seal(JSON.stringify(grant), 'dev-code'))
      } else {
        target.searchParams.set('error', 'access_denied')
      }
      return target.href
    },

    async close () {
      const { server } = await backChannel ?? {}
      if (server) await new Promise(resolve => server.close(resolve))
    }
  }
}

interface Grant {
  person: DevPerson
  nonce: string
  challenge: string
  expiresAt: number
}

async function readForm (request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request) {
    body += String(chunk)
    if (body.length > 16_384) throw new Error('the form is too large')
  }
  return new URLSearchParams(body)
}
