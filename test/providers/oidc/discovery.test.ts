import t from 'tap'
import { Browser, devSignIn } from '../../helpers/browser.ts'
import { eventually } from '../../helpers/eventually.ts'
import { outcome, rogueScene, type RogueScene } from '../../helpers/rogue-login.ts'
import { rogueProvider, type Json } from '../../helpers/rogue-provider.ts'

const path = '/.well-known/openid-configuration'
const json = { accept: 'application/json' }
const questions = ({ rogue }: RogueScene) => rogue.requests.filter(asked => asked === path).length
const start = ({ browser }: RogueScene, provider = 'rogue') => browser.visit(`/auth/${provider}`, { headers: json })

t.test('L13 R15 a discovery document that cannot be trusted opens no login, and a better one does', async t => {
  const scene = await rogueScene(t)
  const { rogue } = scene
  const { issuer } = rogue
  const cases: Array<[what: string, metadata: Json]> = [
    ['another issuer', { issuer: 'https://evil.test' }],
    ['the issuer with a slash', { issuer: `${issuer}/` }],
    ['the issuer in capitals', { issuer: issuer.toUpperCase() }],
    ['no issuer', { issuer: undefined }],
    ['an issuer in a list', { issuer: [issuer] }],
    ...['authorization_endpoint', 'token_endpoint', 'jwks_uri'].flatMap((name): Array<[string, Json]> => [
      [`no ${name}`, { [name]: undefined }],
      ...['http://login.example.com/x', 'http://10.0.0.1/x', 'javascript:alert(1)', 'ftp://127.0.0.1/x', 'file:///etc/passwd', '/relative', 'https://', '',
        'https://user:pass@login.example.com/x', 'https://user@login.example.com/x', null, 7, ['https://login.example.com/x']]
        .map((value): [string, Json] => [`${name} ${JSON.stringify(value)}`, { [name]: value }])
    ]),
    ['userinfo_endpoint over http', { userinfo_endpoint: 'http://login.example.com/x' }],
    ['userinfo_endpoint of another type', { userinfo_endpoint: 7 }],
    ['PKCE by plain alone', { code_challenge_methods_supported: ['plain'] }],
    ['no PKCE at all', { code_challenge_methods_supported: [] }],
    ['client authentication by key alone', { token_endpoint_auth_methods_supported: ['private_key_jwt', 'tls_client_auth'] }],
    ['symmetric signatures alone', { id_token_signing_alg_values_supported: ['HS256', 'none'] }],
    ['no signatures', { id_token_signing_alg_values_supported: [] }]
  ]
  for (const [what, metadata] of cases) {
    rogue.metadata = metadata
    const refused = await start(scene)
    t.equal(refused.status, 502, what)
    t.equal(refused.json().code, 'provider_error', what)
    t.notOk(refused.headers['set-cookie'], what)
    scene.travel(6)
  }
  t.equal(questions(scene), cases.length)
  rogue.metadata = {}
  t.equal(await outcome(scene), 'ok')
})

t.test('what stands for nothing in a discovery document is absent: null, an empty text', async t => {
  for (const name of ['userinfo_endpoint', 'token_endpoint_auth_methods_supported', 'id_token_signing_alg_values_supported', 'code_challenge_methods_supported',
    'authorization_response_iss_parameter_supported', 'token_endpoint_auth_signing_alg_values_supported']) {
    for (const value of name === 'userinfo_endpoint' ? [null, ''] : [null]) {
      const scene = await rogueScene(t)
      scene.rogue.metadata = { [name]: value }
      t.equal(await outcome(scene), 'ok', `${name} ${JSON.stringify(value)}`)
    }
  }
  const scene = await rogueScene(t)
  Object.assign(scene.rogue, { metadata: { userinfo_endpoint: '' }, claims: { email: undefined } })
  t.equal(await outcome(scene), 'email_missing', 'nothing is asked')
})

