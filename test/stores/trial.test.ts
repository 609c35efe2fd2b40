import t from 'tap'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { StoreError, type Store } from '../../src/stores/store.ts'
import { tryStore } from '../../src/stores/trial.ts'
import { temporaryFolder, type Teardown } from '../helpers/app.ts'

async function embedded (t: Teardown): Promise<EmbeddedStore> {
  const store = await EmbeddedStore.open(temporaryFolder(t))
  t.teardown(() => store.close())
  return store
}

/** A store of which some steps do something else. */
const but = (store: Store, changed: Partial<Store>): Store =>
  new Proxy(store, { get: (target, name) => Reflect.get(changed, name) ?? Reflect.get(target, name)?.bind(target) as unknown })

t.test('a store that works passes, as often as it is tried, and nothing is left but news that ends', async t => {
  const store = await embedded(t)
  await tryStore(store)
  await Promise.all([tryStore(store), tryStore(store)])
  const left: string[] = []
  for await (const [key] of store.walk('')) left.push(key)
  t.same(left.filter(key => !/^(format|counters\/news|news\/\d+)$/.test(key)), [])
})

t.test('whichever step fails, the trial fails', async t => {
  const store = await embedded(t)
  const fail = () => Promise.reject(new StoreError('refused here'))
  for (const step of ['claim', 'put', 'count', 'announce', 'ping', 'replace', 'replaceLine', 'page', 'get', 'remove']) {
    await t.rejects(tryStore(but(store, { [step]: fail })), { message: 'refused here' }, step)
  }
})

t.test('a store that says yes and does not do it fails the trial', async t => {
  const store = await embedded(t)
  const liars: Array<Partial<Store>> = [
    { claim: async () => true },
    { claim: async () => false },
    { replace: async () => false },
    { replaceLine: async () => ({ replaced: false, found: undefined }) },
    { page: async () => ({ entries: [] }) },
    { get: async () => undefined }
  ]
  for (const liar of liars) await t.rejects(tryStore(but(store, liar)), { message: /does not keep what it is given/ })
})

t.test('a store that can say more of what it refuses is asked', async t => {
  const store = await embedded(t)
  const get = () => Promise.reject(new StoreError('refused here', undefined, true))
  await t.rejects(tryStore(but(store, { get })), { message: 'refused here' })
  const explain = async ({ message }: StoreError) => new StoreError(`${message}: GET`, undefined, true)
  await t.rejects(tryStore(but(store, { get, explain })), { message: 'refused here: GET' })
})
