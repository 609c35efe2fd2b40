import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../helpers/app.ts'
import { filledIn, snippetWith } from '../snippets.ts'
import { judge, startIssuer } from '../tokens.ts'
import { startProgram } from './program.ts'

const around = (snippet: string): string => `${snippet}

$stdout.sync = true
while (line = $stdin.gets)
  begin
    puts "+ #{verify(line.chomp)["email"]}"
  rescue JWT::DecodeError => problem
    puts "- #{problem.class}"
  end
end
`

t.test('the snippet for Ruby accepts our tokens, and no bad one of any kind', async t => {
  const issuer = await startIssuer(t)
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'verify.rb'), around(filledIn(snippetWith('docs/verify-tokens.md', 'ruby', 'JWT.decode'), issuer.url)))
  await judge(t, issuer, startProgram(t, 'ruby', ['verify.rb'], folder))
})
