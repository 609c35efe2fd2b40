import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { envFileOf, withEnvFile } from '../../src/env/env-file.ts'
import type { Environment } from '../../src/env/environment.ts'
import { temporaryFolder } from '../helpers/app.ts'
import { run } from '../helpers/child.ts'

/** What a file with this content makes of the environment. */
function read (t: Parameters<typeof temporaryFolder>[0], content: string | Uint8Array, env: Environment = {}) {
  const path = join(temporaryFolder(t), '.env')
  writeFileSync(path, content)
  return withEnvFile(env, path)
}

t.test('a .env is read as people write it', async t => {
  const values: Array<[line: string, value: string]> = [
    ['A=1', '1'], ['export A=1', '1'], ['  A = 1 ', '1 '], ['A=', ''], ['A= # nothing', ''], ['A=1 # one', '1'], ['A=1\t#one', '1'], ['A="1"', '1'],
    ["A='1'", '1'], ['A=`1`', '1'], ['A="1 # 2" # three', '1 # 2'], ['A="1"# two', '1'], ['A="a\\"b\\nc"', 'a"b\nc'], ["A='a\\nb'", 'a\\nb'],
    ['A="-----BEGIN\nKEY\n-----END"', '-----BEGIN\nKEY\n-----END'], ['A=a"b', 'a"b'], ['A="a"b', '"a"b'], ['A="a', '"a'], ['A=a=b', 'a=b'],
    ['A=$B', '$B'], ['A={"a":"b c"}', '{"a":"b c"}'], ['A=1\nA=2', '2'], ['# A=2\n\n  # A=3\nA=1', '1'], ['A=a\\b', 'a\\b']
  ]
  for (const [line, value] of values) {
    for (const text of [line, `${line}\n`, `B=x\n${line}\nC=y`, `\uFEFF${line}`]) {
      const { env, remarks } = read(t, text)
      t.same([env['A'], remarks], [value, []], JSON.stringify(text))
    }
    t.equal(read(t, `${line}\nB=x\n`.replaceAll('\n', '\r\n')).env['A'], value, `${JSON.stringify(line)} with CRLF`)
    for (const bytes of [Buffer.from(`\uFEFF${line}\r\n`, 'utf16le'), Buffer.from(`\uFEFF${line}`, 'utf16le').swap16()]) t.equal(read(t, bytes).env['A'], value)
  }
})

t.test('a # inside a value belongs to it, and is told: some programs cut there', async t => {
  for (const value of ['a#b', '#ff0000', 'https://app.example.com/#home', 'a##', '#']) {
    const { env, remarks } = read(t, `A=${value}\n`)
    t.equal(env['A'], value)
    t.match(remarks, [/^A: a # belongs to the value/], value)
    t.same(read(t, `A='${value}'`), { env: { A: value }, remarks: [] })
  }
})

t.test('a secret that may have lost its tail is named, and not shown', async t => {
  const { remarks } = read(t, 'GOOGLE_CLIENT_SECRET=hush #hidden\nPORT=3000 # the port')
  t.match(remarks, [/^GOOGLE_CLIENT_SECRET: what follows the blank and the # is taken for a comment/])
  t.notMatch(JSON.stringify(remarks), /hush|hidden/)
  const file = 'A=hush#hidden\nB="hush # hidden"\nC=hush#hidden\nD=hush\n'
  const found = read(t, file, { A: 'hush', B: '"hush"', C: 'other', D: 'hush' })
  t.match(found.remarks, [/^A, B: the environment has the value up to its # alone/])
  t.equal(found.env['A'], 'hush', 'the environment wins all the same')
})

t.test('the environment wins, also by a _FILE, and also with an empty value', async t => {
  const file = 'A=file\nB=file\nC=file\nD_FILE=/file\nE=file\n'
  t.same(read(t, file, { A: 'env', B: '', C_FILE: '/env', D: 'env' }).env, { A: 'env', B: '', C_FILE: '/env', D: 'env', E: 'file' })
})

t.test('what is no setting, or comes too late, is told by its line or its name', async t => {
  const { env, remarks } = read(t, 'A=1\nhush-hush\n-B=2\n"C"=3\nNODE_EXTRA_CA_CERTS=/ca.pem\nUV_THREADPOOL_SIZE=8\n')
  t.same(env, { A: '1' })
  t.match(remarks, [/^line 2 /, /^line 3 /, /^line 4 /, /^NODE_EXTRA_CA_CERTS, UV_THREADPOOL_SIZE: counts only/])
  t.notMatch(JSON.stringify(remarks), 'hush')
})

t.test('no file is no problem, and one that cannot be read is', async t => {
  const folder = temporaryFolder(t)
  t.same(withEnvFile({ A: '1' }, join(folder, '.env')), { env: { A: '1' }, remarks: [] })
  t.same(withEnvFile({ A: '1' }, folder), { env: { A: '1' }, remarks: [] }, 'Python keeps folders of that name')
  t.same(withEnvFile({ A: '1' }, ''), { env: { A: '1' }, remarks: [] })
  t.throws(() => read(t, Buffer.from([0xc3, 0x28])), /neither UTF-8 nor UTF-16/)
  const path = join(folder, 'file')
  symlinkSync(path, path)
  t.throws(() => withEnvFile({}, path), /cannot be read/)
})

t.test('the program reads the .env beside its package.json, wherever it is started, and every command does', async t => {
  const root = temporaryFolder(t)
  const file = join(root, '.env')
  const program = join(root, 'dist', 'server.mjs')
  mkdirSync(join(root, 'dist'))
  mkdirSync(join(root, 'bin'))
  writeFileSync(program, `await import(${JSON.stringify(new URL('../../src/server.js', import.meta.url).href)})`)
  symlinkSync(program, join(root, 'bin', 'handstamp.mjs'))
  t.equal(envFileOf(join(root, 'bin', 'handstamp.mjs')), envFileOf(program))
  t.equal(envFileOf(join(root, 'nothing')), '')

  writeFileSync(file, '\uFEFFexport PORT="3005" # ours\r\nTOKEN_TTL=7m\r\nSECRET=0123456789abcdef#123456789abcdef\r\n')
  const check = run(t, { TOKEN_TTL: '8m' }, { args: ['check'], program })
  t.equal(await check.ended, 0, check.stderr())
  t.match(check.stdout(), /issuer +http:\/\/localhost:3005\n[^]*live 8m\n[^]*secret +given \(1\)/)
  t.match(check.stderr(), /^handstamp: .*\.env: SECRET: a # belongs to the value/)

  writeFileSync(file, Buffer.from([0xc3, 0x28]))
  const refused = run(t, {}, { program })
  t.equal(await refused.ended, 1)
  t.match(refused.stderr(), /^handstamp cannot start: .*\.env: it is neither UTF-8 nor UTF-16 text\n$/)
})
