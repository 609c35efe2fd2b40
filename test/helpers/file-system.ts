import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Teardown } from './app.ts'

/** Puts another answer in the place of calls to the file system, for the modules that imported them too, until the test ends. */
export function replaceCalls (t: Teardown, calls: Partial<Pick<typeof fs, 'linkSync' | 'fchmodSync' | 'statfsSync' | 'mkdirSync'>>): void {
  const before = Object.fromEntries(Object.keys(calls).map(name => [name, fs[name as keyof typeof fs]]))
  t.teardown(() => {
    Object.assign(fs, before)
    syncBuiltinESMExports()
  })
  Object.assign(fs, calls)
  syncBuiltinESMExports()
}

export const failing = (code: string) => (): never => { throw Object.assign(new Error('not here'), { code }) }
