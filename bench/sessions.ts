import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { handstamp, open, refreshing, warmDataDir } from './handstamp.ts'
import { compareCpu, median, noise, numbersOf, ratios, type Effort, type Entry } from './harness/compare.ts'
import type { Finding } from './harness/table.ts'
import { ada } from './servers/ada.ts'

/** As people sign in, and as a store is copied. */
const [aFew, aThousand] = [4, 1_000]
const browsers = 20_000

/** `POST /auth/refresh` with few and with many live sessions in the embedded store, and what each session takes. */
export async function sessions (effort: Effort): Promise<Finding[]> {
  const few = await filled(1_000, aFew)
  const many = await filled(effort.manySessions, aFew)
  const bulk = await filled(effort.manySessions, aThousand)
  const findings: Finding[] = []
  for (const alg of ['RS256', 'ES256']) {
    const entry = ({ dataDir, name, requests }: Filled): Entry =>
      ({ script: handstamp(dataDir, { SIGNING_ALG: alg, RATE_LIMIT: '0' }, name), requests })
    const measured = await compareCpu([few, many, bulk].map(entry), effort)
    const micros = ({ name }: Filled) => median(numbersOf(measured, name)).toFixed(0)
    for (const store of [many, bulk]) {
      findings.push({
        what: `${alg}, ${store.name} : ${few.name}`,
        values: ratios(measured, store.name, few.name),
        noise: noise(measured),
        atMost: 1.3,
        how: `CPU a refresh: ${micros(store)} against ${micros(few)} us`
      })
    }
  }
  return [...findings, { what: 'store a session', values: [many.bytes], unit: ' bytes', atMost: 300, how: `size of the file with ${many.name}` }]
}

/** A store with so many sessions, and browsers that hold some of them, far apart in the file. */
export interface Filled {
  name: string
  dataDir: string
  requests: Entry['requests']
  /** of the file, for each session */
  bytes: number
}

export async function filled (count: number, atOnce: number): Promise<Filled> {
  const dataDir = await warmDataDir()
  const state = await open({ DATA_DIR: dataDir })
  const path = join(dataDir, 'handstamp.mdb')
  const size = () => statSync(path).size
  const empty = size()
  const every = Math.ceil(count / browsers)
  const requests: Filled['requests'] = []
  for (let made = 0; made < count; made += atOnce) {
    const tokens = await Promise.all(Array.from({ length: atOnce }, async (_, person) =>
      (await state.sessions.start({ ...ada, subject: `${made + person}`.padStart(21, '1') }, 506)).refreshToken))
    requests.push(...tokens.filter((_token, person) => (made + person) % every === 0).map(refreshing))
  }
  const bytes = (size() - empty) / count
  await state.close()
  asAfterARestart(path)
  return { name: `${count} sessions, ${atOnce} at once`, dataDir, requests, bytes }
}

/**
 * Makes the kernel forget what it has in memory of a file. What a bench writes in one go it would keep in large pieces, of
 * which it looks at every page whenever one is written: that says how the store was filled, not how much is in it.
 */
function asAfterARestart (path: string): void {
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'])
}
