import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { pageFlows } from './transcript/flows/pages.ts'
import { providerFlows } from './transcript/flows/providers.ts'
import { publicFlows } from './transcript/flows/public.ts'
import { refusalFlows } from './transcript/flows/refusals.ts'
import { requestFlows } from './transcript/flows/requests.ts'
import { sessionFlows } from './transcript/flows/session.ts'
import { recorder } from './transcript/recorder.ts'

// What the service says on the wire, whole, beside what it said when a person last looked, which
// test/transcript/*.txt keep. `npm run transcript` writes them anew (CONTRIBUTING.md says when).

const folder = 'test/transcript'
const flows = {
  ...publicFlows, ...pageFlows, ...providerFlows, ...refusalFlows, ...sessionFlows, ...requestFlows
}
const isWritten = process.env['TRANSCRIPT'] === 'write'

for (const [name, [title, play]] of Object.entries(flows)) {
  t.test(`the transcript of a flow is as recorded: ${title}`, async t => {
    const record = recorder(title)
    await play(t, record)
    const file = `${folder}/${name}.txt`
    if (isWritten) writeFileSync(file, record.text())
    const recorded = existsSync(file) ? readFileSync(file, 'utf8') : ''
    t.equal(record.text(), recorded, `${file}; npm run transcript writes it anew`)
  })
}

t.test('every recorded transcript has its flow', async t => {
  const recorded = readdirSync(folder).filter(name => name.endsWith('.txt'))
  t.same(recorded.sort(), Object.keys(flows).map(name => `${name}.txt`).sort())
})
