import t, { type Test } from 'tap'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { SecretHolders } from '../../src/keys/secret-holders.ts'
import { temporaryFolder } from '../helpers/app.ts'
import { openTestState } from '../helpers/state.ts'
import { listOf } from '../helpers/stores.ts'
import { faulty } from '../helpers/faulty.ts'

const one = 'the first secret of the operator of thirty-two or more'
const two = 'the second secret of the operator of thirty-two or more'

/** Starts a service on the folder and says what it warns of. */
async function start (t: Test, DATA_DIR: string, SECRET: string, startAt = 0) {
  const warnings: string[] = []
  const state = await openTestState(t, { DATA_DIR, SECRET }, { startAt, onProblem: message => { warnings.push(message) } })
  return { state, warnings }
}

t.test('a new first SECRET that a running service does not list second is warned about, and told in words', async t => {
  const folder = temporaryFolder(t)
  t.same((await start(t, folder, one)).warnings, [])
  t.same((await start(t, folder, `${one},${two}`)).warnings, [], 'what others lack is not used yet')
  const { warnings, state } = await start(t, folder, `${two},${one}`)
  t.match(warnings, [/^SECRET begins with a secret that a service on this store did not list.*second on every replica/])
  const kept = JSON.stringify(await listOf(state.store, 'services/'))
  for (const secret of [one, two]) t.notMatch(kept, secret)
})

t.test('once every service lists it, it may be the first', async t => {
  const folder = temporaryFolder(t)
  const first = await start(t, folder, `${one},${two}`)
  t.same((await start(t, folder, `${one},${two}`)).warnings, [])
  t.same((await start(t, folder, `${two},${one}`)).warnings, [])
  t.same(first.warnings, [])
})

t.test('a service that ended minutes ago is not in the way', async t => {
  const folder = temporaryFolder(t)
  await (await start(t, folder, one)).state.close()
  t.match((await start(t, folder, `${two},${one}`, 60)).warnings, [/^SECRET begins with/], 'it may be about to come back')
  const other = temporaryFolder(t)
  await (await start(t, other, one)).state.close()
  t.same((await start(t, other, `${two},${one}`, 200)).warnings, [])
})

t.test('what a service lists is known for as long as it runs', async t => {
  let now = 1_000
  const store = await EmbeddedStore.open(temporaryFolder(t), () => now * 1000)
  t.teardown(() => store.close())
  const clock = () => store.now()
  const old = new SecretHolders(store, clock, [one])
  const next = new SecretHolders(store, clock, [two, one])
  await old.tell()
  now += 170
  await old.tell()
  now += 170
  t.equal(await next.someLackOurs(), true)
  now += 20
  t.equal(await next.someLackOurs(), false)
})

t.test('a store that is away for a moment is asked again a minute later', async t => {
  const { state } = await start(t, temporaryFolder(t), one)
  const holders = new SecretHolders(state.store, () => state.store.now(), [two])
  const faults = faulty(state.store)
  faults.fail('put')
  await holders.tell()
  t.equal((await listOf(state.store, 'services/')).length, 1)
  faults.heal('put')
  await holders.tell()
  t.equal((await listOf(state.store, 'services/')).length, 2)
})
