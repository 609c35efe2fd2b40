import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { foundSecret, keptSecret } from '../../src/keys/secret.ts'
import { temporaryFolder } from '../helpers/app.ts'
import { failing, replaceCalls } from '../helpers/file-system.ts'

t.test('R78 the secret is made once, strong, and kept where nobody else can read it', async t => {
  const folder = join(temporaryFolder(t), 'data', 'deeper')
  const secret = keptSecret(folder)
  t.match(secret, /^[\w-]{43}$/)
  t.equal(keptSecret(folder), secret)
  t.equal(statSync(join(folder, 'secret')).mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.same(readdirSync(folder), ['secret'], 'no draft is left')
  t.equal(readFileSync(join(folder, 'secret'), 'utf8'), `${secret}\n`)
  t.not(keptSecret(temporaryFolder(t)), secret)
})

t.test('the mode of the file does not depend on what the process makes files with', async t => {
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  const folder = temporaryFolder(t)
  keptSecret(folder)
  t.equal(statSync(join(folder, 'secret')).mode & 0o777, 0o600)
})

t.test('processes that start at the same moment agree on one secret', async t => {
  const folder = temporaryFolder(t)
  const script = `import { foundSecret, keptSecret } from ${JSON.stringify(new URL('../../src/keys/secret.js', import.meta.url).href)}
    process.stdin.once('data', () => { console.log(keptSecret(${JSON.stringify(folder)})); process.exit() })
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
  t.same(children.map(({ out }) => out().split('\n')[1]), Array<string>(4).fill(keptSecret(folder)))
  t.same(readdirSync(folder), ['secret'])
})

t.test('a file system that cannot keep it so is an error, and no draft is left', async t => {
  const folder = temporaryFolder(t)
  for (const call of ['linkSync', 'fchmodSync'] as const) {
    await t.test(call, async t => {
      replaceCalls(t, { [call]: failing('EIO') })
      t.throws(() => keptSecret(folder), { code: 'EIO' })
      t.same(readdirSync(folder), [])
    })
  }
})

t.test('R78 a file that is not whole is refused, and kept', async t => {
  const folder = temporaryFolder(t)
  for (const text of ['', '\n', 'x'.repeat(31)]) {
    writeFileSync(join(folder, 'secret'), text)
    for (const read of [keptSecret, foundSecret]) t.throws(() => read(folder), { name: 'StoreError', message: /is not whole/ })
    t.equal(readFileSync(join(folder, 'secret'), 'utf8'), text)
  }
})

t.test('a folder that cannot hold it is an error, not another secret', async t => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'file'), '')
  t.throws(() => keptSecret(join(folder, 'file')))
  mkdirSync(join(folder, 'odd', 'secret'), { recursive: true })
  t.throws(() => keptSecret(join(folder, 'odd')))
})
