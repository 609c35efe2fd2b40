// Bundles src/server.ts into dist/server.js: one file starts in half the time of five hundred.
// Does nothing when dist is newer than everything it is made of, so that `npm start` is quick.
import { build } from 'esbuild'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/server.js')

const newest = (path) => {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(...readdirSync(path).map(name => newest(join(path, name))))
}
const sources = ['src', 'scripts/build.mjs', 'package.json', 'package-lock.json'].map(name => join(root, name))
const stale = !existsSync(out) || Math.max(...sources.map(newest)) > statSync(out).mtimeMs

if (stale || process.argv.includes('--force')) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/server.ts'],
    outfile: out,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'linked', // node --enable-source-maps shows src in stack traces; names are kept without it
    sourcesContent: false,
    external: ['lmdb', 'ioredis'],
    banner: { js: "import { createRequire as bundleRequire } from 'node:module'\nconst require = bundleRequire(import.meta.url)" },
    logLevel: 'warning'
  })
  mkdirSync(dirname(out), { recursive: true })
  // Two builds at once never show half a file; the script comes last.
  for (const { path, contents } of outputFiles.toSorted((one, other) => other.path.length - one.path.length)) {
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, contents, { mode: 0o755 })
    renameSync(draft, path)
  }
}
