import { createPublicKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { keysCommand } from '../../src/commands/keys.ts'
import { operate } from '../../src/commands/operate.ts'
import { sessionsCommand } from '../../src/commands/sessions.ts'
import type { Environment } from '../../src/env/environment.ts'
import { keptSecret } from '../../src/keys/secret.ts'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { StoreError } from '../../src/stores/store.ts'
import { audited, listeningTestApp, temporaryFolder, type Teardown } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { eventually } from '../helpers/eventually.ts'
import { ada, openTestState } from '../helpers/state.ts'

/** The service at work, and an operator at a terminal beside it. */
async function scene (t: Teardown & { capture: typeof import('tap').t.capture }) {
  const built = await listeningTestApp(t)
  const env = { DATA_DIR: built.dataDir, PUBLIC_URL: built.url, SIGNING_ALG: 'ES256' }
  const browser = new Browser(built.app, built.url)
  await devSignIn(browser)
  const typeAs = async (env: Environment, command: typeof keysCommand, ...words: string[]) => {
    const out = t.capture(process.stdout, 'write')
    const err = t.capture(process.stderr, 'write')
    const code = await command(env, words)
    const text = (results: ReturnType<typeof out>) => results.map(({ args: [chunk] }) => String(chunk)).join('')
    const typed = { code, out: text(out()), err: text(err()) }
    out.restore()
    err.restore()
    return typed
  }
  const type = (command: typeof keysCommand, ...words: string[]) => typeAs(env, command, ...words)
  const published = async () => (await built.app.inject('/.well-known/jwks.json')).json().keys.map(({ kid }: { kid: string }) => kid) as string[]
  const me = async () => (await browser.visit('/auth/me')).status
  return { ...built, env, browser, type, typeAs, published, me }
}

t.test('keys list shows where each key stands', async t => {
  const { type, published } = await scene(t)
  const { code, out } = await type(keysCommand, 'list')
  t.equal(code, 0)
  const [heading, current, next, ...more] = out.trimEnd().split('\n')
  const [currentKid, nextKid] = await published()
  t.match(heading, /^STATE +KID +ALG +PUBLISHED +SIGNS FROM +SIGNED UNTIL$/)
  t.match(current, new RegExp(`^current +${currentKid} +ES256 +\\d{4}-`))
  t.match(next, new RegExp(`^next +${nextKid} +ES256 +\\S+ +- +-$`))
  t.same(more, [])
})

t.test('R39 a command changes no key by itself, however it is configured', async t => {
  const { typeAs, published, env } = await scene(t)
  const before = await published()
  const others = [{ DATA_DIR: env.DATA_DIR }, { ...env, SIGNING_ALG: 'EdDSA' },
    { ...env, SIGNING_ALG: 'RS256', SECRET: `a newer secret of thirty-two or more,${keptSecret(env.DATA_DIR)}` }]
  for (const other of others) {
    for (const [command, ...words] of [[keysCommand, 'list'], [keysCommand, 'export', '--pem'], [sessionsCommand, 'list']] as const) {
      t.match(await typeAs(other, command, ...words), { code: 0, err: '' })
    }
  }
  t.match((await typeAs({ ...env, SIGNING_ALG: 'EdDSA' }, keysCommand, 'rotate', '--force')).out, /^current +\S+ +ES256.*\nnext +\S+ +ES256/m)
  await eventually('the next key signs', async () => (await published())[0] === before[1])
})

t.test('R77 what an operator does is in the audit log of the service', async t => {
  const { type, published, browser, app, url, log } = await scene(t)
  await devSignIn(new Browser(app, url), 'grace@example.com')
  const [current = '', next = ''] = await published()
  const { sub, session } = (await browser.visit('/auth/me')).json()
  await type(keysCommand, 'revoke', current)
  await type(sessionsCommand, 'end', sub)
  await type(sessionsCommand, 'end', '--all')
  await eventually('all of it is logged', async () => audited(log()).length === 4)
  t.match(audited(log()).slice(2), [
    { audit: 'session_ended', sid: session.id, by: 'operator' },
    { audit: 'all_sessions_ended', by: 'operator' }
  ])
  const [fresh = ''] = await published()
  t.match(log(), `"audit":"key_rotated","kid":"${fresh}","by":"operator"`)
  t.match(log(), `"audit":"key_removed","kid":"${current}","reason":"revoked","by":"operator"`)
  t.match(log(), `"audit":"key_removed","kid":"${next}","reason":"replaced","by":"operator"`)
})

t.test('what an operator did in words that a service does not know is reported, and holds up nothing', async t => {
  const problems: string[] = []
  const { store, env, revocations } = await openTestState(t, {}, { onProblem: message => { problems.push(message) } })
  const other = await openTestState(t, env, { onProblem: () => {} })
  await store.announce('operator {"id":', Math.floor(Date.now() / 1000) + 60)
  const { id, startedAt } = await other.sessions.start(ada, 0)
  await other.sessions.end('dev|7', id)
  await eventually('the end is heard', () => revocations.has({ sid: id, auth_time: startedAt }))
  t.same(problems, ['news could not be understood'])
})

t.test('R77 a change of keys that was made and could not be told is in the audit log all the same', async t => {
  const { type, published, log } = await scene(t)
  const [, next = ''] = await published()
  const { announce } = EmbeddedStore.prototype
  let fails = 1
  t.intercept(EmbeddedStore.prototype, 'announce', {
    async value (this: EmbeddedStore, news: string, expiresAt: number) {
      if (news.startsWith('keys') && fails-- > 0) throw new StoreError('away')
      return announce.call(this, news, expiresAt)
    }
  })
  t.match(await type(keysCommand, 'rotate', '--force'), { code: 1, err: 'away' })
  await eventually('it is logged', () => log().includes(`"audit":"key_rotated","kid":"${next}"`))
})

t.test('R39 keys rotate waits until the next key has been published for a day, unless it is forced', async t => {
  const { type, published, me } = await scene(t)
  const [current, next] = await published()
  const refused = await type(keysCommand, 'rotate')
  t.equal(refused.code, 1)
  t.match(refused.err, /24 hours.*--force/)
  t.same(await published(), [current, next])

  t.equal((await type(keysCommand, 'rotate', '--force')).code, 0)
  await eventually('the next key signs', async () => (await published())[0] === next)
  t.equal((await published())[2], current, 'the one before is still published')
  t.equal(await me(), 200)
})

t.test('L27 R39 a revoked key verifies nothing any more in the running service, within a second', async t => {
  const { type, published, me, browser } = await scene(t)
  const before = await published()
  const from = Date.now()
  t.equal((await type(keysCommand, 'revoke', before[0] ?? '')).code, 0)
  await eventually('the token is refused', async () => await me() === 401)
  t.ok(Date.now() - from < 1_500)
  t.equal((await browser.visit('/auth/me')).json().code, 'invalid_token')
  t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).status, 200, 'the session goes on with a new key')
  t.equal(await me(), 200)
  const { kid } = JSON.parse(Buffer.from(browser.cookies.get('handstamp')?.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
  t.equal(kid, (await published())[0])
  t.notOk(before.includes(kid), 'which no verifier can have seen, so that each fetches the keys and lets go of the revoked one')
  t.notOk((await published()).some(kid => before.includes(kid)))
})

t.test('R39 keys revoke --keep-next goes on with the key that verifiers know', async t => {
  const { type, published } = await scene(t)
  const [current = '', next] = await published()
  t.equal((await type(keysCommand, 'revoke', '--keep-next', current)).code, 0)
  await eventually('the next key signs', async () => (await published())[0] === next)
  t.notOk((await published()).includes(current))
})

t.test('keys export gives the public keys as PEM, and no private one', async t => {
  const { type, published } = await scene(t)
  const { out } = await type(keysCommand, 'export', '--pem')
  t.equal(out.match(/BEGIN PUBLIC KEY/g)?.length, 2)
  t.notMatch(out, 'PRIVATE')
  const [current = ''] = await published()
  const one = await type(keysCommand, 'export', '--pem', current)
  t.equal(createPublicKey(one.out).asymmetricKeyType, 'ec')
  t.equal((await type(keysCommand, 'export', '--pem', 'unknown')).code, 2)
})

t.test('keys export --dir writes one public key a file, and removes what is no longer published', async t => {
  const { type, published } = await scene(t)
  const folder = join(temporaryFolder(t), 'keys', 'of-ours')
  const files = () => readdirSync(folder).sort()
  const [current = '', next = ''] = await published()
  t.match(await type(keysCommand, 'export', '--pem', '--dir', folder), { code: 0, out: `${folder}/${current}.pem\n${folder}/${next}.pem\n`, err: '' })
  t.same(files(), [`${current}.pem`, `${next}.pem`].sort())
  for (const name of files()) {
    const text = readFileSync(join(folder, name), 'utf8')
    t.match(text, /^-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n$/)
    t.equal(statSync(join(folder, name)).mode & 0o777, 0o644, 'a gateway runs as another user')
  }
  t.equal(statSync(folder).mode & 0o777, 0o755)

  writeFileSync(join(folder, 'of-an-operator.pem'), 'another')
  await type(keysCommand, 'revoke', next)
  await eventually('the service has heard', async () => !(await published()).includes(next))
  const { out } = await type(keysCommand, 'export', `--dir=${folder}`, '--pem')
  t.match(out, `removed ${folder}/${next}.pem\n`)
  t.same(files(), ['of-an-operator.pem', ...(await published()).map(kid => `${kid}.pem`)].sort())

  const one = join(temporaryFolder(t), 'one')
  t.equal((await type(keysCommand, 'export', '--pem', '--dir', one, current)).out, `${one}/${current}.pem\n`)
  t.same(readdirSync(one), [`${current}.pem`])
  const file = join(folder, 'of-an-operator.pem')
  t.match(await type(keysCommand, 'export', '--pem', '--dir', file), { code: 1, err: `the folder ${file} cannot be written` })
})

t.test('a kid that begins like a flag is a kid', async t => {
  const { type } = await scene(t)
  const kid = `--${'x'.repeat(41)}`
  t.match(await type(keysCommand, 'revoke', kid), { code: 1, err: `no key ${kid} is in the ring` })
})

t.test('keys --help says what each word does', async t => {
  const { type } = await scene(t)
  t.match(await type(keysCommand, '--help'), { code: 0, out: /^usage: handstamp keys [^]*--keep-next[^]*--dir/, err: '' })
})

t.test('sessions list shows everybody, or one person', async t => {
  const { app, url, type } = await scene(t)
  await devSignIn(new Browser(app, url), 'grace@example.com')
  const all = await type(sessionsCommand, 'list')
  t.equal(all.code, 0)
  t.match(all.out, 'ada@example.com')
  t.match(all.out, 'grace@example.com')
  const [, sub = ''] = /^(dev\|\S+) +ada@/m.exec(all.out) ?? []
  const one = await type(sessionsCommand, 'list', sub)
  t.match(one.out, 'ada@example.com')
  t.notMatch(one.out, 'grace@example.com')
})

t.test('R56 sessions end ends what one person has, in the running service', async t => {
  const { app, url, type, browser, me } = await scene(t)
  const other = new Browser(app, url)
  await devSignIn(other, 'grace@example.com')
  const { sub } = (await browser.visit('/auth/me')).json()
  const { code, out } = await type(sessionsCommand, 'end', sub)
  t.same([code, out], [0, '1 session has ended\n'])
  await eventually('the token is refused', async () => await me() === 401)
  t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).json().code, 'invalid_refresh_token')
  t.equal((await other.visit('/auth/me')).status, 200)
  t.equal((await type(sessionsCommand, 'end', 'dev|nobody')).out, '0 sessions have ended\n')
})

