import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { loadConfig } from '../../../src/config/config.ts'
import { ConfigError, type Environment } from '../../../src/env/environment.ts'

// What an operator may say of any OpenID provider, besides its issuer and our client there.

const pair = (id: string, more: Environment = {}): Environment =>
  Object.fromEntries(Object.entries({ CLIENT_ID: 'id', CLIENT_SECRET: 'secret', ...more }).map(([name, value]) => [`${id}_${name}`, value]))

const acme = (more: Environment = {}): Environment =>
  ({ OIDC_PROVIDERS: 'acme', ...pair('OIDC_ACME', { ISSUER: 'https://login.acme.example', ...more }) })

const problems = (env: Environment): string[] => {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    return (error as ConfigError).problems.map(({ variable, reason }) => `${variable} ${reason}`)
  }
}

const descriptorOf = (env: Environment) => loadConfig(env).providers[0]?.descriptor

const pem = (make: () => { privateKey: { export (options: object): string | Buffer } }): string =>
  make().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const p256 = pem(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))

t.test('every OpenID provider has the same words: one that is described and those of the catalogue', async t => {
  const words = {
    AUDIENCES: '254621367230136321,https://api.example.com',
    ID_TOKEN_ALG: 'PS256',
    TOKEN_AUTH: 'post',
    PARAMS: '{"acr_values":"2","organization":"acme"}',
    PKCE: 'off',
    EMAIL_VERIFIED: 'always',
    EMAIL_DOMAINS: 'acme.example'
  }
  const said = {
    audiences: ['254621367230136321', 'https://api.example.com'],
    idTokenAlgs: ['PS256'],
    tokenAuth: 'post',
    params: { acr_values: '2', organization: 'acme' },
    pkce: false,
    trustsEmails: true
  }
  t.match(descriptorOf(acme(words)), said)
  for (const id of ['KEYCLOAK', 'AUTH0', 'OKTA', 'COGNITO', 'GOOGLE', 'GITLAB', 'TWITCH']) {
    const { params = {}, ...rest } = said
    t.match(descriptorOf(pair(id, { ISSUER: 'https://login.acme.example', ...words })), { ...rest, params }, id)
  }
  t.match(descriptorOf({ KEYCLOAK_PROVIDERS: 'staff', ...pair('KEYCLOAK_STAFF', { ISSUER: 'https://login.acme.example', ...words }) }), said)
})

t.test('what a descriptor says stays where the operator says nothing', async t => {
  t.match(descriptorOf(pair('SLACK')), { pkce: false, endpoints: { tokenAuth: 'post', idTokenAlgs: ['RS256'] } })
  t.notOk(Object.hasOwn(descriptorOf(pair('SLACK', { PKCE: 'on' })) ?? {}, 'pkce'), 'unless it is switched on')
  t.match(descriptorOf(pair('TWITCH', { PARAMS: '{"force_verify":"true"}' })), { params: { claims: /./, force_verify: 'true' } })
})

t.test('a word that is none is a problem', async t => {
  for (const [name, value] of [
    ['ID_TOKEN_ALG', 'HS256'], ['ID_TOKEN_ALG', 'none'], ['ID_TOKEN_ALG', 'rs256'], ['ID_TOKEN_ALG', 'RS256,ES256'], ['TOKEN_AUTH', 'none'],
    ['TOKEN_AUTH', 'client_secret_post'], ['PKCE', 'plain'], ['PKCE', 'false'], ['EMAIL_VERIFIED', 'true'], ['EMAIL_VERIFIED', 'email_verified'],
    ['PARAMS', '[]'], ['PARAMS', '{"a":1}'], ['PARAMS', 'acr_values=2'], ['AUDIENCES', 'a,,b']
  ] as const) {
    t.match(problems(acme({ EMAIL_DOMAINS: 'acme.example', [name]: value })), [new RegExp(`^OIDC_ACME_${name} `)], `${name}=${value}`)
    t.match(problems(pair('GOOGLE', { [name]: value })), [new RegExp(`^GOOGLE_${name} `)], `GOOGLE_${name}=${value}`)
  }
})

