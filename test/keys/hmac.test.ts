import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { HmacSha512 } from '../../src/keys/hmac.ts'

t.test('HMAC-SHA-512 is what OpenSSL makes of it, message after message', async t => {
  const bytes = (lengths: { minLength?: number, maxLength: number }) => fc.uint8Array(lengths)
  fc.assert(fc.property(bytes({ maxLength: 128 }), fc.nat(300).chain(length =>
    fc.array(bytes({ minLength: length, maxLength: length }), { minLength: 1, maxLength: 4 })), (key, messages) => {
    const hmac = new HmacSha512(key, messages[0]?.length ?? 0)
    return messages.every(message => hmac.digest(message).equals(createHmac('sha512', key).update(message).digest()))
  }), { numRuns: 2_000 })
  t.pass('two thousand times')
})

t.test('a digest stays as it is when the next one is made', async t => {
  const hmac = new HmacSha512(Buffer.from('key'), 1)
  const first = hmac.digest(Buffer.from('a'))
  hmac.digest(Buffer.from('b'))
  t.ok(first.equals(createHmac('sha512', 'key').update('a').digest()))
})

t.test('a key longer than a block, and a message of another length, are errors of ours', async t => {
  t.throws(() => new HmacSha512(Buffer.alloc(129), 1), RangeError)
  const hmac = new HmacSha512(Buffer.alloc(64), 61)
  for (const length of [0, 60, 62]) t.throws(() => hmac.digest(Buffer.alloc(length)), RangeError, `${length} bytes`)
})
