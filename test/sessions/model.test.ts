import fc from 'fast-check'
import t from 'tap'
import { SessionEnded } from '../../src/sessions/ended.ts'
import { ada, openTestState, type TestState } from '../helpers/state.ts'

const day = 86_400
const [idle, max, grace, skew] = [2 * day, 4 * day, 10, 60]
const people = ['1', '2']

/** What a session is, in as few words as can be: a row of tokens, of which the last is good. */
interface Family {
  person: string
  tokens: string[]
  startedAt: number
  rotatedAt: number
  /** When a predecessor came after its grace. */
  repeats: number[]
  ended: boolean
}

/** The rules of RFC 9700 section 4.14.2 with our grace and its exceptions, and nothing of how they are kept. */
class Model {
  now = 0
  readonly families: Family[] = []

  isLive ({ ended, startedAt, rotatedAt }: Family): boolean {
    return !ended && this.now < Math.min(rotatedAt + idle, startedAt + max)
  }

  /** What a token should come to: another, the same successor once more, or nothing. Whose theft it shows ends. */
  refresh (family: Family, index: number): 'rotates' | 'repeats' | 'repeats late' | 'refused' {
    const age = family.tokens.length - 1 - index
    if (!this.isLive(family)) return 'refused'
    if (age === 0) return 'rotates'
    const waited = this.now - family.rotatedAt
    if (age === 1 && waited <= grace && waited >= -skew) return 'repeats'
    if (age === 1 && waited <= day && this.#countsLate(family)) return 'repeats late'
    family.ended = true
    return 'refused'
  }

  /** Twice a day and four times in all; those that come at once are one. */
  #countsLate ({ repeats }: Family): boolean {
    if (repeats.includes(this.now)) return true
    if (repeats.length === 4 || repeats.filter(at => this.now - at < day).length === 2) return false
    repeats.push(this.now)
    return true
  }

  end (family: Family): boolean {
    const wasLive = this.isLive(family)
    if (wasLive) family.ended = true
    return wasLive
  }

  of (person: string): Family[] {
    return this.families.filter(family => family.person === person && this.isLive(family))
  }
}

type Command = fc.AsyncCommand<Model, TestState>

/** A family and one of its tokens, picked by numbers: the newest ones rather than old ones. */
function pick ({ families }: Model, which: number, age: number): { family: Family, index: number, token: string } | undefined {
  const family = families.at(-1 - which % Math.max(1, families.length))
  if (!family) return undefined
  const index = Math.max(0, family.tokens.length - 1 - age)
  return { family, index, token: family.tokens[index] ?? '' }
}

const command = (name: string, run: (model: Model, state: TestState) => Promise<void>): Command =>
  ({ check: () => true, run, toString: () => name })

const login = (person: string) => command(`login ${person}`, async (model, { sessions }) => {
  const { refreshToken } = await sessions.start({ ...ada, subject: person }, 0)
  model.families.push({ person, tokens: [refreshToken], startedAt: model.now, rotatedAt: model.now, repeats: [], ended: false })
})

const refresh = (which: number, age: number, times: number) => command(`refresh ${which} by token -${age}, ${times} at once`, async (model, state) => {
  const { sessions } = state
  const picked = pick(model, which, age)
  if (!picked) return
  const { family, index, token } = picked
  let audited = false
  const refusedAs = (error: Error) => { audited ||= error instanceof SessionEnded && error.reused; return 'refused' }
  const wasLive = model.isLive(family)
  const expected = model.refresh(family, index)
  const late: unknown[] = []
  const refreshed = async () => {
    const { refreshToken, repeated } = await sessions.refresh(token)
    late.push(repeated)
    return refreshToken
  }
  const got = await Promise.all(Array.from({ length: times }, () => refreshed().catch(refusedAs)))
  if (new Set(got).size !== 1) throw new Error(`they got ${new Set(got).size} different answers`)
  const [answer = ''] = got
  if (expected === 'refused' ? answer !== 'refused' : answer === 'refused') throw new Error(`expected: ${expected}, got: ${answer}`)
  if (late.some(flag => (flag === true) !== (expected === 'repeats late'))) throw new Error('what comes late is told, and nothing else is')
  if (expected.startsWith('repeats') && answer !== family.tokens[index + 1]) throw new Error('another successor')
  if (expected === 'rotates') {
    if (model.families.some(({ tokens }) => tokens.includes(answer))) throw new Error('a token that was there before')
    family.tokens.push(answer)
    family.rotatedAt = model.now
  }
  if (audited !== (wasLive && family.ended)) throw new Error('a theft is audited, and nothing else is')
})

const logout = (which: number, age: number) => command(`logout ${which} by token -${age}`, async (model, { sessions }) => {
  const picked = pick(model, which, age)
  if (!picked) return
  const found = await sessions.endByToken(picked.token)
  if (model.end(picked.family) && !found) throw new Error('a live session was not found')
})

const everywhere = (person: string) => command(`everywhere ${person}`, async (model, { sessions }) => {
  const live = model.of(person)
  if ((await sessions.endAll(`dev|${person}`)).length !== live.length) throw new Error('another number of sessions')
  for (const family of live) model.end(family)
})

