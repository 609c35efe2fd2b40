import { generateKeyPairSync, sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { State } from '../src/core.ts'
import { sessionText } from '../src/sessions/record.ts'
import { redisServer } from '../test/helpers/redis-server.ts'
import { answersPerSecond, compareCpu, compareP99, median, noise, numbersOf, ratios, type Effort, type Entry } from './harness/compare.ts'
import { server } from './harness/contestant.ts'
import type { Dialogue } from './harness/load.ts'
import type { Finding } from './harness/table.ts'
import { open, publicUrl, refreshing } from './handstamp.ts'
import { ada } from './servers/ada.ts'

const secret = 'a-secret-of-a-bench-that-nobody-else-needs-to-know'
/** More than are ever under way, though a machine stops for a while. */
const people = 8_192
const device = 506

/** So many logins at once: what waits longer than the store's patience would fail. */
const together = 256

async function browsers ({ sessions }: State): Promise<Dialogue[]> {
  const made: Dialogue[] = []
  while (made.length < people) {
    made.push(...await Promise.all(Array.from({ length: together }, async (_, index) =>
      refreshing((await sessions.start({ ...ada, subject: String(made.length + index) }, device)).refreshToken))))
  }
  return made
}

/** What the store has of a session besides its first line. */
const now = Math.floor(Date.now() / 1000)
const [, identity = ''] = sessionText({ generation: 1, tokenHash: '', rotatedAt: now, startedAt: now, device, identity: ada, rest: [] }).split('\n')

/** A refresh over HTTP with sessions in Redis, beside the same with store and signature stubbed out. */
export async function refresh (effort: Effort): Promise<Finding[]> {
  const cleaning: Array<() => unknown> = []
  try {
    const redis = await redisServer({ teardown: clean => { cleaning.push(clean) } })
    const env = { REDIS_URL: redis.url, SECRET: secret, PUBLIC_URL: publicUrl, GOOGLE_CLIENT_ID: 'bench', GOOGLE_CLIENT_SECRET: 'bench', RATE_LIMIT: '0' }
    const state = await open({ ...env, SIGNING_ALG: 'ES256' })
    const entry = async (name: string, more: Record<string, string> = {}): Promise<Entry> =>
      ({ script: { name, path: server('refresh'), probe: '/livez', env: { ...env, SIGNING_ALG: 'ES256', ...more } }, requests: await browsers(state) })
    const measured = await compareCpu([await entry('Handstamp'), await entry('stubbed', { STUBBED: identity })], effort)
    const cpu = (name: string) => median(numbersOf(measured, name))

    // Half of what each can, so that what is measured is waiting and not queueing; and node:http at our rate, too.
    const raw = async (): Promise<Entry> =>
      ({ script: { name: 'raw', path: server('raw'), env: { ANSWER: JSON.stringify(answer) } }, requests: await browsers(state) })
    const half = async (entry: Entry) => Math.floor(0.5 * await answersPerSecond(entry, effort))
    const [rate, rawRate] = [await half(await entry('Handstamp')), await half(await raw())]
    const waits = async (perSecond: number) => {
      const measured = await compareP99([{ ...await entry('Handstamp'), perSecond: rate }, { ...await raw(), perSecond }], effort)
      const wait = (name: string) => median(numbersOf(measured, name)).toFixed(1)
      return {
        values: ratios(measured, 'Handstamp', 'raw'),
        noise: noise(measured),
        how: `p99: ${wait('Handstamp')} ms at ${rate} a second against ${wait('raw')} ms at ${perSecond}`
      }
    }
    const [atHalf, atSameRate] = [await waits(rawRate), await waits(rate)]
    await state.close()

    const used = async () => Number(/^used_memory:(\d+)/m.exec(await redis.client.info('memory'))?.[1])
    await redis.client.flushall()
    const rsa = { SIGNING_ALG: 'RS256' }
    const other = await open({ ...env, ...rsa })
    const empty = await used()
    const signers = await browsers(other)
    const bytes = (await used() - empty) / people
    await other.close()
    const script = { name: 'RS256', path: server('refresh'), probe: '/livez', env: { ...env, ...rsa } }
    const withRsa = numbersOf(await compareCpu([{ script, requests: signers }], effort), 'RS256')
    const bare = await signatureMicros()

    return [
      {
        what: 'ES256 : store and signature stubbed',
        values: ratios(measured, 'Handstamp', 'stubbed'),
        noise: noise(measured),
        atMost: 2.2,
        how: `CPU a refresh: ${cpu('Handstamp').toFixed(0)} against ${cpu('stubbed').toFixed(0)} us`
      },
      {
        what: 'RS256 : the bare signature',
        values: withRsa.map(micros => micros / bare),
        atMost: 1.5,
        how: `CPU: ${median(withRsa).toFixed(0)} against ${bare.toFixed(0)} us`
      },
      { what: 'ES256 : raw node:http, each at half capacity', atMost: 5, ...atHalf },
      { what: 'ES256 : raw node:http, both at half of ours', atMost: 5, ...atSameRate },
      { what: 'store a session in Redis', values: [bytes], unit: ' bytes', atMost: 400, how: `used_memory with ${people} sessions` }
    ]
  } finally {
    for (const clean of cleaning.reverse()) await clean()
  }
}

/** As many bytes as a refresh answers with. */
const answer = {
  status: 200,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'set-cookie': [560, 103].map(length => `handstamp=${'A'.repeat(length)}; Max-Age=595; Path=/; HttpOnly; SameSite=Lax`)
  },
  body: JSON.stringify({ access_token: 'A'.repeat(560), token_type: 'Bearer', expires_in: 595, user: ada })
}

/** CPU of one RS256 signature, on the thread pool as we make it. */
export async function signatureMicros (): Promise<number> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signOnPool = promisify(sign)
  const input = Buffer.alloc(600, 'a')
  const micros: number[] = []
  for (let round = 0; round < 9; round++) {
    const before = process.cpuUsage()
    for (let batch = 0; batch < 8; batch++) await Promise.all(Array.from({ length: 32 }, () => signOnPool('sha256', input, privateKey)))
    const { user, system } = process.cpuUsage(before)
    micros.push((user + system) / 256)
  }
  return median(micros)
}
