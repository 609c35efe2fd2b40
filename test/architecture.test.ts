import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

interface Import {
  from: string
  types: boolean
}

interface SourceFile {
  /** Relative to src. */
  path: string
  /** Its folder, or for a file of src itself its name. */
  part: string
  lines: number
  imports: Import[]
}

const partOf = (path: string): string => path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '')

const files: SourceFile[] = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts')).map(path => {
  const text = readFileSync(join('src', path), 'utf8')
  const statements = [...text.matchAll(/^import\s+(?:(type)\s+)?([^'"]*?)(?:\s*from\s*)?'([^']+)'/gm)]
  const lazy = [...text.matchAll(/import\('([^']+)'\)/g)].map(([, from = '']) => ({ from, types: false }))
  const imports = statements.map(([, type, names = '', from = '']) => ({
    from,
    types: type !== undefined || (/^\{.*\}$/s.test(names) && names.slice(1, -1).split(',').every(name => name.trim().startsWith('type ')))
  }))
  return { path, part: partOf(path), lines: text.split('\n').length - 1, imports: [...imports, ...lazy] }
})

/** An import of ours as a path relative to src. */
const ours = ({ path }: SourceFile, { from }: Import): string | undefined =>
  from.startsWith('.') ? relative('src', join('src', dirname(path), from)) : undefined

/**
 * The floors of the house, from the ground up: what stands on a line may import whatever stands above that line here, and
 * nothing else; types are no exception. What serves people stands on what serves the rest.
 */
const floors = [
  ['errors', 'clock', 'strict-json', 'env', 'identity'],
  ['stores'],
  ['keys', 'jws'],
  ['providers'],
  ['tokens'],
  ['sessions'],
  ['login', 'pages', 'core'],
  ['http'],
  ['config'],
  ['routes', 'dev'],
  ['app'],
  ['commands'],
  ['server']
]
const floorOf = (part: string): number => floors.findIndex(parts => parts.includes(part))

t.test('the structure test sees the sources', async t => {
  t.ok(files.length > 40)
  t.ok(files.find(({ path }) => path === 'app.ts')?.imports.some(({ from }) => from === './routes/login/login.ts'))
})

t.test('every part of src has its floor, and no floor is without parts', async t => {
  t.same([...new Set(files.map(({ part }) => part))].sort(), floors.flat().sort())
})

t.test('imports lead to lower floors', async t => {
  for (const file of files) {
    for (const one of file.imports) {
      const target = ours(file, one)
      if (target === undefined || target === '../package.json' || partOf(target) === file.part) continue
      t.ok(floorOf(partOf(target)) < floorOf(file.part), `${file.path} imports ${target}`)
    }
  }
})

t.test('only the service, its commands and nothing below know the whole configuration', async t => {
  for (const { path, part, imports } of files) {
    if (['config', 'app', 'commands', 'server'].includes(part)) continue
    for (const { from } of imports) t.notMatch(from, /\/config\//, path)
  }
})

t.test('no two files import each other in a circle', async t => {
  const needs = (file: SourceFile) => file.imports.filter(({ types }) => !types).map(one => ours(file, one)).filter(target => target !== undefined)
  const graph = new Map(files.map(file => [file.path, needs(file)]))
  const done = new Set<string>()
  const circle = (path: string, way: string[]): string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return undefined
    for (const next of graph.get(path) ?? []) {
      const found = circle(next, [...way, path])
      if (found) return found
    }
    done.add(path)
    return undefined
  }
  for (const path of graph.keys()) t.same(circle(path, []), undefined, path)
})

t.test('only what serves requests knows fastify', async t => {
  for (const { path, part, imports } of files) {
    for (const { from, types } of imports) {
      if (!/^(@fastify\/|fastify$)/.test(from)) continue
      const serves = ['app', 'http', 'routes', 'dev'].includes(part) || (['login', 'sessions'].includes(part) && types) ||
        ['providers/oauth2/client.ts', 'tokens/signature-check.ts'].includes(path)
      t.ok(serves, `${path} imports ${from}`)
    }
  }
})

t.test('each outside package has one place that needs it', async t => {
  const places: Record<string, RegExp> = {
    ajv: /^http\/validation\.ts$/,
    lmdb: /^stores\/embedded\/lmdb\.ts$/,
    ioredis: /^stores\/redis\/connection\.ts$/,
    pino: /^(http\/log|app)\.ts$/,
    'close-with-grace': /^commands\/serve\.ts$/
  }
  for (const { path, imports } of files) {
    for (const { from } of imports) {
      if (from.startsWith('.') || from.startsWith('node:') || /^(@fastify\/|fastify$)/.test(from)) continue
      t.match(path, places[from] ?? /^$/, `${path} imports ${from}`)
    }
  }
})

t.test('no file is longer than 250 lines', async t => {
  for (const { path, lines } of files) t.ok(lines <= 250, `${path} has ${lines}`)
})

t.test('comments name the actor', async t => {
  for (const { path } of files) {
    const comments = readFileSync(join('src', path), 'utf8').match(/(?:^|\s)\/\/ .*$|^\s*\/?\*.*$/gm) ?? []
    for (const comment of comments) t.notMatch(comment, /\b(whoever|somebody|nobody|anybody|of ours|(is|are) over)\b/i, path)
  }
})

t.test('only the commands read the environment', async t => {
  for (const { path, part } of files) {
    if (['commands', 'server'].includes(part)) continue
    t.notMatch(readFileSync(join('src', path), 'utf8'), /process\.env/, path)
  }
})
