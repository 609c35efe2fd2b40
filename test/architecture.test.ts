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
 * What each part of src may import: whole parts, single files, and `type` for types alone.
 * Arrows point from what serves people to what serves the rest, and never back.
 */
const allowed: Record<string, Record<string, 'all' | 'type'>> = {
  errors: {},
  'strict-json': {},
  config: {
    'login/return-to.ts': 'all',
    'login/email-policy.ts': 'all',
    'tokens/claims.ts': 'all',
    // which variables there are is the catalogue's to say
    'providers/index.ts': 'all',
    'providers/generic.ts': 'all',
    providers: 'type'
  },
  stores: { config: 'type', 'config/redis-url.ts': 'all' },
  keys: { stores: 'all', config: 'type', errors: 'all' },
  providers: { errors: 'all', keys: 'all', stores: 'all', config: 'all', 'strict-json': 'all' },
  tokens: { keys: 'all', stores: 'all', errors: 'all', config: 'type', providers: 'type', 'strict-json': 'all' },
  login: { errors: 'all', keys: 'all', stores: 'all', config: 'type', providers: 'type', tokens: 'type' },
  dev: { keys: 'all', stores: 'all', providers: 'all' },
  pages: { errors: 'all', tokens: 'type', 'login/device.ts': 'all' },
  plugins: {
    'state.ts': 'type',
    errors: 'all',
    config: 'all',
    stores: 'all',
    'strict-json': 'all',
    keys: 'all',
    providers: 'all',
    tokens: 'all',
    login: 'all',
    pages: 'all'
  },
  routes: {
    errors: 'all',
    config: 'all',
    stores: 'all',
    'strict-json': 'all',
    keys: 'all',
    providers: 'all',
    tokens: 'all',
    login: 'all',
    dev: 'all',
    pages: 'all',
    plugins: 'all'
  },
  commands: {
    'login/device.ts': 'all',
    app: 'all',
    state: 'all',
    config: 'all',
    errors: 'all',
    stores: 'all',
    keys: 'all',
    providers: 'all',
    plugins: 'all',
    tokens: 'all'
  },
  state: { config: 'type', keys: 'all', stores: 'all', tokens: 'all' },
  server: { commands: 'all', 'config/env-file.ts': 'all', config: 'type' },
  app: {
    errors: 'all',
    state: 'all',
    config: 'all',
    stores: 'all',
    keys: 'all',
    providers: 'all',
    tokens: 'all',
    login: 'all',
    dev: 'all',
    plugins: 'all',
    routes: 'all'
  }
}

t.test('the structure test sees the sources', async t => {
  t.ok(files.length > 40)
  t.ok(files.find(({ path }) => path === 'app.ts')?.imports.some(({ from }) => from === './routes/login.ts'))
})

t.test('every part of src is in the table, and nothing in the table is gone', async t => {
  t.same([...new Set(files.map(({ part }) => part))].sort(), Object.keys(allowed).sort())
})

t.test('imports follow one direction', async t => {
  for (const file of files) {
    for (const one of file.imports) {
      const target = ours(file, one)
      if (target === undefined || target === '../package.json' || partOf(target) === file.part) continue
      const rules = allowed[file.part]
      const rule = rules?.[target] ?? rules?.[partOf(target)]
      t.ok(rule === 'all' || (rule === 'type' && one.types), `${file.path} imports ${one.types ? 'types of ' : ''}${target}`)
    }
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
      const serves = ['app', 'plugins', 'routes'].includes(part) || path === 'providers/oauth-client.ts' || (part === 'login' && types)
      t.ok(serves, `${path} imports ${from}`)
    }
  }
})

t.test('each outside package has one place that needs it', async t => {
  const places: Record<string, RegExp> = {
    ajv: /^plugins\/validation\.ts$/,
    lmdb: /^stores\/lmdb\.ts$/,
    ioredis: /^stores\/redis-connection\.ts$/,
    pino: /^(plugins\/log|app)\.ts$/,
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

t.test('only the configuration and the commands read the environment', async t => {
  for (const { path, part } of files) {
    if (['config', 'commands', 'server'].includes(part)) continue
    t.notMatch(readFileSync(join('src', path), 'utf8'), /process\.env/, path)
  }
})
