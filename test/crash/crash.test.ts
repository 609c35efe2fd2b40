import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { State } from '../../src/core.ts'
import { hashOf, RefreshTokens, subjectIdOf } from '../../src/sessions/refresh-tokens.ts'
import { recordOf } from '../../src/sessions/record.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { ada, openTestState } from '../helpers/state.ts'

const crashes = Number(process.env['CRASHES'] ?? 25)
const families = 10

/** A session and the last few tokens that were acknowledged, oldest first. */
interface Family {
  id: string
  tokens: string[]
}

/** One process that rotates its families. */
class Rotator {
  readonly #process: ChildProcess
  readonly #families: Map<string, Family>
  readonly #notes: string

  constructor (t: Teardown, folder: string, name: string, mine: Map<string, Family>, startMs: number) {
    const tokens = join(folder, `${name}.json`)
    this.#families = mine
    this.#notes = join(folder, `${name}.notes`)
    writeFileSync(tokens, JSON.stringify(Object.fromEntries([...mine].map(([key, { tokens }]) => [key, tokens.at(-1)]))))
    writeFileSync(this.#notes, '')
    const program = fileURLToPath(new URL('rotator.js', import.meta.url))
    this.#process = spawn(process.execPath, [program, folder, tokens, this.#notes, String(startMs)], { stdio: 'inherit' })
    t.teardown(() => this.#process.kill('SIGKILL'))
  }

  /** Grows with everything it was given. */
  get progress (): number {
    if (this.#process.exitCode !== null) throw new Error(`the process ended by itself: ${readFileSync(this.#notes, 'utf8').slice(-300)}`)
    return statSync(this.#notes).size
  }

  /** @returns how many tokens it was given; each is with its family */
  async kill (): Promise<number> {
    const closed = once(this.#process, 'close')
    this.#process.kill('SIGKILL')
    await closed
    let given = 0
    // Line by line: after a thousand crashes the neighbour's are more than a string holds.
    for await (const line of createInterface({ input: createReadStream(this.#notes) })) {
      const [key = '', ...rest] = line.split(' ')
      if (key === '!') throw new Error(rest.join(' '))
      const family = this.#families.get(key)
      family?.tokens.push(rest.join(' '))
      if (family && family.tokens.length > 3) family.tokens.shift()
      given++
    }
    return given
  }
}

t.test(`L21 kill -9 in the middle of rotations, ${crashes} times, loses no session and leaves no two tokens that are good`, async t => {
  const folder = temporaryFolder(t)
  const sets = { killed: new Map<string, Family>(), neighbour: new Map<string, Family>() }
  const begin = async ({ sessions }: State) => {
    const { id, refreshToken } = await sessions.start(ada, 0)
    return { id, tokens: [refreshToken] }
  }
  const first = await openTestState(t, { DATA_DIR: folder })
  for (const set of Object.values(sets)) for (let number = 0; number < families; number++) set.set(String(number), await begin(first))
  const refreshTokens = new RefreshTokens([readFileSync(join(folder, 'secret'), 'utf8').trim()])
  const kids = first.keys.all.map(({ kid }) => kid)
  await first.close()
  const startMs = Date.now()
  let [ranMs, rotations, unacknowledged] = [0, 0, 0]

  const neighbour = new Rotator(t, folder, 'neighbour', sets.neighbour, startMs)

  for (let crash = 0; crash < crashes; crash++) {
    const from = performance.now()
    const rotator = new Rotator(t, folder, 'killed', sets.killed, startMs + ranMs)
    await eventually('it rotates', () => rotator.progress > 0)
    await new Promise(resolve => setTimeout(resolve, Math.random() * 400))
    rotations += await rotator.kill()
    ranMs += performance.now() - from

    // The store as a process finds it that starts now.
    const state = await openTestState(t, { DATA_DIR: folder })
    for (const { id, tokens } of sets.killed.values()) {
      const record = recordOf(await state.store.get(`sessions/${subjectIdOf('dev|7')}/${id}`) ?? '0 \n[]')
      const last = refreshTokens.parse(tokens.at(-1) ?? '')
      if (!record || !last) throw new Error(`crash ${crash}: a session is lost`)
      const good = [last, last.successor].filter(token => token.generation === record.generation && hashOf(token) === record.tokenHash)
      if (good.length !== 1) {
        throw new Error(`crash ${crash}: ${good.length} tokens are good, the record is of ${record.generation}, acknowledged was ${last.generation}`)
      }
      if (good[0] !== last) unacknowledged++
    }
    if (JSON.stringify(state.keys.all.map(({ kid }) => kid)) !== JSON.stringify(kids)) throw new Error(`crash ${crash}: other keys`)

    // One that is old shows a theft, also when what came after it was in the middle of the crash.
    const key = String(crash % families)
    const { id, tokens } = sets.killed.get(key) ?? { id: '', tokens: [] }
    if (tokens.length > 2) {
      await state.sessions.refresh(tokens.at(-3) ?? '').then(() => { throw new Error(`crash ${crash}: an old token is good`) }, () => {})
      if (await state.store.get(`sessions/${subjectIdOf('dev|7')}/${id}`) !== undefined) throw new Error(`crash ${crash}: the session went on`)
      sets.killed.set(key, await begin(state))
    }
    await state.close()

    const before = neighbour.progress
    await eventually('the neighbour is not held up by a process that died', () => neighbour.progress > before)
  }

  t.comment(`${rotations} rotations were acknowledged to ${crashes} processes that were killed, and ${await neighbour.kill()} to their neighbour; ` +
    `${unacknowledged} more were made, and nobody was told`)
  t.ok(rotations > 0)
})
