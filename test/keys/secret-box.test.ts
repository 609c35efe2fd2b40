import fc from 'fast-check'
import t from 'tap'
import { secretBox } from '../../src/keys/secret-box.ts'

const [first, second] = ['first-secret-0123456789abcdef-0123', 'second-secret-0123456789abcdef-0123']

t.test('what is sealed opens again, whatever it is', async t => {
  const box = secretBox([first], 'test')
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string(), (text, context) => box.open(box.seal(text, context),
    context) === text))
  t.pass('a hundred times')
})

t.test('the same text is sealed differently every time', async t => {
  const box = secretBox([first], 'test')
  t.equal(new Set(Array.from({ length: 2000 }, () => box.seal('x', 'y'))).size, 2000)
})

t.test('R2 a seal that was changed in any bit does not open', async t => {
  const box = secretBox([first], 'test')
  const sealed = Buffer.from(box.seal('a text', 'context'), 'base64url')
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (box.open(changed.toString('base64url'), 'context') !== undefined) t.fail(`bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length++) {
    t.equal(box.open(sealed.subarray(0, length).toString('base64url'), 'context'), undefined,
    `${length} bytes`)
  }
})

t.test('a seal opens for its own context, purpose and secret alone', async t => {
  const sealed = secretBox([first], 'test').seal('a text', 'context')
  t.equal(secretBox([first], 'test').open(sealed, 'context'), 'a text')
  t.equal(secretBox([first], 'test').open(sealed, 'other context'), undefined)
  t.equal(secretBox([first], 'test').open(sealed, ''), undefined)
  t.equal(secretBox([first], 'other').open(sealed, 'context'), undefined)
  t.equal(secretBox([second], 'test').open(sealed, 'context'), undefined)
})

t.test('while secrets rotate, both open and the newest seals', async t => {
  const [old, both, fresh] = [secretBox([first], 'test'), secretBox([second, first], 'test'), secretBox([second], 'test')]
  t.equal(both.open(old.seal('a text', 'x'), 'x'), 'a text')
  t.equal(fresh.open(both.seal('a text', 'x'), 'x'), 'a text')
  t.equal(old.open(both.seal('a text', 'x'), 'x'), undefined)
})

t.test('what is no seal at all does not open', async t => {
  const box = secretBox([first], 'test')
  for (const text of ['', 'x', '.', '%', 'AAAA'.repeat(20), 'é'.repeat(50), '\u0000']) t.equal(box.open(text, 'x'), undefined)
})

t.test('a digest says "the same again" and nothing else', async t => {
  const box = secretBox([first], 'log')
  t.equal(box.digest('ada@example.com'), box.digest('ada@example.com'))
  t.not(box.digest('ada@example.com'), box.digest('bob@example.com'))
  t.not(box.digest('ada@example.com'), secretBox([second], 'log').digest('ada@example.com'), 'nobody without the secret can try emails')
  t.match(box.digest('x'), /^[\w-]{22}$/)
})

t.test('a box needs a secret', async t => {
  t.throws(() => secretBox([], 'test'), { name: 'TypeError' })
})