const wait = (seconds: number) => command(`wait ${seconds}`, async (model, { travel }) => {
  model.now += seconds
  travel(seconds)
})

/** Only while nobody's time is over: whether it ever was would be another question. */
const setBack = (seconds: number): Command => ({
  ...wait(-seconds),
  check: model => model.families.every(family => family.ended || model.isLive(family)),
  toString: () => `clock set back ${seconds}`
})

const look = (person: string) => command(`list ${person}`, async (model, { sessions }) => {
  const listed = await sessions.list(`dev|${person}`)
  if (listed.length !== model.of(person).length) throw new Error(`${listed.length} sessions are listed, ${model.of(person).length} live`)
})

const commands = [
  fc.constantFrom(...people).map(login),
  ...Array.from({ length: 6 }, () => fc.tuple(fc.nat(2), fc.constantFrom(0, 0, 0, 1, 1, 2, 3), fc.constantFrom(1, 1, 3)).map(args => refresh(...args))),
  fc.tuple(fc.nat(2), fc.nat(2)).map(args => logout(...args)),
  fc.constantFrom(...people).map(everywhere),
  ...Array.from({ length: 2 }, () => fc.constantFrom(1, 9, 10, 10, 11, 11, 60, 3_600, day / 2, day - 1, day, idle - 1, idle).map(wait)),
  fc.constantFrom(1, 10, 59, 60, 61).map(setBack),
  fc.constantFrom(...people).map(look)
]

const terms = { SESSION_IDLE_TTL: `${idle}s`, SESSION_MAX_TTL: `${max}s` }

t.test('R47 R48 R50 any sequence of logins, refreshes, replays, sign-outs and waiting goes as the rules say', async t => {
  const state = await openTestState(t, terms, { still: true })
  await fc.assert(fc.asyncProperty(fc.commands(commands, { maxCommands: 100, size: 'max' }), async sequence => {
    state.travel(100 * max) // what the sequence before has left is over, however far this one sets the clock back
    await fc.asyncModelRun(() => ({ model: new Model(), real: state }), sequence)
  }), { numRuns: 60 })
  t.pass('60 sequences')
})

/** When each of a number of refreshes comes after the one before, in seconds. */
const steps = (longest: number) => fc.array(fc.integer({ min: 11, max: longest }), { minLength: 12, maxLength: 12 })

/**
 * A thief has copied the browser's token, and after each refresh of the browser presents the token that it has just used:
 * how often that gave him another one.
 */
async function shadowed ({ sessions, travel }: TestState, waits: number[]): Promise<number> {
  let { refreshToken } = await sessions.start(ada, 0)
  for (const [got, seconds] of waits.entries()) {
    const used = refreshToken
    refreshToken = (await sessions.refresh(used)).refreshToken
    travel(seconds)
    try {
      if ((await sessions.refresh(used)).refreshToken !== refreshToken) throw new Error('two tokens of one family')
    } catch (error) {
      if (!(error instanceof SessionEnded && error.reused)) throw error
      await sessions.refresh(refreshToken).then(() => { throw new Error('the session goes on') }, () => {})
      return got
    }
  }
  return waits.length
}

t.test('R48 a thief one step behind the browser is found out at his third refresh within a day', async t => {
  const state = await openTestState(t, terms, { still: true })
  await fc.assert(fc.asyncProperty(steps(day / 3), async waits => t.equal(await shadowed(state, waits), 2)), { numRuns: 30 })
})

t.test('R48 a thief one step behind the browser is found out at his fifth refresh in all', async t => {
  const state = await openTestState(t, { SESSION_IDLE_TTL: '14d', SESSION_MAX_TTL: '30d' }, { still: true })
  const slow = steps(day / 2).map(waits => waits.map(seconds => day / 2 + seconds))
  await fc.assert(fc.asyncProperty(slow, async waits => t.equal(await shadowed(state, waits), 4)), { numRuns: 30 })
})

t.test('R48 a browser that loses answers, twice in a day and four times in all, keeps its session', async t => {
  const state = await openTestState(t, { SESSION_IDLE_TTL: '14d', SESSION_MAX_TTL: '30d' }, { still: true })
  const { sessions, travel } = state
  const lost = fc.record({ refreshes: fc.nat(5), away: fc.integer({ min: 0, max: day }), retriesAtOnce: fc.integer({ min: 1, max: 8 }) })
  await fc.assert(fc.asyncProperty(fc.array(lost, { minLength: 4, maxLength: 4 }), async losses => {
    let token = (await sessions.start(ada, 0)).refreshToken
    const refresh = async () => { token = (await sessions.refresh(token)).refreshToken }
    for (const [number, { refreshes, away, retriesAtOnce }] of losses.entries()) {
      for (let round = 0; round < refreshes; round++) {
        await refresh()
        travel(600)
      }
      await sessions.refresh(token) // the answer never arrives
      travel(away)
      const got = await Promise.all(Array.from({ length: retriesAtOnce }, () => sessions.refresh(token)))
      t.equal(new Set(got.map(({ refreshToken }) => refreshToken)).size, 1)
      token = got[0]?.refreshToken ?? ''
      if (number === 1) travel(day)
    }
    for (let round = 0; round < 3; round++) await refresh()
  }), { numRuns: 30 })
})