t.test('no parameter of an authorization may take the place of one that each login has', async t => {
  for (const name of ['response_type', 'client_id', 'redirect_uri', 'scope', 'state', 'nonce', 'code_challenge', 'code_challenge_method']) {
    t.match(problems(acme({ PARAMS: JSON.stringify({ [name]: 'x' }) })), [new RegExp(`^OIDC_ACME_PARAMS may not contain ${name}`)])
    const oauth2 = pair('OAUTH2_ACME', { AUTHORIZATION_URL: 'https://a.example/a', TOKEN_URL: 'https://a.example/t', PROFILE_URL: 'https://a.example/me' })
    t.match(problems({ OAUTH2_PROVIDERS: 'acme', ...oauth2, OAUTH2_ACME_PARAMS: JSON.stringify({ [name]: 'x' }) }), [/^OAUTH2_ACME_PARAMS may not/])
  }
})

const address = 'https://a.example/x'
const families: Array<[prefix: string, env: Environment]> = [
  ['OIDC_ACME_', acme()],
  ['KEYCLOAK_', pair('KEYCLOAK', { ISSUER: 'https://login.acme.example' })],
  ['KEYCLOAK_STAFF_', { KEYCLOAK_PROVIDERS: 'staff', ...pair('KEYCLOAK_STAFF', { ISSUER: 'https://login.acme.example' }) }],
  ['GOOGLE_', pair('GOOGLE', { ISSUER: 'https://login.acme.example' })],
  ['MICROSOFT_', pair('MICROSOFT', { TENANT: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490' })],
  ['OAUTH2_ACME_', { OAUTH2_PROVIDERS: 'acme', ...pair('OAUTH2_ACME', { AUTHORIZATION_URL: address, TOKEN_URL: address, PROFILE_URL: address }) }],
  ['OAUTH1_ACME_', {
    OAUTH1_PROVIDERS: 'acme',
    ...pair('OAUTH1_ACME', { REQUEST_TOKEN_URL: address, AUTHORIZATION_URL: address, TOKEN_URL: address, PROFILE_URL: address })
  }]
]

t.test('R24 EMAIL_VERIFIED=always needs EMAIL_DOMAINS in every family', async t => {
  for (const [prefix, env] of families) {
    const always = { ...env, [`${prefix}EMAIL_VERIFIED`]: 'always' }
    t.match(problems(always), [new RegExp(`^${prefix}EMAIL_DOMAINS is missing: with ${prefix}EMAIL_VERIFIED=always`)], prefix)
    t.same(problems({ ...always, [`${prefix}EMAIL_DOMAINS`]: 'acme.example' }), [], prefix)
  }
})

const trusted = { EMAIL_VERIFIED: 'always', EMAIL_DOMAINS: 'acme.example' }

t.test('R24 EMAIL_VERIFIED=always is not for a provider where anyone may sign up', async t => {
  for (const id of ['GOOGLE', 'GITLAB', 'LINKEDIN', 'SLACK', 'TWITCH', 'YAHOO', 'HUGGINGFACE']) {
    t.match(problems(pair(id, trusted)), [new RegExp(`^${id}_EMAIL_VERIFIED cannot be always: anyone can sign up at `)])
    t.same(problems(pair(id, { ...trusted, ISSUER: 'https://login.acme.example' })), [], `${id} with an issuer of the operator's own`)
  }
  t.match(problems(pair('GITLAB', { ...trusted, ISSUER: 'https://gitlab.com' })), [/^GITLAB_EMAIL_VERIFIED cannot be always/])
  t.match(problems(acme({ ...trusted, ISSUER: 'https://accounts.google.com' })), [/^OIDC_ACME_EMAIL_VERIFIED cannot be always/], 'by another name')
})

t.test('an issuer that is none is one problem, whatever else is said of it', async t => {
  for (const issuer of ['login.acme.example', 'https://', '']) {
    t.match(problems(acme({ ...trusted, ISSUER: issuer })), [/^OIDC_ACME_ISSUER /], issuer)
  }
})

t.test('R24 EMAIL_VERIFIED=always is for one tenant of Microsoft', async t => {
  const tenant = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
  const personal = '9188040d-6c67-4c5b-b112-36a304b66dad'
  const host = 'https://login.microsoftonline.com'
  for (const more of [{}, { TENANT: 'common' }, { TENANT: 'organizations' }, { TENANT: 'consumers' }, { TENANTS: 'consumers' }, { TENANT: personal },
    { TENANTS: `${tenant},consumers` }, { ISSUER: `${host}/common/v2.0` }, { ISSUER: `${host}/${personal}/v2.0` }]) {
    t.match(problems(pair('MICROSOFT', { ...trusted, ...more })), [/^MICROSOFT_EMAIL_VERIFIED cannot be always: anyone can have/], JSON.stringify(more))
  }
  for (const more of [{ TENANT: tenant }, { TENANTS: tenant }, { ISSUER: `${host}/${tenant}/v2.0` },
    { ISSUER: `https://login.microsoftonline.us/${tenant}/v2.0` }]) {
    t.same(problems(pair('MICROSOFT', { ...trusted, ...more })), [], JSON.stringify(more))
  }
  t.same(problems(acme({ ...trusted, ISSUER: `${host}/${tenant}/v2.0` })), [])
  t.match(problems(acme({ ...trusted, ISSUER: `${host}/organizations/v2.0` })), [/^OIDC_ACME_EMAIL_VERIFIED cannot be always/])
})

t.test('R23 a client that signs needs a key that can, and no secret', async t => {
  const signing = (key: string | undefined, more: Environment = {}) =>
    acme({ TOKEN_AUTH: 'private_key_jwt', CLIENT_SECRET: undefined, PRIVATE_KEY: key, ...more })
  for (const key of [p256, pem(() => generateKeyPairSync('rsa', { modulusLength: 2048 })), pem(() => generateKeyPairSync('ed25519')),
    pem(() => generateKeyPairSync('ec', { namedCurve: 'P-384' })), pem(() => generateKeyPairSync('ec', { namedCurve: 'P-521' }))]) {
    t.same(problems(signing(key)), [])
  }
  t.same(problems(signing(p256.replaceAll('\n', '\\n'), { KEY_ID: 'k' })), [], 'in one line')
  t.match(problems(signing(undefined)), [/^OIDC_ACME_PRIVATE_KEY is missing: private_key_jwt signs with it/])
  for (const weak of ['MIGT', pem(() => generateKeyPairSync('rsa', { modulusLength: 1024 })),
    pem(() => generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), pem(() => generateKeyPairSync('x25519'))]) {
    t.match(problems(signing(weak)), [/^OIDC_ACME_PRIVATE_KEY must be /])
  }
  t.match(problems(acme({ CLIENT_SECRET: undefined })), [/^OIDC_ACME_CLIENT_SECRET is missing/], 'any other client needs its secret')
  const [provider] = loadConfig({ ...signing(undefined), OIDC_ACME_PRIVATE_KEY_FILE: '/key' }, () => p256).providers
  t.equal(provider?.own['PRIVATE_KEY'], p256.trimEnd())
})

t.test('a key that another program has under the same name is not looked at', async t => {
  t.same(problems(pair('GOOGLE', { PRIVATE_KEY: '"-----BEGIN PRIVATE KEY-----\\nMIGT"' })), [])
})

t.test('R23 no two providers are told by the same key who we are', async t => {
  const keyed = { TOKEN_AUTH: 'private_key_jwt', PRIVATE_KEY: p256, CLIENT_SECRET: undefined }
  const two = { ...acme(keyed), ...pair('OKTA', { ...keyed, ISSUER: 'https://acme.okta.com' }) }
  t.match(problems(two), [/^OIDC_ACME_PRIVATE_KEY is the key of OKTA_PRIVATE_KEY too/])
  t.same(problems({ ...two, OKTA_TOKEN_AUTH: 'basic', OKTA_CLIENT_SECRET: 'x' }), [], 'a key that is not used')
  const issuer = 'https://login.acme.example'
  t.same(problems({ ...acme(keyed), ...pair('OKTA', { ...keyed, ISSUER: issuer }) }), [], 'two clients at one issuer')
})

t.test('Apple\'s secret is made by its key, however it is sent', async t => {
  const apple = { APPLE_CLIENT_ID: 'com.example', APPLE_TEAM_ID: 'T', APPLE_KEY_ID: 'K', APPLE_PRIVATE_KEY: p256 }
  t.same(problems({ ...apple, APPLE_TOKEN_AUTH: 'basic' }), [])
  t.match(problems({ ...apple, APPLE_TOKEN_AUTH: 'private_key_jwt' }), [/^APPLE_TOKEN_AUTH must be one of basic, post/])
})
