import { constants, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, importSPKI } from 'jose'
import t, { type Test } from 'tap'
import type { Environment } from '../../../src/env/environment.ts'
import { login, outcome, rogueScene, type RogueScene } from '../../helpers/rogue-login.ts'
import { base64url, rogueProvider, type Json, type RogueProvider } from '../../helpers/rogue-provider.ts'

// Providers that differ from what most do, and the variables by which an operator says so: see docs/providers.md.

const words = (more: Environment): Environment => Object.fromEntries(Object.entries(more).map(([name, value]) => [`OIDC_ROGUE_${name}`, value]))

const keys = {
  RS: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519')
}
const keyFor = (alg: string) => /^[RP]S/.test(alg) ? keys.RS : keys[(alg === 'Ed25519' ? 'EdDSA' : alg) as 'ES256']
const hashOf = (alg: string) => /^Ed/.test(alg) ? null : `sha${alg.slice(2)}`

function signature (alg: string, input: string, key: KeyObject): string {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return sign(hashOf(alg), Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...(alg.startsWith('PS') && pss) }).toString('base64url')
}

/** The provider signs its id_tokens by one algorithm, whatever its discovery lists. */
function signsBy (rogue: RogueProvider, alg: string, jwk: Json = {}): void {
  rogue.jwks = [{ ...keyFor(alg).publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', ...jwk }]
  rogue.makeIdToken = (header, claims) => {
    const input = `${base64url({ ...header, alg })}.${base64url({ ...claims, at_hash: undefined })}`
    return `${input}.${signature(alg, input, keyFor(alg).privateKey)}`
  }
}

/** A scene with a provider that is made special before anybody asks it. */
async function special (t: Test, make: (rogue: RogueProvider) => void, env: Environment = {}): Promise<RogueScene> {
  const rogue = await rogueProvider(t)
  make(rogue)
  return rogueScene(t, words(env), rogue)
}

// The algorithm

const algs = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

const listing = (...algs: string[]): Json => ({ id_token_signing_alg_values_supported: algs })

for (const alg of algs) {
  t.test(`R13 id_tokens by ${alg} are accepted from a provider that lists it among others`, async t => {
    const scene = await special(t, rogue => { signsBy(rogue, alg, { alg }); rogue.metadata = listing('RS256', 'HS256', alg, 'none') })
    t.equal(await outcome(scene), 'ok')
    const others = listing(alg === 'RS256' ? 'ES256' : 'RS256')
    const unlisted = await special(t, rogue => { signsBy(rogue, alg); rogue.metadata = others })
    t.equal(await outcome(unlisted), 'invalid_id_token', 'and not from one that does not')
  })
}

t.test('R13 an algorithm that does not fit the key is refused though it is listed', async t => {
  const scene = await special(t, rogue => {
    signsBy(rogue, 'PS256', { alg: 'RS256' })
    rogue.metadata = listing('RS256', 'PS256')
  })
  t.equal(await outcome(scene), 'invalid_id_token', 'the key is for another one')
})

t.test('R13 ID_TOKEN_ALG is the one that counts, whatever discovery lists', async t => {
  const named = await special(t, rogue => { signsBy(rogue, 'ES256'); rogue.metadata = listing('RS256') }, { ID_TOKEN_ALG: 'ES256' })
  t.equal(await outcome(named), 'ok')
  const other = await special(t, rogue => { rogue.metadata = listing('RS256', 'ES256') }, { ID_TOKEN_ALG: 'ES256' })
  t.equal(await outcome(other), 'invalid_id_token', 'RS256 is not it')
  const symmetric = await special(t, rogue => { signsBy(rogue, 'ES256'); rogue.metadata = listing('HS256') }, { ID_TOKEN_ALG: 'ES256' })
  t.equal(await outcome(symmetric), 'ok', 'a list that forgets it')
})

// Audiences

t.test('R13 AUDIENCES may stand beside our client, and nothing else may unless azp is us', async t => {
  const scene = await special(t, () => {}, { AUDIENCES: 'project-1,https://api.example.com' })
  for (const [aud, azp, expected] of [
    [['rogue-client', 'project-1'], undefined, 'ok'],
    [['https://api.example.com', 'project-1', 'rogue-client'], undefined, 'ok'],
    [['rogue-client', 'project-1'], 'rogue-client', 'ok'],
    [['rogue-client', 'stranger'], 'rogue-client', 'ok'],
    [['rogue-client', 'project-1', 'stranger'], undefined, 'invalid_id_token'],
    [['rogue-client', 'project-1'], 'project-1', 'invalid_id_token'],
    [['project-1'], undefined, 'invalid_id_token'],
    ['project-1', undefined, 'invalid_id_token'],
    [['project-1', 'https://api.example.com'], 'rogue-client', 'invalid_id_token']
  ] as const) {
    scene.rogue.claims = { aud, azp }
    t.equal(await outcome(scene), expected, JSON.stringify({ aud, azp }))
  }
})

// Client authentication

const both = { token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'] }

/** How the last token call said who we are. */
function authentication ({ rogue }: RogueScene): string {
  const form = rogue.tokenForms.at(-1)
  const headers = rogue.headers[rogue.requests.lastIndexOf('/token')]
  return [headers?.authorization && 'basic', form?.has('client_secret') && 'post', form?.has('client_assertion') && 'assertion'].filter(Boolean).join()
}

t.test('TOKEN_AUTH decides where both are offered, or neither is named', async t => {
  for (const [wanted, sent, metadata] of [
    [undefined, 'basic', both], ['basic', 'basic', both], ['post', 'post', both], ['post', 'post', {}],
    ['basic', 'basic', { token_endpoint_auth_methods_supported: ['client_secret_post'] }],
    ['post', 'post', { token_endpoint_auth_methods_supported: ['private_key_jwt'] }]
  ] as const) {
    const scene = await special(t, rogue => { rogue.metadata = metadata }, { TOKEN_AUTH: wanted })
    t.equal(await outcome(scene), 'ok', `TOKEN_AUTH=${wanted}`)
    t.equal(authentication(scene), sent, `TOKEN_AUTH=${wanted}`)
  }
})

const pem = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

t.test('R23 a client that signs sends an assertion for this issuer alone, short-lived and each time another', async t => {
  for (const [alg, pair, metadata] of [
    ['ES256', keys.ES256, {}], ['ES384', keys.ES384, {}], ['ES512', keys.ES512, {}], ['EdDSA', keys.EdDSA, {}], ['RS256', keys.RS, {}],
    ['RS256', keys.RS, { token_endpoint_auth_signing_alg_values_supported: ['PS256', 'RS256'] }],
    ['PS256', keys.RS, { token_endpoint_auth_signing_alg_values_supported: ['PS256', 'ES256'] }]
  ] as const) {
    const env = { TOKEN_AUTH: 'private_key_jwt', PRIVATE_KEY: pem(pair), KEY_ID: 'key-1', CLIENT_SECRET: '' }
    const scene = await special(t, rogue => {
      rogue.metadata = { token_endpoint_auth_methods_supported: ['private_key_jwt'], ...metadata }
    }, env)
    t.equal(await outcome(scene), 'ok', alg)
    t.equal(await outcome(scene), 'ok', alg)
    t.equal(authentication(scene), 'assertion')
    const [first, second] = scene.rogue.tokenForms.map(form => {
      t.match(Object.fromEntries(form), { client_id: 'rogue-client', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' })
      return String(form.get('client_assertion'))
    })
    t.same(decodeProtectedHeader(String(first)), { alg, kid: 'key-1', typ: 'JWT' })
    const publicKey = await importSPKI(pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(), alg)
    const [one, other] = await Promise.all([first, second].map(async assertion =>
      JSON.parse(Buffer.from((await compactVerify(String(assertion), publicKey)).payload).toString()) as Record<string, unknown>))
    t.match(one, { iss: 'rogue-client', sub: 'rogue-client', aud: scene.rogue.issuer })
    t.ok(Number(one?.['exp']) - Number(one?.['iat']) <= 300)
    t.ok(Math.abs(Number(one?.['iat']) - Date.now() / 1000) < 60)
    t.not(one?.['jti'], other?.['jti'])
  }
})

t.test('a client without a key id names none, and no key is logged', async t => {
  const env = { TOKEN_AUTH: 'private_key_jwt', PRIVATE_KEY: pem(keys.ES256), CLIENT_SECRET: '' }
  const scene = await special(t, () => {}, env)
  t.equal(await outcome(scene), 'ok')
  t.same(decodeProtectedHeader(String(scene.rogue.tokenForms[0]?.get('client_assertion'))), { alg: 'ES256', typ: 'JWT' })
  t.notMatch(scene.log(), /PRIVATE KEY/)
})

t.test('R17 what answers an assertion is JSON by its label, as ever', async t => {
  const env = { TOKEN_AUTH: 'private_key_jwt', PRIVATE_KEY: pem(keys.ES256), CLIENT_SECRET: '' }
  const scene = await special(t, () => {}, env)
  for (const [type, body] of [['text/plain', '{"access_token":"a","token_type":"Bearer"}'], ['application/json', '[]'], ['application/json', 'a=b']]) {
    scene.rogue.handlers['/token'] = (_request, response) => { response.setHeader('content-type', String(type)).end(body) }
    t.equal(await outcome(scene), 'provider_error', String(body))
  }
})

// PKCE and parameters

t.test('PKCE=off sends no challenge, and a provider that has none of ours can be used', async t => {
  const scene = await special(t, rogue => { rogue.metadata = { code_challenge_methods_supported: ['plain'] } }, { PKCE: 'off' })
  const { searchParams } = new URL(String((await scene.browser.visit('/auth/rogue')).headers['location']))
  t.notOk(searchParams.has('code_challenge') || searchParams.has('code_challenge_method'))
  t.ok(searchParams.get('nonce'), 'the nonce binds the code')
  t.equal(await outcome(scene), 'ok')
  t.notOk(scene.rogue.tokenForms[0]?.has('code_verifier'))
  const on = await special(t, () => {}, { PKCE: 'on' })
  t.ok(new URL(String((await on.browser.visit('/auth/rogue')).headers['location'])).searchParams.get('code_challenge'))
})

t.test('PARAMS go with every start, and what a start hands on comes before them', async t => {
  const scene = await special(t, () => {}, { PARAMS: '{"acr_values":"urn:mfa","prompt":"login"}' })
  const parameters = async (path: string) => new URL(String((await scene.browser.visit(path)).headers['location'])).searchParams
  t.match(Object.fromEntries(await parameters('/auth/rogue')), { acr_values: 'urn:mfa', prompt: 'login', client_id: 'rogue-client' })
  t.same((await parameters('/auth/rogue?prompt=consent')).getAll('prompt'), ['consent'])
})

t.test('PARAMS can make the callback a form post', async t => {
  const scene = await special(t, () => {}, { PARAMS: '{"response_mode":"form_post"}' })
  const start = await scene.browser.visit('/auth/rogue')
  const form = scene.rogue.consent(String(start.headers['location']))
  const posted = await scene.browser.visit('/auth/rogue/callback', { method: 'POST', form, headers: { origin: 'null' } })
  const page = await scene.browser.visit(String(posted.headers['location']), { headers: { accept: 'application/json' } })
  t.match(page.json().user, { email: 'ada@example.com' })
})

// Emails without a flag

const always = { EMAIL_VERIFIED: 'always', EMAIL_DOMAINS: 'example.com' }
const email = 'ada@example.com'

t.test('R24 EMAIL_VERIFIED=always trusts an email without a flag, of the domains that are listed', async t => {
  const scene = await special(t, () => {}, always)
  for (const [what, claims, userinfo, expected] of [
    ['no flag anywhere', { email, email_verified: undefined }, {}, email],
    ['a flag that is null', { email, email_verified: null }, { email_verified: null }, email],
    ['in userinfo alone', { email: undefined, email_verified: undefined }, { email }, email],
    ['a flag that says yes', { email, email_verified: true }, {}, email],
    ['a flag that says no', { email, email_verified: false }, {}, 'email_not_verified'],
    ['a flag of another type', { email, email_verified: 'false' }, {}, 'email_not_verified'],
    ['a flag that says no in userinfo', { email, email_verified: undefined }, { email_verified: false }, 'email_not_verified'],
    ['a flag that says no beside another email', { email, email_verified: undefined }, { email, email_verified: false }, 'email_not_verified'],
    ['a flag that says no in the id_token alone', { email: undefined, email_verified: false }, { email }, 'email_not_verified'],
    ['another domain', { email: 'eve@evil.test', email_verified: undefined }, {}, 'email_not_allowed'],
    ['no email', { email: undefined, email_verified: undefined }, {}, 'email_missing']
  ] as Array<[string, Json, Json, string]>) {
    Object.assign(scene.rogue, { claims, userinfo: { sub: '7', ...userinfo } })
    const answer = (await login(scene)).json()
    t.equal(answer.user?.email ?? answer.code, expected, what)
  }
})

t.test('R24 EMAIL_VERIFIED=always where there is no userinfo', async t => {
  const scene = await special(t, rogue => { rogue.metadata = { userinfo_endpoint: undefined } }, always)
  scene.rogue.claims = { email_verified: undefined }
  t.equal(await outcome(scene), 'ok')
  scene.rogue.claims = { email_verified: false }
  t.equal(await outcome(scene), 'email_not_verified')
})

t.test('R24 without it an email that has no flag is not verified, and is not missing either', async t => {
  const scene = await special(t, () => {})
  scene.rogue.claims = { email_verified: undefined }
  scene.rogue.userinfo = { sub: '7' }
  t.equal(await outcome(scene), 'email_not_verified')
})
