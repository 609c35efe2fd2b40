import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildTestApp } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { run } from '../helpers/child.ts'
import { eventually } from '../helpers/eventually.ts'
import { ada, openTestState } from '../helpers/state.ts'

/** A file system of a few mebibytes that the script made for us. */
const disk = process.env['SMALL_DISK'] ?? ''
const filler = join(disk, 'filler')
const post = { method: 'POST', json: {} } as const

function fill (): void {
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) appendFileSync(filler, 'x'.repeat(size))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}

t.test('L20 while the disk is full nothing is issued, what needs no disk goes on, and it comes back by itself', async t => {
  const DATA_DIR = join(disk, 'service')
  const { app, url, log } = await buildTestApp(t, { DATA_DIR })
  const browser = new Browser(app, url)
  await devSignIn(browser)
  t.equal((await browser.visit('/auth/refresh', post)).status, 200)

  fill()
  const answers: Array<Awaited<ReturnType<Browser['visit']>>> = []
  await eventually('a refresh finds no room', async () => answers[answers.push(await browser.visit('/auth/refresh', post)) - 1]?.status === 503)
  for (const { status, headers } of answers.slice(0, -1)) t.same([status, 'set-cookie' in headers], [200, true])
  const before = browser.cookies.get('handstamp-refresh')
  for (let attempt = 0; attempt < 5; attempt++) {
    const refused = await browser.visit('/auth/refresh', post)
    t.equal(refused.status, 503)
    t.match(refused.json(), { code: 'store_unavailable' })
    t.ok(refused.headers['retry-after'])
    t.notOk(refused.headers['set-cookie'], 'the cookies stay as they are')
  }
  const login = await devSignIn(new Browser(app, url), 'grace@example.com', { headers: { accept: 'application/json' } })
  t.equal(login.status, 503)
  t.notMatch(login.body, 'access_token')
  t.equal((await browser.visit('/auth/me')).status, 200)
  t.equal((await browser.visit('/auth/sessions')).status, 200)
  t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 200)
  t.equal((await app.inject('/auth/dev')).statusCode, 302)

  t.equal(browser.cookies.get('handstamp-refresh'), before)
  const readiness = async () => (await app.inject('/readyz')).statusCode
  await eventually('readiness is red', async () => await readiness() === 503)
  t.match(log(), /there is no room left in .*not ready: a login would fail/)
  rmSync(filler)
  await eventually('it is green', async () => await readiness() === 200)
  t.equal((await browser.visit('/auth/refresh', post)).status, 200)
  t.equal((await devSignIn(new Browser(app, url), 'grace@example.com')).status, 303)
  await app.close()

  const after = await buildTestApp(t, { DATA_DIR })
  const cookie = [...browser.cookies].map(pair => pair.join('=')).join('; ')
  const refreshed = await after.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie, origin: url } })
  t.equal(refreshed.statusCode, 200, 'and all is there after a restart')
})

t.test('L20 a start on a full disk is refused, and what is there is left as it is', async t => {
  const DATA_DIR = join(disk, 'start')
  fill()
  await t.rejects(openTestState(t, { DATA_DIR }))
  rmSync(filler)
  const first = await openTestState(t, { DATA_DIR })
  const { refreshToken } = await first.sessions.start(ada, 0)
  await first.close()
  fill()
  const again = await openTestState(t, { DATA_DIR }).catch((error: Error) => error)
  rmSync(filler)
  if (!(again instanceof Error)) await again.close()
  t.ok((await (await openTestState(t, { DATA_DIR })).sessions.refresh(refreshToken)).refreshToken)
})

t.test('L20 with a SECRET of its own, too, the process says that the disk is full and exits 1', async t => {
  const SECRET = '0123456789abcdef0123456789abcdef'
  const full = async (env: Record<string, string>) => {
    fill()
    const child = run(t, { ...env, PORT: '0' })
    const code = await child.ended
    rmSync(filler)
    t.equal(code, 1)
    t.match(child.stderr(), /^handstamp cannot start: .*(no room left|no space left)/)
  }
  await full({ DATA_DIR: join(disk, 'own'), SECRET })
  await (await openTestState(t, { DATA_DIR: join(disk, 'own'), SECRET })).close()
  await full({ DATA_DIR: join(disk, 'own'), SECRET })
  await full({ DATA_DIR: join(disk, 'made') })
  t.ok((await openTestState(t, { DATA_DIR: join(disk, 'own'), SECRET })).keys.current)
})
