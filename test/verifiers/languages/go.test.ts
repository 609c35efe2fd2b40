import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../helpers/app.ts'
import { filledIn, snippetWith } from '../snippets.ts'
import { judge, startIssuer } from '../tokens.ts'
import { runTool, sources, startProgram } from './program.ts'

t.test('the snippet for Go accepts our tokens, and no bad one of any kind', async t => {
  const issuer = await startIssuer(t)
  const folder = temporaryFolder(t)
  for (const file of ['main.go', 'go.mod', 'go.sum']) copyFileSync(join(sources, 'go', file), join(folder, file))
  writeFileSync(join(folder, 'verify.go'), `package main\n\n${filledIn(snippetWith('docs/verify-tokens.md', 'go', 'go-oidc'), issuer.url)}`)
  await runTool('go', ['build', '-o', 'snippet', '.'], folder)
  await judge(t, issuer, startProgram(t, join(folder, 'snippet'), [], folder))
})
