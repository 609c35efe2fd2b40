// What no login can do without, and nothing else: a redirect, the token call on a kept connection, the id_token's
// verification, two durable writes, one signature, a redirect.
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, verify, type JsonWebKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { open } from 'lmdb'

const { ISSUER: issuer = '', ALG: alg, PORT: port } = process.env
const folder = mkdtempSync(join(tmpdir(), 'handstamp-bench-'))
process.on('SIGTERM', () => { rmSync(folder, { recursive: true, force: true }); process.exit() })
const db = open({ path: folder, noSubdir: false })
const agent = new Agent({ keepAlive: true })

function call (path: string, form?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { agent, method: form === undefined ? 'GET' : 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    request(issuer + path, options, response => {
      let body = ''
      response.setEncoding('utf8').on('data', chunk => { body += String(chunk) }).on('end', () => resolve(body))
    }).on('error', reject).end(form)
  })
}

const { keys: [jwk] } = JSON.parse(await call('/jwks')) as { keys: [JsonWebKey] }
const providerKey = createPublicKey({ key: jwk, format: 'jwk' })
const { privateKey } = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
const signed = promisify(sign)

async function durably (key: string, value: string): Promise<void> {
  await db.transaction(() => { db.put(key, value) })
  await db.flushed
}

async function finish (url: URL): Promise<string> {
  const code = String(url.searchParams.get('code'))
  await durably(`flow-${randomBytes(16).toString('base64url')}`, '1')
  const form = new URLSearchParams({ grant_type: 'authorization_code', code }).toString()
  const { id_token: idToken } = JSON.parse(await call('/token', form)) as { id_token: string }
  const [header = '', payload = '', signature = ''] = idToken.split('.')
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), providerKey, Buffer.from(signature, 'base64url'))) throw new Error('not signed')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }
  await durably(`session-${claims.sub}`, payload)
  const input = Buffer.alloc(600, payload)
  return (alg === 'ES256' ? sign('sha256', input, privateKey) : await signed('sha256', input, privateKey)).toString('base64url')
}

const server = createServer((incoming, response) => {
  const url = new URL(String(incoming.url), 'http://localhost')
  if (url.pathname === '/start') {
    const [state, nonce, verifier] = [16, 16, 32].map(length => randomBytes(length).toString('base64url'))
    const challenge = createHash('sha256').update(String(verifier)).digest('base64url')
    const location = `${issuer}/authorize?state=${state}&nonce=${nonce}&code_challenge=${challenge}`
    response.writeHead(302, { location, 'set-cookie': `flow=${verifier}`, 'content-length': 0 }).end()
  } else if (url.pathname === '/callback') {
    finish(url).then(
      token => response.writeHead(303, { location: '/', 'set-cookie': `token=${token}`, 'content-length': 0 }).end(),
      () => response.writeHead(500).end())
  } else response.end()
})
server.keepAliveTimeout = 600_000
server.listen(Number(port), '127.0.0.1')
