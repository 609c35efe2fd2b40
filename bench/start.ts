import { handstamp, rawTwin, warmDataDir } from './handstamp.ts'
import { compareCpu, type Effort } from './harness/compare.ts'
import { server } from './harness/contestant.ts'
import { get } from './harness/load.ts'
import { capacity, type Finding } from './harness/table.ts'

/** `GET /auth/google`: state, nonce, PKCE and a sealed cookie, against redirects with a cookie and nothing to think about. */
export async function start (effort: Effort): Promise<Finding[]> {
  const ours = handstamp(await warmDataDir())
  const measured = await compareCpu([
    { script: ours, requests: [get('/auth/google')], status: 302 },
    { script: { name: 'bare Fastify', path: server('bare-redirect') }, requests: [get('/')], status: 302 },
    { script: await rawTwin(ours, '/auth/google'), requests: [get('/auth/google')], status: 302 }
  ], effort)
  return [capacity(measured, 'Handstamp', 'bare Fastify', 0.5), capacity(measured, 'Handstamp', 'raw node:http', 0.43)]
}