t.test('R56 sessions end --all ends everybody\'s, and who signs in afterwards stays', async t => {
  const { app, url, type, browser, me } = await scene(t)
  t.equal(await me(), 200, 'its token is known to be good')
  t.equal((await type(sessionsCommand, 'end', '--all')).code, 0)
  await eventually('the token is refused', async () => await me() === 401)
  t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).json().code, 'invalid_refresh_token')
  const later = new Browser(app, url)
  await devSignIn(later, 'grace@example.com')
  t.equal((await later.visit('/auth/me')).status, 200)
  t.notMatch((await type(sessionsCommand, 'list')).out, 'ada@example.com')
})

t.test('words that do not fit are answered with the usage', async t => {
  const { type } = await scene(t)
  for (const [command, words] of [
    [keysCommand, []], [keysCommand, ['forget']], [keysCommand, ['rotate', 'now']], [keysCommand, ['list', 'a', 'b']], [keysCommand, ['revoke']],
    [keysCommand, ['export']], [keysCommand, ['export', '--pem', '--dir']], [keysCommand, ['export', '--pem', '--dir=']],
    [keysCommand, ['export', '--pem', 'a', 'b']], [keysCommand, ['revoke', 'a', '--force']], [keysCommand, ['list', '--keep-next']],
    [sessionsCommand, []], [sessionsCommand, ['end']], [sessionsCommand, ['list', '--all']], [sessionsCommand, ['end', 'a', 'b']]
  ] as Array<[typeof keysCommand, string[]]>) {
    const { code, err } = await type(command, ...words)
    t.equal(code, 2, words.join(' '))
    t.match(err, 'usage: handstamp ')
  }
  t.match((await type(keysCommand, 'revoke', 'unknown')), { code: 1, err: 'no key unknown is in the ring' })
})

