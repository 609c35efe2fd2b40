import t from 'tap'
import { identityOf } from '../../src/providers/identify.ts'

t.test('a name is shown as people write it, without what would change the page or the line around it', t => {
  const nameFor = (name: unknown) => identityOf('acme', { subject: '1', name }).name
  for (const name of ['Ada Lovelace', 'Éva Ó Súilleabháin', '김철수', 'محمد', 'می\u200cخواهم', '👩\u200d💻', 'O\'Neil <b>']) t.equal(nameFor(name), name)
  for (const [name, shown] of [
    ['Ada\r\nSet-Cookie: a=b', 'Ada Set-Cookie: a=b'], ['\u202egro.live\u202c', 'gro.live'], ['Ada\u0000\u001b[31m', 'Ada [31m'], [' Ada\t\tL. ', 'Ada L.'],
    ['\u2066Ada\u2069', 'Ada'], ['\ufeffAda', 'Ada'], ['Ada\u2028L.', 'Ada L.'], ['Ada\ud800', 'Ada'], ['Ada\u200b\u200eL.', 'Ada L.'], ['A\u0085da', 'A da']
  ]) t.equal(nameFor(name), shown, `to be shown as ${shown}`)
  for (const name of ['', ' ', '\u202e', '\u0000', 7, null, undefined, ['Ada']]) t.equal(nameFor(name), undefined, `${typeof name} with nothing to show`)
  t.end()
})
