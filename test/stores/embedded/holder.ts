// Opens a store, begins to write, says so and stays like that: a process that was stopped in the middle of a write.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'

const entries = open({ path: join(process.argv[2] ?? '', 'handstamp.mdb'), noSubdir: true, encoding: 'binary' })
entries.transactionSync(() => {
  writeSync(1, 'holding')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
