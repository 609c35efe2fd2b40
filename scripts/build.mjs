// Bundles src/server.ts into dist/server.js: one file starts in half the time of five hundred.
// Does nothing when dist is newer than everything it is made of, so that `npm start` is quick.
import { build } from 'esbuild'
import { chmodSync, existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/server.js')

const newest = (path) => {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(...readdirSync(path).map(name => newest(join(path, name))))
}
const sources = ['src', 'scripts/build.mjs', 'package.json', 'openapi.yaml'].map(name => join(root, name))
const stale = !existsSync(out) || Math.max(...sources.filter(existsSync).map(newest)) > statSync(out).mtimeMs

if (stale || process.argv.includes('--force')) {
  const draft = `dist/.server-${process.pid}.js`
  await build({
    absWorkingDir: root,
    entryPoints: ['src/server.ts'],
    outfile: draft,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'inline',
    sourcesContent: false,
    keepNames: true,
    external: ['lmdb', 'ioredis'],
    banner: { js: "import { createRequire as bundleRequire } from 'node:module'\nconst require = bundleRequire(import.meta.url)" },
    logLevel: 'warning'
  })
  chmodSync(join(root, draft), 0o755)
  renameSync(join(root, draft), out) // two builds at once never show half a file
}
