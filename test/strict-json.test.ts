import fc from 'fast-check'
import t from 'tap'
import { parseStrictJson, parseStrictObject } from '../src/strict-json.ts'

t.test('R13 R17 R33 a member that is named twice is refused, however it is spelled and wherever it is', async t => {
  for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"a":1, "b":2 , "a" : 3}', '[{"a":1,"a":2}]', '{"x":{"a":1,"a":2}}',
    '{"a":{"b":1},"a":2}', '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}', '{"a":[1,{"b":1}],"c":{},"a":0}', '{"\\"":1,"\\"":2}', '{"a\\\\":1,"a\\\\":2}']) {
    t.throws(() => parseStrictJson(text), { name: 'SyntaxError', message: 'a member is named twice' }, text)
    t.throws(() => parseStrictJson(Buffer.from(text)), text)
  }
})

t.test('names that only look alike are not the same', async t => {
  for (const text of ['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":2}]', '{"a":"a","b":"a"}', '{"a":"{\\"a\\":1,\\"a\\":2}"}', '{"a":":","b":"\\":"}',
    '{"a":1,"A":2}',
    '{"a\\\\":1,"a":2}', '{"a":["a","a"],"b":["a"]}', '{"é":1,"e\\u0301":2}']) t.same(parseStrictJson(text), JSON.parse(text), text)
})

t.test('what JSON.parse gives, this gives, for whatever it wrote', async t => {
  fc.assert(fc.property(fc.jsonValue({ stringUnit: 'binary' }), value => {
    const text = JSON.stringify(value)
    t.same(JSON.stringify(parseStrictJson(text)), text)
  }), { numRuns: 300 })
})

t.test('R17 what is not JSON or not UTF-8 is refused', async t => {
  for (const text of ['', 'x', '{', '{"a":1', "{'a':1}", '{"a":1,}', 'NaN', '01']) t.throws(() => parseStrictJson(text), { name: 'SyntaxError' }, text)
  for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]]) t.throws(() => parseStrictJson(Buffer.from(bytes)))
})

t.test('only an object is an object', async t => {
  t.same(parseStrictObject('{"a":1}'), { a: 1 })
  for (const text of ['[]', 'null', '"a"', '7', 'true']) t.throws(() => parseStrictObject(text), { message: 'not a JSON object' }, text)
})
