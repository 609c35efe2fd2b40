// Starts the bundle once, on a port and in a folder of its own, and keeps what V8 compiled for that beside it.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

const filename = fileURLToPath(new URL('../dist/handstamp.js', import.meta.url))
const source = readFileSync(filename, 'utf8')
const script = new Script(Module.wrap(source), { filename })

const probe = createServer().listen(0, '127.0.0.1')
await once(probe, 'listening')
const { port } = probe.address()
probe.close()
await once(probe, 'close')
const folder = mkdtempSync(join(tmpdir(), 'handstamp-build-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

process.argv[1] = '' // no .env is read
for (const name of Object.keys(process.env)) delete process.env[name]
Object.assign(process.env, { DATA_DIR: folder, HOST: '127.0.0.1', PORT: String(port), GOOGLE_CLIENT_ID: 'build', GOOGLE_CLIENT_SECRET: 'build' })
script.runInThisContext()({}, createRequire(filename), {}, filename, dirname(filename))

for (const deadline = Date.now() + 15_000; ;) {
  const answer = await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`).catch(() => undefined)
  await answer?.arrayBuffer()
  if (answer?.ok) break
  if (Date.now() > deadline) throw new Error('the bundle does not answer')
  await new Promise(resolve => setTimeout(resolve, 20))
}
const draft = `${filename}.code.${process.pid}`
process.umask(0o022) // the service has set its own
// As before the service set them (expectShortLives): V8 refuses what was kept under other flags.
for (const flag of ['--allocation-site-pretenuring', '--parallel-scavenge']) setFlagsFromString(flag)
writeFileSync(draft, Buffer.concat([createHash('sha256').update(source).digest(), script.createCachedData()]))
renameSync(draft, `${filename}.code`)
process.exit()
