// Takes out of the folder's node_modules what the image does not need: the packages that dist holds itself, and of the others
// C sources, builds for other machines, types, source maps and docs. It changes package.json: run it in the image's build
// alone, with the Node that is to run the service: npm ci --omit=dev --ignore-scripts && node scripts/slim.mjs
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { readFileSync, readdirSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'

/** What scripts/build.mjs leaves out of dist. */
const kept = ['lmdb', 'ioredis']
const modules = resolve('node_modules')

const { dependencies, ...description } = JSON.parse(readFileSync('package.json', 'utf8'))
const ofKept = Object.fromEntries(kept.map(name => [name, dependencies[name]]))
writeFileSync('package.json', JSON.stringify({ ...description, dependencies: ofKept }))
const { status } = spawnSync('npm', ['prune', '--omit=dev', '--ignore-scripts', '--no-audit'], { stdio: ['ignore', 'ignore', 'inherit'] })
if (status !== 0) throw new Error('npm prune failed')

const require = createRequire(join(modules, 'none.js'))
for (const name of kept) require(name)
const loaded = new Set(Object.keys(require.cache))
const isUnread = (path) =>
  /\.(c|cc|cpp|h|gyp|map|md|markdown|ts|cts|mts)$/.test(path) || /\/(\.[^/]+|tests?|benchmarks?)$/.test(path) ||
  /\/lmdb\/(dependencies|src|bin|util)$/.test(path) || (extname(path) === '.node' && !loaded.has(path))

/** Gives back how many bytes are left in a folder, and removes one that is empty. */
function slim (folder) {
  let bytes = 0
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (isUnread(path)) rmSync(path, { recursive: true })
    else bytes += statSync(path).isDirectory() ? slim(path) : statSync(path).size
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder)
  return bytes
}

process.stdout.write(`node_modules has ${(slim(modules) / 2 ** 20).toFixed(1)} MiB left\n`)
for (const path of Object.keys(require.cache)) delete require.cache[path]
for (const name of kept) require(name)