t.test('a command makes no store where there is none, and tells what is wrong with the configuration', async t => {
  const folder = temporaryFolder(t)
  const err = t.capture(process.stderr, 'write')
  t.equal(await keysCommand({ DATA_DIR: folder }, ['list']), 1)
  t.equal(await keysCommand({ DATA_DIR: folder, PORT: 'x' }, ['list']), 1)
  t.equal(await keysCommand({ DATA_DIR: folder }, ['nonsense']), 2)
  const said = err().map(({ args: [chunk] }) => String(chunk)).join('')
  t.match(said, `there is no store in ${folder}`)
  t.match(said, 'PORT must be a whole number')
})

t.test('what nobody foresaw is not explained away', async t => {
  const { env } = await openTestState(t)
  await t.rejects(operate(env, 'usage', async () => { throw new TypeError('unforeseen') }), { message: 'unforeseen' })
})

t.test('R41 a command with another secret cannot open the keys, and says so', async t => {
  const { config: { dataDir } } = await openTestState(t)
  const err = t.capture(process.stderr, 'write')
  t.equal(await keysCommand({ DATA_DIR: dataDir, SECRET: 'another secret of thirty-two or more' }, ['list']), 1)
  t.match(String(err()[0]?.args[0]), 'was sealed with another SECRET')
})

