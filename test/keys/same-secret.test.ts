import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { sameSecret } from '../../src/keys/same-secret.ts'

t.test('R73 two secrets are the same where each byte is, whatever their lengths', async t => {
  const text = fc.string({ unit: 'binary', maxLength: 100 })
  fc.assert(fc.property(text, text, (one, other) => sameSecret(one, other) === (one === other)))
  fc.assert(fc.property(text, one => sameSecret(one, one) && !sameSecret(one, `${one}x`) && !sameSecret(`${one}x`, one)))
  t.notOk(sameSecret('', '\0'))
})

t.test('R73 the sources compare no secret, state or password by ===', async t => {
  const secret = String.raw`(?:\w+\.)*\w*(?:secret|password|flow\.state)\w*`
  const comparison = new RegExp(String.raw`(?:${secret}|['"]client_secret['"]\))\s*[!=]==?(?!=|\s*(?:undefined|null|'))|[!=]==?\s*${secret}\b`, 'i')
  t.match("if (form.get('client_secret') !== given) return", comparison)
  t.match('return given === config.clientSecret', comparison)
  for (const path of readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))) {
    t.same(readFileSync(join('src', path), 'utf8').match(comparison), null, path)
  }
})
