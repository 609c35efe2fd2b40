import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { freePort, temporaryFolder } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { serve } from '../helpers/child.ts'
import { eventually } from '../helpers/eventually.ts'
import { documentedConfig, haproxy } from '../helpers/proxy.ts'

const program = 'dist/server.js'

t.test('R39 HAProxy as docs/keys.md configures it knows each key before it signs, and drops a revoked one at its next reload', async t => {
  const DATA_DIR = temporaryFolder(t)
  const { url, port: own } = await serve(t, { DATA_DIR, SIGNING_ALG: 'RS256' }, { program })
  const env = { PATH: process.env['PATH'], DATA_DIR, PUBLIC_URL: url, PORT: String(own) }
  const keys = (...words: string[]) => execFileSync(process.execPath, [program, 'keys', ...words], { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString()
  const token = async () => {
    const browser = new Browser(undefined, url)
    await devSignIn(browser)
    return browser.cookies.get('handstamp') ?? ''
  }
  const kidOf = (token: string) => (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid

  // The script of the page, where it finds a folder of ours, a handstamp command and nothing to reload.
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'bin'))
  const commands = { handstamp: `exec '${process.execPath}' '${resolve(program)}' "$@"`, systemctl: ':' }
  for (const [name, body] of Object.entries(commands)) {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  const script = join(folder, 'script')
  writeFileSync(script, documentedConfig('sh', 'haproxy.template', 'docs/keys.md').replaceAll('/etc/haproxy', folder))

  /** HAProxy after the script: how it answers a token. */
  const reloaded = async () => {
    const port = await freePort()
    const frontend = documentedConfig('haproxy', 'handstamp keys', 'docs/keys.md').replaceAll('https://auth.example.com', url).replace(/bind .*/, `bind 127.0.0.1:${port}`)
      .replace(/default_backend .*/, 'http-request return status 200 content-type text/plain string ok')
    writeFileSync(join(folder, 'haproxy.template'), `defaults\n  mode http\n  timeout connect 2s\n  timeout client 9s\n  timeout server 9s\n${frontend}`)
    execFileSync('sh', [script], { env: { ...env, PATH: `${join(folder, 'bin')}:${env.PATH}` }, stdio: ['ignore', 'pipe', 'inherit'] })
    await haproxy(t, port, readFileSync(join(folder, 'haproxy.cfg'), 'utf8'))
    return async (token: string) => (await fetch(`http://127.0.0.1:${port}/`, { headers: { authorization: `Bearer ${token}` } })).status
  }

  const before = await reloaded()
  const first = await token()
  t.equal(await before(first), 200)
  for (const bad of ['', 'x.y.z', `${first}x`, first.replace(/^[^.]+/, Buffer.from('{"alg":"none"}').toString('base64url'))]) t.equal(await before(bad), 401)

  keys('rotate', '--force')
  await eventually('the next key signs', async () => kidOf(await token()) !== kidOf(first))
  const second = await token()
  t.equal(await before(second), 200, 'without a reload: its file was there before it signed')
  t.equal(await before(first), 200)

  keys('revoke', kidOf(first))
  const after = await reloaded()
  await eventually('a new key signs', async () => kidOf(await token()) !== kidOf(second))
  t.same([await after(first), await after(second), await after(await token())], [401, 200, 200])
})