t.test('a command makes no keys where a service has not made them', async t => {
  const { config: { dataDir }, store, close } = await openTestState(t)
  await store.remove('keys/ring')
  await close()
  const err = t.capture(process.stderr, 'write')
  t.equal(await keysCommand({ DATA_DIR: dataDir }, ['list']), 1)
  t.match(String(err()[0]?.args[0]), 'there are no keys yet: start the service first')
})

t.test('a command makes no secret where the service has it elsewhere', async t => {
  const { config: { dataDir } } = await openTestState(t, { SECRET: 'a secret of thirty-two characters!' })
  const err = t.capture(process.stderr, 'write')
  t.equal(await keysCommand({ DATA_DIR: dataDir }, ['list']), 1)
  t.match(String(err()[0]?.args[0]), 'set SECRET as the service has it')
  t.notOk(existsSync(join(dataDir, 'secret')))
})

t.test('R77 what an operator does is logged once, also where it is heard again or the operator\'s clock is behind', async t => {
  const { dataDir, log, app } = await listeningTestApp(t)
  const ended = () => audited(log()).map(({ audit, sid, by }) => [audit, sid, by])
  const operator = await openTestState(t, { DATA_DIR: dataDir }, { startAt: -300 })
  await operator.tellServices('session_ended', { sid: 'one' })
  await eventually('it is logged', () => ended().length === 1)
  const { news } = await operator.store.newsAfter(0)
  for (const line of news.filter(line => line.startsWith('operator '))) await operator.store.announce(line, Math.floor(Date.now() / 1000) + 60)
  await operator.tellServices('session_ended', { sid: 'two' })
  await eventually('the next is logged', () => ended().length > 1)
  t.same(ended(), [['session_ended', 'one', 'operator'], ['session_ended', 'two', 'operator']])
  await app.close()
  const later = await listeningTestApp(t, { DATA_DIR: dataDir })
  await operator.tellServices('session_ended', { sid: 'three' })
  await eventually('it is logged', () => audited(later.log()).length > 0)
  t.match(audited(later.log()), [{ sid: 'three' }], 'and nothing of before its start')
})
