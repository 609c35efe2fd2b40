import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { randomId } from '../src/keys/randomness.ts'
import { handstamp, issueMany, open, rawTwin, signInMany, warmDataDir } from './handstamp.ts'
import { compareCpu, median, noise, numbersOf, ratios, type Effort, type Measured } from './harness/compare.ts'
import { server, startContestant, type Script } from './harness/contestant.ts'
import { get } from './harness/load.ts'
import { capacity, type Finding } from './harness/table.ts'

/** More than are remembered: asked in turn, each has been forgotten when it comes again. */
const tokensBeyondMemory = 12_000

/** `GET /auth/me` by cookie, 200 people in turn, every token seen before; and with every token new. */
export async function me (effort: Effort): Promise<Finding[]> {
  const dataDir = await warmDataDir()
  const cookies = (await signInMany(dataDir, effort.people)).map(token => ({ cookie: `handstamp=${token}` }))
  const requests = cookies.map(cookie => get('/auth/me', cookie))
  const ours = handstamp(dataDir)
  const everyNew = 'Handstamp, every token new'
  const newOnes = (await issueMany(dataDir, tokensBeyondMemory)).map(token => get('/auth/me', { cookie: `handstamp=${token}` }))
  const measured = await compareCpu([
    { script: ours, requests },
    { script: handstamp(dataDir, {}, everyNew), requests: newOnes },
    { script: handstamp(dataDir, { LOG_LEVEL: 'warn' }, 'Handstamp without log'), requests },
    { script: { name: '@fastify/jwt', path: server('fastify-jwt'), env: { PUBLIC_KEY: await publicKey(ours) } }, requests },
    { script: await rawTwin(ours, '/auth/me', cookies[0]), requests }
  ], effort)
  return [
    capacity(measured, 'Handstamp', '@fastify/jwt', 1.8),
    capacity(measured, 'Handstamp', 'raw node:http', 0.4),
    capacity(measured, 'Handstamp without log', 'raw node:http', 0.5),
    newAgainst(measured, everyNew, 'Handstamp', 2.2),
    newAgainst(measured, everyNew, '@fastify/jwt')
  ]
}

function newAgainst (measured: Measured, one: string, other: string, atMost?: number): Finding {
  const micros = (name: string) => median(numbersOf(measured, name)).toFixed(1)
  return {
    what: `${one} : ${other}`,
    values: ratios(measured, one, other),
    noise: noise(measured),
    ...(atMost !== undefined && { atMost }),
    how: `CPU a request: ${micros(one)} against ${micros(other)} us`
  }
}

/** The same with nobody's session ended, with 100,000 ended whose tokens are not over yet, and without asking. */
export async function revoked (effort: Effort): Promise<Finding[]> {
  const [dataDir, unasked, crowded] = [await warmDataDir(), await warmDataDir(), await warmDataDir()]
  const { revocations, close } = await open({ DATA_DIR: crowded })
  const until = Math.floor(Date.now() / 1000) + 43_200
  for (let ended = 0; ended < 100_000; ended += 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, () => revocations.revoke({ id: randomId(16), until })))
  }
  await close()
  const entry = async (folder: string, name: string, env: Record<string, string> = {}) => ({
    script: { ...handstamp(folder, env, name), path: server('unchecked') },
    requests: (await signInMany(folder, effort.people)).map(token => get('/auth/me', { cookie: `handstamp=${token}` }))
  })
  const measured = await compareCpu([
    await entry(dataDir, 'nobody ended'), await entry(crowded, '100,000 ended'), await entry(unasked, 'not asked', { UNCHECKED: 'true' })
  ], effort)
  const micros = (name: string) => median(numbersOf(measured, name)).toFixed(1)
  return ['nobody ended', '100,000 ended'].map(name => ({
    what: `/auth/me, ${name} : not asked`,
    values: ratios(measured, name, 'not asked'),
    noise: noise(measured),
    atMost: 1.02,
    how: `CPU a request: ${micros(name)} against ${micros('not asked')} us`
  }))
}

/** PEM, as @fastify/jwt wants it. */
async function publicKey (script: Script): Promise<string> {
  const contestant = await startContestant(script)
  const jwks = await (await fetch(`http://127.0.0.1:${contestant.port}/.well-known/jwks.json`)).json() as { keys: JsonWebKey[] }
  await contestant.stop()
  return createPublicKey({ key: jwks.keys[0] ?? {}, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString()
}
