import t from 'tap'
import { callbackOf, login, outcome, rogueScene } from '../../helpers/rogue-login.ts'
import type { Json } from '../../helpers/rogue-provider.ts'

t.test('R16 a token answer that is a failure in disguise is one', async t => {
  const scene = await rogueScene(t)
  for (const [what, changes] of [
    ['an error', { error: 'invalid_grant' }],
    ['an error beside nothing', { error: 'bad_verification_code', access_token: undefined, token_type: undefined, id_token: undefined }],
    ['an error of another type', { error: false }],
    ['no access_token', { access_token: undefined }],
    ['an empty access_token', { access_token: '' }],
    ['an access_token that is null', { access_token: null }],
    ['an access_token that is a number', { access_token: 7 }],
    ['an access_token that is a list', { access_token: ['x'] }],
    ['another token_type', { token_type: 'DPoP' }],
    ['token_type mac', { token_type: 'mac' }],
    ['a token_type that looks like it', { token_type: 'Bearer ' }],
    ['token_type N_A of token exchange', { token_type: 'N_A' }],
    ['a token_type that is a list', { token_type: ['Bearer'] }]
  ] as Array<[string, Json]>) {
    scene.rogue.token = changes
    t.equal(await outcome(scene), 'provider_error', what)
    t.notOk(scene.browser.cookies.has('handstamp'), what)
  }
})

t.test('what stands for nothing in a token answer is absent: null, an empty text', async t => {
  const scene = await rogueScene(t)
  for (const changes of [
    { error: null }, { error: '' }, { error: null, error_description: null, error_uri: null }, { refresh_token: null }, { refresh_token: '' },
    { expires_in: null }, { expires_in: undefined }, { scope: null }, { token_type: undefined }, { token_type: null }, { token_type: '' }
  ] as Json[]) {
    scene.rogue.token = changes
    t.equal(await outcome(scene), 'ok', JSON.stringify(changes))
  }
})

t.test('R16 the token_type is compared as RFC 6749 section 5.1 has it: without case', async t => {
  const scene = await rogueScene(t)
  for (const type of ['bearer', 'BEARER', 'Bearer']) {
    scene.rogue.token = { token_type: type }
    t.equal(await outcome(scene), 'ok', type)
  }
})

const failures: Array<[what: string, status: number, type: string, body: string]> = [
  ['invalid_grant', 400, 'application/json', '{"error":"invalid_grant","error_description":"the-words-of-the-provider"}'],
  ['invalid_client', 401, 'application/json', '{"error":"invalid_client"}'],
  ['forbidden', 403, 'text/html', '<h1>the-words-of-the-provider</h1>'],
  ['not found', 404, 'text/plain', 'the-words-of-the-provider'],
  ['too many', 429, 'application/json', '{"error":"slow_down"}'],
  ['broken', 500, 'application/json', '{"error":"server_error"}'],
  ['bad gateway', 502, 'text/html', '<h1>502</h1>'],
  ['overloaded', 503, 'application/json', '{}'],
  ['its own timeout', 504, 'text/html', '<h1>504</h1>'],
  ['nothing', 204, 'application/json', ''],
  ['empty', 200, 'application/json', ''],
  ['a page', 200, 'text/html', '<!doctype html><h1>the-words-of-the-provider</h1>'],
  ['cut', 200, 'application/json', '{"access_token":"the-words-of-the-provider'],
  ['a text that says it is JSON', 200, 'application/json', 'the-words-of-the-provider'],
  ['a form that says it is JSON', 200, 'application/json', 'access_token=the-words-of-the-provider&token_type=bearer'],
  ['a list', 200, 'application/json', '[]'],
  ['null', 200, 'application/json', 'null'],
  ['a text', 200, 'application/json', '"the-words-of-the-provider"'],
  ['over 64 KiB', 200, 'application/json', JSON.stringify({ access_token: 'x', token_type: 'Bearer', filler: 'x'.repeat(64 * 1024) })]
]

t.test('L04 R74 a token call is made once, whatever comes back, and nothing of it reaches the wire', async t => {
  const scene = await rogueScene(t)
  for (const [what, status, type, body] of failures) {
    let asked = 0
    scene.rogue.handlers['/token'] = (_request, response) => {
      asked++
      response.writeHead(status, { 'content-type': type, 'retry-after': '0' }).end(body)
    }
    const page = await login(scene)
    t.equal(page.status, 502, what)
    t.equal(page.json().code, 'provider_error', what)
    t.notMatch(page.body, 'the-words-of-the-provider')
    t.equal(asked, 1, what)
  }
  t.notMatch(scene.log(), /the-words|Unexpected token/)
  for (const said of ['answered 400: invalid_grant"', 'answered 401: invalid_client"', 'answered 429"']) {
    t.match(scene.log(), `the token endpoint ${scene.rogue.issuer} ${said}`, 'the log says what it was')
  }
})

