import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../helpers/app.ts'
import { filledIn, snippetWith } from '../snippets.ts'
import { judge, startIssuer } from '../tokens.ts'
import { cacheFolder, runTool, sources, startProgram } from './program.ts'

t.test('the snippet for Rust accepts our tokens, and no bad one of any kind', async t => {
  const issuer = await startIssuer(t)
  const folder = temporaryFolder(t)
  for (const file of ['Cargo.toml', 'Cargo.lock']) copyFileSync(join(sources, 'rust', file), join(folder, file))
  const snippet = filledIn(snippetWith('docs/verify-tokens.md', 'rust', 'jsonwebtoken'), issuer.url)
  writeFileSync(join(folder, 'main.rs'), `${snippet}\n${readFileSync(join(sources, 'rust/main.rs'), 'utf8')}`)
  const target = cacheFolder('rust')
  await runTool('cargo', ['build', '--quiet', '--locked'], folder, { CARGO_TARGET_DIR: target })
  copyFileSync(join(target, 'debug/snippet'), join(folder, 'snippet'))
  await judge(t, issuer, startProgram(t, join(folder, 'snippet'), [], folder))
})
