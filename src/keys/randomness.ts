import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(8192)
let used = pool.length

/** Cryptographic randomness, filled in bulk: a call to the system costs ten times what it gives here. */
export function randomBytesFromPool (length: number): Buffer {
  const from = take(length)
  const bytes = Buffer.allocUnsafe(length)
  pool.copy(bytes, 0, from, used)
  pool.fill(0, from, used) // what was handed out is not kept
  return bytes
}

/** A random base64url text of `length` bytes of entropy. */
export function randomId (length: number): string {
  const from = take(length)
  const text = pool.toString('base64url', from, used)
  pool.fill(0, from, used)
  return text
}

/** Where the next `length` bytes begin: they end at `used`. */
function take (length: number): number {
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += length
  return used - length
}
