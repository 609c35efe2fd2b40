// Bundles src/server.ts into dist: one file starts in half the time of five hundred, and in half of that if V8 has
// compiled it before.
// Does nothing when dist is newer than everything it is made of, so that `npm start` is quick.
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const out = join(dist, 'server.js')

const newest = (path) => {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(...readdirSync(path).map(name => newest(join(path, name))))
}
const sources = ['src', 'scripts', 'package.json', 'package-lock.json'].map(name => join(root, name))
const stale = !existsSync(out) || Math.max(...sources.map(newest)) > statSync(out).mtimeMs

/** These stay in node_modules: one holds native code, the other is for few. */
const external = ['lmdb', 'ioredis']

/** A package that is imported when it is needed (`await import`) gets a file of its own: the start need not read it. */
const later = new Map()
const splitLater = {
  name: 'split-later',
  setup: ({ onResolve }) => onResolve({ filter: /^[@a-z]/ }, ({ path, kind }) => {
    if (kind !== 'dynamic-import' || external.includes(path)) return undefined
    const file = `${path.replace(/\W+/g, '-').replace(/^-/, '')}.js`
    later.set(path, file)
    return { path: `./${file}`, external: true }
  })
}

/** What Fastify brings to compile schemas and to be tested: a tenth of the bundle, and never called in it. */
const leaveOut = {
  name: 'leave-out',
  setup ({ onResolve, onLoad }) {
    onResolve({ filter: /^(@fastify\/(ajv-compiler|fast-json-stringify-compiler)|light-my-request)$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = () => () => { throw new Error('${path} is not in the bundle') }`
    }))
  }
}

async function bundle (input, outfile) {
  const { outputFiles } = await build({
    ...input,
    absWorkingDir: root,
    outfile,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs', // Node reads it in one go, where modules go through its asynchronous loader
    supported: { 'dynamic-import': false },
    sourcemap: 'linked', // node --enable-source-maps shows src in stack traces; names are kept without it
    sourcesContent: false,
    external,
    plugins: [splitLater, leaveOut],
    logLevel: 'warning'
  })
  return outputFiles
}

if (stale || process.argv.includes('--force')) {
  const service = await bundle({ entryPoints: ['src/server.ts'] }, join(dist, 'handstamp.js'))
  const files = [{ path: join(dist, 'package.json'), contents: '{ "type": "commonjs" }\n' }]
  for (const [name, file] of later) {
    files.push(...await bundle({ stdin: { contents: `module.exports = require('${name}')`, resolveDir: root } }, join(dist, file)))
  }
  // Two builds at once never show half a file; what is run comes last.
  files.push(...service, { path: out, contents: readFileSync(join(root, 'scripts/server.cjs')) })

  mkdirSync(dist, { recursive: true })
  for (const { path, contents } of files) {
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, contents, { mode: path === out ? 0o755 : 0o644 })
    renameSync(draft, path)
  }
  const made = new Set(files.map(({ path }) => basename(path)))
  for (const name of readdirSync(dist)) if (/\.js(\.map|\.code)?$/.test(name) && !made.has(name)) rmSync(join(dist, name))
  if (!process.argv[1]?.endsWith('dev.mjs')) { // which builds as often as it starts
    const { status } = spawnSync(process.execPath, [join(root, 'scripts/compile-ahead.mjs')], { stdio: ['ignore', 'ignore', 'inherit'], timeout: 30_000 })
    if (status !== 0) process.stderr.write('the bundle could not be started to compile it ahead: it works, and starts slower\n')
  }
}
