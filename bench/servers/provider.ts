// An OpenID provider over TLS, as providers are: a code stands for a person and a nonce. Beside it, over plain HTTP on PORT,
// it says where it is and how many connections it has had.
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

const { CERT: cert, KEY: key, PORT: port } = process.env
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] })
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const header = base64url({ alg: 'RS256', kid: 'k1', typ: 'JWT' })
let connections = 0

const server = createTlsServer({ cert, key }, (request, response) => {
  answer(request).then(body => {
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': Buffer.byteLength(body) }).end(body)
  }, () => response.writeHead(400).end())
})
server.keepAliveTimeout = 60_000
server.on('secureConnection', () => { connections++ })
server.listen(0, '127.0.0.1', () => {
  createServer((_request, response) => response.end(JSON.stringify({ issuer: issuer(), connections }))).listen(Number(port), '127.0.0.1')
})
process.on('SIGTERM', () => process.exit())

const issuer = (): string => `https://localhost:${(server.address() as AddressInfo).port}`

async function answer (request: IncomingMessage): Promise<string> {
  if (request.url === '/jwks') return jwks
  if (request.url === '/token') return token(await formOf(request))
  return JSON.stringify({
    issuer: issuer(),
    authorization_endpoint: `${issuer()}/authorize`,
    token_endpoint: `${issuer()}/token`,
    jwks_uri: `${issuer()}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256']
  })
}

function token (form: URLSearchParams): string {
  const { nonce, person } = JSON.parse(Buffer.from(String(form.get('code')), 'base64url').toString()) as { nonce: string, person: number }
  const now = Math.floor(Date.now() / 1000)
  const accessToken = `access-token-of-person-${person}`
  const claims = {
    iss: issuer(),
    aud: 'bench',
    sub: String(person),
    iat: now,
    exp: now + 300,
    nonce,
    at_hash: createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url'),
    email: `person-${person}@example.com`,
    email_verified: true,
    name: 'Ada Lovelace'
  }
  const input = `${header}.${base64url(claims)}`
  const idToken = `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  return JSON.stringify({ access_token: accessToken, token_type: 'Bearer', expires_in: 300, id_token: idToken })
}

async function formOf (request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return new URLSearchParams(body)
}
