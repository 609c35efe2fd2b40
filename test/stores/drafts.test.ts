import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { keptSecret } from '../../src/keys/secret.ts'
import { draftOf, place, removeDrafts } from '../../src/stores/drafts.ts'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { temporaryFolder } from '../helpers/app.ts'
import { failing, replaceCalls } from '../helpers/file-system.ts'

const withoutLinks = ['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']

t.test('a disk without hard links and without modes keeps a secret and a store as any other does', async t => {
  for (const code of withoutLinks) {
    await t.test(code, async t => {
      const folder = temporaryFolder(t)
      replaceCalls(t, { linkSync: failing(code), fchmodSync: failing('EPERM') })
      const secret = keptSecret(folder)
      t.match(secret, /^[\w-]{43}$/)
      t.equal(keptSecret(folder), secret)
      const store = await EmbeddedStore.open(folder)
      await store.put('things/a', 'one')
      await store.close()
      const again = await EmbeddedStore.open(folder)
      t.equal(await again.get('things/a'), 'one')
      await again.close()
      t.same(readdirSync(folder).sort(), ['handstamp.mdb', 'handstamp.mdb-lock', 'handstamp.mdb.closed', 'secret'])
    })
  }
})

t.test('there too, processes that start at the same moment agree on one file', async t => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'file')
  const script = `import fs, { readFileSync, writeFileSync } from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    fs.linkSync = () => { throw Object.assign(new Error(), { code: 'EPERM' }) }
    syncBuiltinESMExports()
    const { draftOf, place } = await import(${JSON.stringify(new URL('../../src/stores/drafts.js', import.meta.url).href)})
    process.stdin.once('data', () => {
      const draft = draftOf(${JSON.stringify(path)})
      writeFileSync(draft, String(process.pid))
      place(draft, ${JSON.stringify(path)})
      fs.rmSync(draft, { force: true })
      console.log(readFileSync(${JSON.stringify(path)}, 'utf8'))
      process.exit()
    })
    console.log('ready')`
  const children = await Promise.all(Array.from({ length: 4 }, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', chunk => { out += String(chunk) })
    await once(child.stdout, 'data')
    return { child, out: () => out, closed: once(child, 'close') }
  }))
  for (const { child } of children) child.stdin.write('go')
  await Promise.all(children.map(({ closed }) => closed))
  t.same(children.map(({ out }) => out().split('\n')[1]), Array<string>(4).fill(readFileSync(path, 'utf8')))
  t.same(readdirSync(folder), ['file'])
})

t.test('a process that waits for another one takes its file, or says at last what is in the way', async t => {
  const path = join(temporaryFolder(t), 'file')
  const draft = draftOf(path)
  writeFileSync(draft, 'ours')
  mkdirSync(`${path}.turn`)
  replaceCalls(t, { linkSync: failing('EPERM') })
  t.throws(() => place(draft, path), { message: /remove the folder .*file\.turn/ })
  t.notOk(existsSync(path))
  rmdirSync(`${path}.turn`)
  place(draft, path)
  t.equal(readFileSync(path, 'utf8'), 'ours')
  writeFileSync(draft, 'late')
  place(draft, path)
  t.equal(readFileSync(path, 'utf8'), 'ours', 'what has its place keeps it')
  replaceCalls(t, { mkdirSync: failing('EROFS') })
  rmSync(path)
  t.throws(() => place(draft, path), { code: 'EROFS' })
})

t.test('a draft whose place was taken may be gone, any other may not', async t => {
  const path = join(temporaryFolder(t), 'file')
  t.throws(() => place(draftOf(path), path), { code: 'ENOENT' })
  writeFileSync(path, 'theirs')
  place(draftOf(path), path)
  removeDrafts(join(path, '..', 'other')) // nothing is there to be cleared
  t.equal(readFileSync(path, 'utf8'), 'theirs')
})

t.test('what killed processes left is removed, and no file that an operator put there', async t => {
  const folder = temporaryFolder(t)
  const id = '0189d3f2-6c1e-4c55-9b1a-1f0e5d7c2b3a'
  const left = [`secret.${id}`, `handstamp.mdb.${id}`, `handstamp.mdb.${id}-lock`]
  const others = ['secret.original', 'secret.20260101', 'secret.old', 'handstamp.mdb.backup', `other.${id}`, `secret-${id}`, 'handstamp.mdb.zip']
  for (const name of [...left, ...others]) writeFileSync(join(folder, name), '')
  const secret = keptSecret(folder)
  const store = await EmbeddedStore.open(folder)
  t.same(readdirSync(folder).sort(), [...others, 'secret', 'handstamp.mdb', 'handstamp.mdb-lock'].sort())
  await store.close()
  for (const name of left) writeFileSync(join(folder, name), '')
  t.equal(keptSecret(folder), secret)
  await (await EmbeddedStore.open(folder)).close()
  t.same(readdirSync(folder).filter(name => left.includes(name)), [])
})
