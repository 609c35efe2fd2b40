import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(8192)
let used = pool.length

/** Cryptographic randomness, filled in bulk: a call to the system costs ten times what it gives here. */
export function randomBytesFromPool (length: number): Buffer {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = Buffer.from(pool.subarray(used, used + length))
  pool.fill(0, used, used + length) // what was handed out is not kept
  used += length
  return bytes
}

/** A random base64url text of `length` bytes of entropy. */
export const randomId = (length: number): string => randomBytesFromPool(length).toString('base64url')