t.test('L05 what is no discovery document is the provider\'s error', async t => {
  const scene = await rogueScene(t)
  for (const [status, body, type = 'application/json'] of [
    [200, '<h1>Sorry</h1>', 'text/html'],
    [200, ''],
    [200, '{"issuer":'],
    [200, '[]'],
    [200, `{"issuer":"x","issuer":"${scene.rogue.issuer}"}`],
    [200, JSON.stringify({ filler: 'x'.repeat(300_000) })],
    [301, '{}'],
    [401, '{}']
  ] as Array<[number, string, string?]>) {
    scene.rogue.handlers[path] = (_request, response) => { response.writeHead(status, { 'content-type': type, location: '/elsewhere' }).end(body) }
    t.equal(await outcomeOfStart(scene), 'provider_error', `${status} ${type} ${body.slice(0, 40)}`)
    scene.travel(6)
  }
  t.notOk(scene.rogue.requests.includes('/elsewhere'))
  t.equal(await outcomeOfStart(await rogueScene(t, { OIDC_ROGUE_ISSUER: `${scene.rogue.issuer}/nothing-here` }, scene.rogue)), 'provider_error')
})

const outcomeOfStart = async (scene: RogueScene): Promise<string> => {
  const answer = await start(scene)
  return answer.status === 302 ? 'ok' : String(answer.json().code)
}

t.test('L04 a passing fault of a discovery is tried once more', async t => {
  const scene = await rogueScene(t)
  for (const status of [429, 500, 502, 503, 504, 0]) {
    const { rogue, travel } = scene
    travel(3601)
    rogue.handlers[path] = (_request, response) => {
      delete rogue.handlers[path]
      if (status === 0) response.destroy()
      else response.writeHead(status, { 'retry-after': '1' }).end()
    }
    const fresh = await rogueScene(t, {}, rogue)
    const before = questions(scene)
    t.equal(await outcomeOfStart(fresh), 'ok', String(status))
    t.equal(questions(scene) - before, 2)
  }
})

t.test('L04 a discovery that fails twice fails the login alone', async t => {
  const scene = await rogueScene(t)
  scene.rogue.handlers[path] = (_request, response) => { response.writeHead(503).end() }
  t.equal(await outcomeOfStart(scene), 'provider_error')
  t.equal(questions(scene), 2)
})

t.test('L01 a provider that is down does not keep us from starting, and comes back by itself', async t => {
  const rogue = await rogueProvider(t)
  await rogue.stop()
  const scene = await rogueScene(t, { DEV_LOGIN: 'true', PUBLIC_URL: 'http://localhost:3000' }, rogue)
  await scene.app.listen({ port: 0, host: '127.0.0.1' })
  await eventually('a warning', () => /rogue.*cannot be reached yet/.test(scene.log()))
  scene.travel(6)
  t.equal((await scene.app.inject('/readyz')).statusCode, 200)

  const refused = await start(scene)
  t.equal(refused.status, 503)
  t.equal(refused.json().code, 'provider_unavailable')
  t.match(refused.headers['retry-after'], /^[1-9]\d*$/)
  t.same((await scene.browser.visit('/auth/providers')).json().providers.map(({ id }: { id: string }) => id), ['rogue', 'dev'], 'it stays on the list')

  await rogue.resume()
  scene.travel(6)
  t.equal(await outcome(scene), 'ok')
})

t.test('R82 an outage touches the logins of that provider alone', async t => {
  const scene = await rogueScene(t, { DEV_LOGIN: 'true' })
  await scene.rogue.stop()
  t.equal((await start(scene)).status, 503)
  const other = new Browser(scene.app, scene.url)
  t.equal((await devSignIn(other)).status, 303)
  for (const path of ['/auth/me', '/auth/login', '/auth/account', '/.well-known/jwks.json', '/readyz', '/livez']) {
    t.ok((await other.visit(path)).status < 400, path)
  }
})

t.test('L10 a provider that is down is asked again after 5 s and not before', async t => {
  const scene = await rogueScene(t)
  scene.rogue.handlers[path] = (_request, response) => { response.writeHead(404).end() }
  for (let time = 0; time < 5; time++) t.equal(await outcomeOfStart(scene), 'provider_error')
  t.equal(questions(scene), 1)
  delete scene.rogue.handlers[path]
  scene.travel(4)
  t.equal(await outcomeOfStart(scene), 'provider_error')
  scene.travel(2)
  t.equal(await outcomeOfStart(scene), 'ok')
  t.equal(questions(scene), 2)
})