t.test('L08 a redirect of the token endpoint is not followed', async t => {
  const scene = await rogueScene(t)
  for (const status of [301, 302, 303, 307, 308]) {
    scene.rogue.handlers['/token'] = (_request, response) => { response.writeHead(status, { location: `${scene.rogue.issuer}/elsewhere` }).end() }
    t.equal(await outcome(scene), 'provider_error', String(status))
  }
  t.notOk(scene.rogue.requests.includes('/elsewhere'))
})

t.test('a connection that breaks in the token call is an outage, and the person may start again', async t => {
  const scene = await rogueScene(t)
  let asked = 0
  scene.rogue.handlers['/token'] = (_request, response) => { asked++; response.destroy() }
  const page = await scene.browser.visit(await callbackOf(scene, { path: '/auth/rogue?return_to=/there' }))
  t.equal(page.status, 303)
  t.match(page.headers['location'], /^\/there\?error=temporarily_unavailable&.*error_code=provider_unavailable/)
  t.equal(asked, 1)
  const inPlace = await scene.browser.visit(await callbackOf(scene))
  t.equal(inPlace.status, 503)
  t.match(inPlace.headers['retry-after'], /^[1-9]\d*$/)
  t.match(inPlace.body, 'href="/auth/rogue"')
})

t.test('R1 the token call has what RFC 6749 section 4.1.3 and RFC 7636 ask for, and nothing of the browser', async t => {
  const scene = await rogueScene(t)
  await login(scene)
  const [form = new URLSearchParams()] = scene.rogue.tokenForms
  t.match(form.get('code_verifier'), /^[\w.~-]{43,128}$/)
  t.match(Object.fromEntries(form), { grant_type: 'authorization_code', code: /^code-/, redirect_uri: `${scene.url}/auth/rogue/callback` })
  t.same([...form.keys()].filter(name => !['grant_type', 'code', 'redirect_uri', 'code_verifier', 'client_id'].includes(name)), [])
})

const secret = 'a:b/c+d=e%20&f~"g h'

t.test('a client authenticates by Basic, encoded as RFC 6749 section 2.3.1 has it', async t => {
  const scene = await rogueScene(t, { OIDC_ROGUE_CLIENT_ID: 'a client:7', OIDC_ROGUE_CLIENT_SECRET: secret })
  let header = ''
  scene.rogue.handlers['/token'] = (request, response) => { header = String(request.headers.authorization); response.writeHead(400).end() }
  await login(scene)
  const decoded = Buffer.from(header.replace('Basic ', ''), 'base64').toString().split(':')
  t.same(decoded.map(part => new URLSearchParams(`x=${part}`).get('x')), ['a client:7', secret])
})

