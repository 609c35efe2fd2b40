// node:http that signs a token of the same size for each request, on the thread pool, and does nothing else.
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { ada } from './ada.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const header = base64url({ alg: 'RS256', kid: 'raw', typ: 'JWT' })
const claims = { ...ada, iss: 'http://localhost:3000', aud: 'http://localhost:3000', client_id: 'handstamp', jti: 'x'.repeat(22), sid: 'x'.repeat(22) }

const server = createServer((_request, response) => {
  const iat = Math.floor(Date.now() / 1000)
  const input = `${header}.${base64url({ ...claims, iat, exp: iat + 600 })}`
  sign('sha256', Buffer.from(input), privateKey, (error, signature) => {
    const body = JSON.stringify({ access_token: `${input}.${signature.toString('base64url')}`, token_type: 'Bearer', expires_in: 600 })
    response.writeHead(error ? 500 : 200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  })
})
server.keepAliveTimeout = 72_000
server.listen(Number(process.env['PORT']), process.env['HOST'])
