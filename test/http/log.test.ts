import type { FastifyBaseLogger } from 'fastify'
import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { describeError, readinessLog, storeLog } from '../../src/http/log.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { callbackOf, login, rogueScene, type RogueScene } from '../helpers/rogue-login.ts'

/** Every text of a login that has no place in a log, by what it is. */
class Secrets {
  readonly #texts = new Map<string, string>()

  add (what: string, text: string | null | undefined) {
    if (text) this.#texts.set(`${what} ${this.#texts.size}`, text)
  }

  addCookies (browser: Browser) {
    for (const [name, value] of browser.cookies) for (const part of value.split('.').filter(part => part.length > 20)) this.add(name, part)
  }

  assertAbsent (t: Test, log: string) {
    const spellings = (text: string) => [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text)]
    t.same([...this.#texts].filter(([, text]) => spellings(text).some(spelling => log.includes(spelling))), [])
    return this.#texts.size
  }
}

const secret = 'a-secret-of-the-operator-0123456789abcdef'

async function watchedScene (t: Test) {
  const scene = await rogueScene(t, { SECRET: secret, LOG_LEVEL: 'trace', ALLOWED_ORIGINS: 'https://app.example.com', DEV_LOGIN: 'true' })
  const secrets = new Secrets()
  for (const [what, text] of Object.entries({
    secret,
    clientSecret: 'rogue-secret',
    accessToken: 'provider-access-token',
    email: 'ada@example.com',
    name: 'Lovelace'
  })) {
    secrets.add(what, text)
  }
  const { makeIdToken, consent } = scene.rogue
  const watching = {
    makeIdToken: (...parts: Parameters<typeof makeIdToken>) => {
      const idToken = makeIdToken(...parts)
      for (const part of idToken.split('.').slice(1)) secrets.add('id_token', part)
      return idToken
    },
    consent: (...given: Parameters<typeof consent>) => {
      const query = new URL(given[0]).searchParams
      for (const name of ['state', 'nonce', 'code_challenge']) secrets.add(name, query.get(name))
      secrets.addCookies(scene.browser)
      const answer = consent(...given)
      secrets.add('code', answer['code'])
      return answer
    }
  }
  Object.assign(scene.rogue, watching)
  return { scene, secrets, watching }
}

/** Log lines as objects, from a position on. */
const lines = ({ log }: RogueScene, from = 0): Array<Record<string, unknown>> =>
  log().slice(from).split('\n').filter(Boolean).map(line => JSON.parse(line))

const answers = (body: string, status = 200, type = 'application/json') => (_request: unknown, response: ServerResponse) => {
  response.writeHead(status, { 'content-type': type }).end(body)
}

const failures: Array<[code: string, prepare: (scene: RogueScene) => void, query?: Record<string, string>]> = [
  ['access_denied', () => {}, { error: 'access_denied', error_description: 'words-of-the-provider' }],
  ['provider_error', () => {}, { error: 'words-of-the-provider' }],
  ['issuer_mismatch', () => {}, { iss: 'https://words-of-the-provider' }],
  ['provider_error', ({ rogue }) => { rogue.handlers['/token'] = answers('{"error":"invalid_grant","error_description":"words-of-the-provider"}', 400) }],
  ['provider_error', ({ rogue }) => { rogue.handlers['/token'] = answers('{"access_token":"words-of-the-provider', 200) }],
  ['provider_error', ({ rogue }) => { rogue.handlers['/token'] = answers('words-of-the-provider') }],
  ['provider_error', ({ rogue }) => { rogue.handlers['/token'] = answers('"words-of-the-provider"') }],
  ['provider_error', ({ rogue }) => { rogue.handlers['/token'] = answers('<h1>words-of-the-provider</h1>', 500, 'text/html') }],
  ['provider_unavailable', ({ rogue }) => { rogue.handlers['/token'] = (_request, response) => { response.destroy() } }],
  ['invalid_id_token', ({ rogue }) => { rogue.claims = { nonce: 'words-of-the-provider' } }],
  ['invalid_id_token', ({ rogue }) => { rogue.claims = { iss: 'https://words-of-the-provider' } }],
  ['invalid_id_token', ({ rogue }) => { rogue.makeIdToken = () => 'words-of-the-provider' }],
  ['invalid_id_token', ({ rogue }) => { rogue.header = { alg: 'words-of-the-provider' } }],
  ['provider_error', ({ rogue }) => {
    Object.assign(rogue, {
      claims: { email: undefined },
      userinfo: {
        sub: 'words-of-the-provider',
        email: 'ada@example.com'
      }
    })
  }],
  ['email_missing', ({ rogue }) => {
    Object.assign(rogue, { claims: { email: '', sub: 'words-of-the-provider' }, userinfo: { sub: 'words-of-the-provider' } })
  }],
  ['email_invalid', ({ rogue }) => { rogue.claims = { email: 'words-of-the-provider@ada@example.com' } }],
  ['email_not_verified', ({ rogue }) => { rogue.claims = { email_verified: 'words-of-the-provider' } }],
  ['email_not_verified', ({ rogue }) => { rogue.claims = { email: 'words-of-the-provider@example.com', email_verified: false } }],
  ['provider_error', ({ rogue }) => { rogue.claims = { name: `words-of-the-provider${'x'.repeat(4000)}` } }]
]

t.test('R75 a login and each of its failures leave no code, token, cookie, secret or email in the log, at trace', async t => {
  const { scene, secrets, watching } = await watchedScene(t)
  secrets.add('words', 'words-of-the-provider')
  secrets.add('return_to', 'where-the-person-was')
  const reset = () => Object.assign(scene.rogue, { handlers: {}, header: {}, claims: {}, userinfo: undefined }, watching)
  for (const path of ['/auth/rogue', '/auth/rogue?return_to=/where-the-person-was&login_hint=ada%40example.com']) {
    reset()
    const done = await scene.browser.visit(await callbackOf(scene, { path }))
    t.equal(done.status, 303)
    secrets.addCookies(scene.browser)
    for (const [code, prepare, query = {}] of failures) {
      reset()
      prepare(scene)
      const from = scene.log().length
      await login(scene, { path, query })
      t.match(lines(scene, from).find(({ audit }) => audit === 'login_failed'), { audit: 'login_failed', provider: 'rogue', code }, `R77 ${code}`)
      secrets.addCookies(scene.browser)
    }
  }
  reset()
  t.ok(secrets.assertAbsent(t, scene.log()) > 150)
})

t.test('R75 neither do requests that are refused before they get anywhere', async t => {
  const { scene, secrets } = await watchedScene(t)
  await login(scene)
  secrets.addCookies(scene.browser)
  secrets.add('typed', 'typed-by-somebody')
  const { browser, app } = scene
  const token = browser.cookies.get('handstamp') ?? ''
  for (const path of [
    '/auth/rogue/callback?state=typed-by-somebody&code=typed-by-somebody', '/auth/rogue/callback?code=typed-by-somebody',
    '/auth/rogue?return_to=//typed-by-somebody', '/auth/typed-by-somebody', '/typed-by-somebody?typed-by-somebody',
    '/auth/%ff%typed-by-somebody', `/auth/me?access_token=${token}`
  ]) {
    await browser.visit(path, {
      headers: {
        referer: 'https://typed-by-somebody/',
        'user-agent': 'typed-by-somebody',
        'x-forwarded-for': 'typed-by-somebody'
      }
    })
  }
  await app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${token.slice(0, -5)}AAAAA` } })
  await app.inject({ url: '/auth/me', headers: { authorization: 'Bearer typed-by-somebody' } })
  await app.inject({
    method: 'POST',
    url: '/auth/logout',
    headers: { 'content-type': 'application/json', origin: scene.url },
    payload: '{"typed-by-somebody'
  })
  await browser.visit('/auth/logout', { method: 'POST', json: { return_to: 'typed-by-somebody' } })
  t.ok(secrets.assertAbsent(t, scene.log()) > 15)
})

t.test('R75 the dev login leaves no email and no code in the log', async t => {
  const { scene, secrets } = await watchedScene(t)
  const done = await devSignIn(scene.browser, 'ada@example.com')
  t.equal(done.status, 303)
  secrets.add('code', new URL(done.url, scene.url).searchParams.get('code'))
  secrets.addCookies(scene.browser)
  secrets.assertAbsent(t, scene.log())
})

t.test('R77 an answer that no flow waits for, any more or ever, is in the log as a failure', async t => {
  const scene = await rogueScene(t)
  const [used, late] = [await callbackOf(scene), await callbackOf(scene)]
  const stranger = new Browser(scene.app, scene.url)
  const codeOf = async (browser: Browser, address: string) => {
    const from = scene.log().length
    await browser.visit(address, { headers: { accept: 'application/json' } })
    return lines(scene, from).find(({ audit }) => audit === 'login_failed')
  }
  t.equal(await codeOf(scene.browser, used), undefined)
  t.match(await codeOf(stranger, used), { provider: 'rogue', code: 'flow_not_found', ip: '127.0.0.1' })
  for (const name of ['handstamp', 'handstamp-refresh']) scene.browser.cookies.delete(name)
  t.match(await codeOf(scene.browser, used), { provider: 'rogue', code: 'flow_already_used' })
  scene.travel(601)
  t.match(await codeOf(scene.browser, late), { provider: 'rogue', code: 'flow_expired' })
})

t.test('R77 a success is in the log, with the email as a digest that is the same again', async t => {
  const scene = await rogueScene(t)
  for (const email of ['ada@example.com', 'Ada@Example.com', 'bob@example.com']) await login(scene, { claims: { email } })
  const [one, again, other] = lines(scene).filter(({ audit }) => audit === 'login_succeeded')
  t.match(one, { provider: 'rogue', ip: '127.0.0.1', sid: /^[\w-]{22}$/, email: /^[\w-]{22}$/ })
  t.equal(again?.['email'], one?.['email'])
  t.not(other?.['email'], one?.['email'])
})

t.test('R75 every request is one line with the route\'s pattern, and line breaks stay inside JSON', async t => {
  const scene = await rogueScene(t, { LOG_LEVEL: 'info' })
  const from = scene.log().length
  for (const path of ['/auth/a%0d%0ab', '/auth/login?x=%0a{"level":60}', '/%0d%0a']) await scene.app.inject(path)
  t.match(lines(scene, from), [{ route: '/auth/:provider', status: 404 }, { route: '/auth/login', status: 200 }, { route: 'none', status: 404 }])
  t.equal(scene.log().slice(from).trimEnd().split('\n').length, 3)
})

t.test('R75 a request or a reply that somebody logs is left out', async t => {
  const scene = await rogueScene(t)
  scene.app.log.info({ req: { url: 'hunter2' }, res: { body: 'hunter2' } }, 'a line')
  t.match(lines(scene).at(-1), { msg: 'a line' })
  t.notMatch(scene.log(), 'hunter2')
})

t.test('R75 an error is described without what it may carry', async t => {
  const withInput = (() => { try { return JSON.parse('hunter2-and-more') } catch (error) { return error as Error } })()
  for (const [error, message] of [
    [withInput, ''],
    [new Error((withInput as Error).message), ''],
    [new TypeError("Cannot use 'in' operator to search for 'x' in hunter2"), ''],
    [Object.assign(new Error('refused'), { code: 'ECONNREFUSED', config: 'hunter2', response: { body: 'hunter2' } }), 'refused'],
    [new Error('outer', { cause: Object.assign(new Error('inner'), { data: 'hunter2' }) }), 'outer'],
    ['hunter2', ''],
    [undefined, ''],
    [{ message: 'hunter2' }, '']
  ] as const) {
    const described = describeError(error)
    t.equal(described.message, message)
    t.notMatch(JSON.stringify(described), 'hunter2')
  }
  t.match(describeError(new Error('outer', { cause: new Error('inner') })), { type: 'Error', stack: /^ {4}at /, cause: { message: 'inner' } })
  t.equal(describeError(Object.assign(new Error('x'), { stack: undefined })).stack, '')
})

t.test('the log says when the store goes away, and when it is back', async t => {
  const lines: unknown[] = []
  const log = storeLog({ error: (...args: unknown[]) => lines.push(args), info: (...args: unknown[]) => lines.push(args) } as unknown as FastifyBaseLogger)
  const error = new Error('Redis did not answer')
  log(error)
  log()
  t.same(lines, [[{ err: error }, 'the store has a problem'], ['the store is back']])
})

t.test('an operator is told that logins would fail, and that they work again', async t => {
  const lines: unknown[] = []
  const log = readinessLog({ error: (...args: unknown[]) => lines.push(args), info: (...args: unknown[]) => lines.push(args) } as unknown as FastifyBaseLogger)
  const problem = new Error('the disk is full')
  log(problem)
  log()
  t.same(lines, [[{ err: problem }, 'not ready: a login would fail'], ['ready again']])
})
