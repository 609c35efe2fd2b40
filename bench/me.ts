import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { handstamp, rawTwin, signInMany, warmDataDir } from './handstamp.ts'
import { compareCpu, type Effort } from './harness/compare.ts'
import { server, startContestant, type Script } from './harness/contestant.ts'
import { get } from './harness/load.ts'
import { capacity, type Finding } from './harness/table.ts'

/** `GET /auth/me` by cookie, 200 people in turn, every token seen before. */
export async function me (effort: Effort): Promise<Finding[]> {
  const dataDir = await warmDataDir()
  const cookies = (await signInMany(dataDir, 200)).map(token => ({ cookie: `handstamp=${token}` }))
  const requests = cookies.map(cookie => get('/auth/me', cookie))
  const ours = handstamp(dataDir)
  const measured = await compareCpu([
    { script: ours, requests },
    { script: handstamp(dataDir, { LOG_LEVEL: 'warn' }, 'Handstamp without log'), requests },
    { script: { name: '@fastify/jwt', path: server('fastify-jwt'), env: { PUBLIC_KEY: await publicKey(ours) } }, requests },
    { script: await rawTwin(ours, '/auth/me', cookies[0]), requests }
  ], effort)
  return [
    capacity(measured, 'Handstamp', '@fastify/jwt', 1.8),
    capacity(measured, 'Handstamp', 'raw node:http', 0.4),
    capacity(measured, 'Handstamp without log', 'raw node:http', 0.5)
  ]
}

/** PEM, as @fastify/jwt wants it. */
async function publicKey (script: Script): Promise<string> {
  const contestant = await startContestant(script)
  const jwks = await (await fetch(`http://127.0.0.1:${contestant.port}/.well-known/jwks.json`)).json() as { keys: JsonWebKey[] }
  await contestant.stop()
  return createPublicKey({ key: jwks.keys[0] ?? {}, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString()
}
