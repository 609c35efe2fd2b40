import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from './app.ts'
import { signRs256, type Json } from './rogue-provider.ts'

/** A request that a fake received. */
export interface Received {
  method: string
  path: string
  query: URLSearchParams
  form: URLSearchParams
  headers: IncomingHttpHeaders
}

/** An answer that is more than JSON with status 200. */
export class Reply {
  readonly status: number
  readonly body: string
  readonly type: string
  readonly headers: Record<string, string>

  constructor (status: number, body: unknown, type = 'application/json', headers: Record<string, string> = {}) {
    this.status = status
    this.body = typeof body === 'string' ? body : JSON.stringify(body)
    this.type = type
    this.headers = headers
  }
}

export const reply = (status: number, body: unknown, type?: string): Reply => new Reply(status, body, type)
export const form = (body: string, type = 'application/x-www-form-urlencoded'): Reply => new Reply(200, body, type)

/** JSON, a reply, or what makes either of a request, now or later. */
export type Answer = unknown | ((request: Received) => unknown)

export interface FakeProvider {
  url: string
  requests: Received[]
  /** `GET /path` or `/path` -> what is answered; a key with a query is for that query alone. */
  answers: Record<string, Answer>
  /** Signs an id_token with the key of `jwks`. */
  idToken (claims: Json): string
  jwks: Json
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] }

/** A server on loopback that answers whatever a test tells it to, under several paths. */
export async function fakeProvider (t: Teardown): Promise<FakeProvider> {
  const fake: FakeProvider = {
    url: '',
    requests: [],
    answers: {},
    idToken: claims => signRs256({ alg: 'RS256', kid: 'k1', typ: 'JWT' }, claims, rsa.privateKey),
    jwks
  }
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request
    const { pathname, search, searchParams } = new URL(url, fake.url)
    let body = ''
    request.on('data', chunk => { body += String(chunk) })
    request.on('end', async () => {
      const received: Received = { method, path: pathname, query: searchParams, form: new URLSearchParams(body), headers: request.headers }
      fake.requests.push(received)
      const key = [`${method} ${pathname}${search}`, pathname + search, `${method} ${pathname}`, pathname].find(key => key in fake.answers)
      const answer = key === undefined ? reply(404, { error: 'not found' }) : fake.answers[key]
      const given: unknown = typeof answer === 'function' ? await (answer as (request: Received) => unknown)(received) : answer
      const { status, body: text, type, headers } = given instanceof Reply ? given : reply(200, given)
      response.writeHead(status, { 'content-type': type, ...headers }).end(text)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => new Promise(resolve => { server.closeAllConnections(); server.close(resolve) }))
  return fake
}
