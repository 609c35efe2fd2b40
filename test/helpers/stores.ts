import { pagesOf, type Entry, type Store } from '../../src/stores/store.ts'

/** Everything that lives in a folder. */
export async function listOf (store: Store, folder: string): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const entries of pagesOf(store, folder, 100)) found.push(...entries)
  return found
}