t.test('logins at the same moment share one discovery, and later ones need none', async t => {
  const scene = await rogueScene(t)
  t.same(new Set(await Promise.all(Array.from({ length: 20 }, () => outcomeOfStart(scene)))), new Set(['ok']))
  t.equal(await outcome(scene), 'ok')
  scene.travel(50 * 60)
  t.equal(await outcome(scene), 'ok')
  t.equal(questions(scene), 1)
})

t.test('R82 a known provider keeps working while its discovery is away', async t => {
  const scene = await rogueScene(t)
  t.equal(await outcome(scene), 'ok')
  scene.rogue.handlers[path] = (_request, response) => { response.writeHead(404).end() }
  scene.travel(3601)
  t.equal(await outcome(scene), 'ok')
  scene.travel(3601)
  t.equal(await outcome(scene), 'ok')
  t.ok(questions(scene) > 1)
})

t.test('a provider that moves its endpoints is followed within the hour', async t => {
  const scene = await rogueScene(t)
  const { rogue } = scene
  t.equal(await outcome(scene), 'ok')
  rogue.metadata = { authorization_endpoint: `${rogue.issuer}/moved` }
  scene.travel(3601)
  await start(scene) // asks in the background
  const moved = async () => new URL(String((await start(scene)).headers['location'])).pathname === '/moved'
  await eventually('the new endpoint', moved)
  t.equal(await outcome(scene), 'ok')
})

t.test('an issuer with a path is asked below it, and one with a slash at its end keeps it', async t => {
  for (const suffix of ['/tenant/7', '/tenant/7/']) {
    const rogue = await rogueProvider(t)
    const issuer = rogue.issuer + suffix
    rogue.metadata = { issuer }
    rogue.claims = { iss: issuer }
    rogue.handlers['/tenant/7/.well-known/openid-configuration'] = async (_request, response) => {
      const text = await (await fetch(`${rogue.issuer}${path}`)).text()
      response.setHeader('content-type', 'application/json').end(text)
    }
    t.equal(await outcome(await rogueScene(t, { OIDC_ROGUE_ISSUER: issuer }, rogue)), 'ok', suffix)
  }
})

t.test('an authorization endpoint with a query keeps it', async t => {
  const scene = await rogueScene(t)
  scene.rogue.metadata = { authorization_endpoint: `${scene.rogue.issuer}/authorize?tenant=7&x=a%20b` }
  const { searchParams } = new URL(String((await start(scene)).headers['location']))
  t.match(Object.fromEntries(searchParams), { tenant: '7', x: 'a b', client_id: 'rogue-client', response_type: 'code', code_challenge_method: 'S256' })
  t.equal(await outcome(scene), 'ok')
})

t.test('R1 S256 is used where the provider does not say what it can', async t => {
  const scene = await rogueScene(t)
  scene.rogue.metadata = { code_challenge_methods_supported: undefined, id_token_signing_alg_values_supported: undefined }
  t.equal(new URL(String((await start(scene)).headers['location'])).searchParams.get('code_challenge_method'), 'S256')
  t.equal(await outcome(scene), 'ok')
})

t.test('R7 iss is demanded where it is promised, and checked wherever it comes', async t => {
  const scene = await rogueScene(t)
  const { issuer } = scene.rogue
  t.equal(await outcome(scene), 'ok', 'neither promised nor sent')
  t.equal(await outcome(scene, { query: { iss: issuer } }), 'ok', 'sent and right')
  t.equal(await outcome(scene, { query: { iss: `${issuer}/` } }), 'issuer_mismatch', 'sent and wrong')
  const promising = await rogueScene(t)
  promising.rogue.metadata = { authorization_response_iss_parameter_supported: true }
  t.equal(await outcome(promising), 'issuer_mismatch', 'promised and not sent')
  t.equal(await outcome(promising, { query: { iss: promising.rogue.issuer } }), 'ok', 'promised and sent')
  t.equal(promising.rogue.tokenForms.length, 1)
})