t.test('a client authenticates in the form where the provider knows only that', async t => {
  const scene = await rogueScene(t, { OIDC_ROGUE_CLIENT_SECRET: secret })
  scene.rogue.metadata = { token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_post'] }
  let header: string | undefined
  let form = new URLSearchParams()
  scene.rogue.handlers['/token'] = (request, response, sent) => {
    header = request.headers.authorization
    form = sent
    response.writeHead(400).end()
  }
  await login(scene)
  t.equal(header, undefined)
  t.equal(form.get('client_id'), 'rogue-client')
  t.equal(form.get('client_secret'), secret)
})

t.test('R21 the provider\'s tokens go nowhere', async t => {
  const scene = await rogueScene(t)
  scene.rogue.token = { refresh_token: 'provider-refresh-token' }
  const page = await login(scene)
  const [, payload = ''] = String(page.json().access_token).split('.')
  const me = await scene.browser.visit('/auth/me')
  for (const text of [page.body, String(page.headers['set-cookie']), Buffer.from(payload, 'base64url').toString(), me.body, scene.log()]) {
    t.notMatch(text, /provider-(access|refresh)-token/)
  }
})

// What is asked for besides: userinfo (OpenID Connect Core 5.3)

t.test('R14 email and email_verified come from one document, never mixed', async t => {
  const scene = await rogueScene(t)
  const email = 'ada@example.com'
  const other = 'other@example.com'
  for (const [what, claims, userinfo, expected] of [
    ['both in the id_token', { email, email_verified: true }, { email: other, email_verified: true }, email],
    ['a refusal in the id_token', { email, email_verified: false }, { email, email_verified: true }, 'email_not_verified'],
    ['both in userinfo', { email: undefined, email_verified: undefined }, { email: other, email_verified: true }, other],
    ['verified here, email there', { email: undefined, email_verified: true }, { email: other }, 'email_not_verified'],
    ['verified here, email unverified there', { email: undefined, email_verified: true }, { email: other, email_verified: false }, 'email_not_verified'],
    ['email here, verified there', { email, email_verified: undefined }, { email_verified: true }, 'email_not_verified'],
    ['email here without a flag, nothing there', { email, email_verified: undefined }, {}, 'email_not_verified'],
    ['email here, another one verified there', { email, email_verified: undefined }, { email: other, email_verified: true }, other],
    ['an email here that is null', { email: null, email_verified: true }, { email: other, email_verified: true }, other],
    ['an email here that is empty', { email: '', email_verified: true }, { email: other, email_verified: true }, other],
    ['a flag here that is null', { email, email_verified: null }, { email: other, email_verified: true }, other],
    ['an email here, an empty one there', { email, email_verified: undefined }, { email: '', email_verified: true }, 'email_not_verified'],
    ['an email here that is empty, and nothing there', { email: '', email_verified: true }, { email: null }, 'email_missing'],
    ['nothing anywhere', { email: undefined, email_verified: undefined }, {}, 'email_missing']
  ] as Array<[string, Json, Json, string]>) {
    Object.assign(scene.rogue, { claims, userinfo: { sub: '7', ...userinfo } })
    const answer = (await login(scene)).json()
    t.equal(answer.user?.email ?? answer.code, expected, what)
  }
})

t.test('R14 userinfo about somebody else is refused', async t => {
  const scene = await rogueScene(t)
  scene.rogue.claims = { email: undefined }
  for (const sub of ['8', '7 ', '', 7, null, undefined, ['7']]) {
    scene.rogue.userinfo = { sub, email: 'ada@example.com', email_verified: true }
    t.equal(await outcome(scene), 'provider_error', JSON.stringify(sub))
  }
})

t.test('R14 userinfo is asked once, with the access token in the header, and only where it is needed', async t => {
  const scene = await rogueScene(t)
  let header: string | undefined
  scene.rogue.handlers['/userinfo'] = (request, response) => {
    header = request.headers.authorization
    response.setHeader('content-type', 'application/json')
    response.end('{"sub":"7","email":"ada@example.com","email_verified":true,"name":"Countess","picture":"https://img.example.com/a"}')
  }
  t.equal(await outcome(scene), 'ok')
  t.equal(header, undefined)
  scene.rogue.claims = { email: undefined }
  t.match((await login(scene)).json().user, { name: 'Ada Lovelace', picture: 'https://img.example.com/a' }, 'what the id_token says counts')
  t.equal(header, 'Bearer provider-access-token')
  t.equal(scene.rogue.requests.filter(path => path === '/userinfo').length, 1)
})

t.test('L13 R24 a provider without userinfo that shares no email is refused', async t => {
  const scene = await rogueScene(t)
  Object.assign(scene.rogue, { metadata: { userinfo_endpoint: undefined }, claims: { email: undefined, email_verified: undefined } })
  t.equal(await outcome(scene), 'email_missing')
})

t.test('L05 userinfo that is none is the provider\'s error', async t => {
  const scene = await rogueScene(t)
  scene.rogue.claims = { email: undefined }
  const right = '{"sub":"7","email":"ada@example.com","email_verified":true}'
  for (const [what, status, type, body] of [
    ...failures,
    ['a JWT', 200, 'application/jwt', 'a.b.c'],
    ['a member named twice', 200, 'application/json', right.replace('{', '{"email":"mallory@example.com",')],
    ['mislabelled', 200, 'text/plain', right]
  ] as typeof failures) {
    scene.rogue.handlers['/userinfo'] = (_request, response) => { response.writeHead(status, { 'content-type': type }).end(body) }
    t.equal(await outcome(scene), 'provider_error', what)
  }
})

t.test('L04 a passing fault of userinfo is tried once more', async t => {
  const scene = await rogueScene(t)
  scene.rogue.claims = { email: undefined }
  scene.rogue.userinfo = { sub: '7', email: 'ada@example.com', email_verified: true }
  scene.rogue.handlers['/userinfo'] = (_request, response) => {
    delete scene.rogue.handlers['/userinfo']
    response.writeHead(503).end()
  }
  t.equal(await outcome(scene), 'ok')
})
