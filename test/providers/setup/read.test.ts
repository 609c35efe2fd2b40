import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { loadConfig } from '../../../src/config/config.ts'
import { documentedVariables } from '../../../src/config/documented.ts'
import { ConfigError, type Environment } from '../../../src/env/environment.ts'
import { catalogue } from '../../../src/providers/catalogue/index.ts'

const pem = (type: 'P-256' | 'P-384' | 'RSA') => (type === 'RSA'
  ? generateKeyPairSync('rsa', { modulusLength: 2048 })
  : generateKeyPairSync('ec', { namedCurve: type })).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

const problems = (env: Environment): string[] => {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    return (error as ConfigError).problems.map(({ variable, reason }) => `${variable} ${reason}`)
  }
}

const pair = (id: string, more: Environment = {}): Environment =>
  Object.fromEntries(Object.entries({ CLIENT_ID: 'id', CLIENT_SECRET: 'secret', ...more }).map(([name, value]) => [`${id}_${name}`, value]))

const oauth2 = (more: Environment = {}): Environment => ({
  OAUTH2_PROVIDERS: 'acme',
  ...pair('OAUTH2_ACME', { AUTHORIZATION_URL: 'https://a.example/a', TOKEN_URL: 'https://a.example/t', PROFILE_URL: 'https://a.example/me', ...more })
})

const oauth1 = (more: Environment = {}): Environment => ({
  OAUTH1_PROVIDERS: 'acme',
  ...pair('OAUTH1_ACME', {
    REQUEST_TOKEN_URL: 'https://a.example/r',
    AUTHORIZATION_URL: 'https://a.example/a',
    TOKEN_URL: 'https://a.example/t',
    PROFILE_URL: 'https://a.example/me',
    ...more
  })
})

t.test('two variables switch a provider on', async t => {
  for (const id of ['google', 'github', 'microsoft', 'x1']) {
    const [provider] = loadConfig(pair(id.toUpperCase())).providers
    t.match(provider, { id, name: catalogue[id]?.name, clientId: 'id', clientSecret: 'secret' })
  }
})

t.test('R78 half a pair is a problem that names both halves', async t => {
  t.same(problems({ GITHUB_CLIENT_ID: 'x' }), ['GITHUB_CLIENT_SECRET is missing: GITHUB_CLIENT_ID is set, and GitHub needs both'])
  t.same(problems({ GITHUB_CLIENT_SECRET: 'x' }), ['GITHUB_CLIENT_ID is missing: GITHUB_CLIENT_SECRET is set, and GitHub needs both'])
})

t.test('who restricts a provider or names its issuer means to have it', async t => {
  t.match(problems({ GITHUB_ORGS: 'acme' }), [/^GITHUB_CLIENT_ID is missing: other GITHUB_ variables are set/])
  t.match(problems({ MICROSOFT_ISSUER: 'https://x.example' }), [/^MICROSOFT_CLIENT_ID is missing/])
  t.same(problems({ ...pair('GOOGLE'), GITHUB_ORGS: '' }), [], 'an empty one of a provider that is off is nothing')
  t.match(problems(pair('GITHUB', { ORGS: '' })), [/^GITHUB_ORGS is set but empty/])
})

t.test('what a build server has in its environment is not ours to complain about', async t => {
  const actions = {
    GITHUB_TOKEN: 'x',
    GITHUB_ACTOR: 'ada',
    GITHUB_REPOSITORY: 'a/b',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_RUN_ID: '7'
  }
  t.same(problems({ ...actions, GITHUB_ORG: 'acme', GITLAB_CI: 'true', GITLAB_USER_ID: '7', DISCORD_TOKEN: 'x', SLACK_TOKEN: 'x' }), [])
  t.same(problems({ ...actions, ...pair('GITHUB') }), [])
  t.same(problems({ ...pair('APPLY'), ...pair('X2'), APPLE_KEY: 'x', SITE_NAME: 'x', FILE_NAME: 'x', HOST_NAME: 'x' }), [])
})

t.test('a near miss of any provider\'s variable is pointed out', async t => {
  t.match(problems({ GITHUB_CLIENTID: 'x' }), [/^GITHUB_CLIENTID is not a variable of ours; did you mean GITHUB_CLIENT_ID\?/])
  t.match(problems({ ...pair('GITHUB'), GITHUB_ORG: 'acme' }), [/did you mean GITHUB_ORGS\?/])
  t.match(problems({ ...pair('MICROSOFT'), MICROSOFT_TENNANTS: 'x' }), [/did you mean MICROSOFT_TENANTS\?/], 'the nearest one')
  t.match(problems({ GITUHB_CLIENT_ID: 'x' }), [/did you mean GITHUB_CLIENT_ID\?/])
  t.match(problems(pair('FACEBOK')), [/did you mean FACEBOOK_CLIENT_ID\?/, /did you mean FACEBOOK_CLIENT_SECRET\?/])
})

for (const name of ['Amazon', 'Box', 'Coinbase', 'Facebook', 'Figma', 'HubSpot', 'LINE', 'Linear', 'Mail.ru', 'Naver', 'Notion', 'Vercel', 'VK', 'Yandex']) {
  const id = name.toUpperCase().replace('.', '')
  t.test(`R78 ${name} does not start without ${id}_TRUST_EMAIL=true, and says why`, async t => {
    const why = new RegExp(`${name} does not say whether an email address is verified: ${id}_TRUST_EMAIL=true accepts`)
    t.match(problems(pair(id)), [new RegExp(`^${id}_TRUST_EMAIL is missing: ${id}_CLIENT_ID is set, and ${name} does not say`)])
    t.match(problems(pair(id, { TRUST_EMAIL: 'false' })), [why])
    t.match(problems(pair(id, { TRUST_EMAIL: 'yes' })), [why])
    t.same(problems(pair(id, { TRUST_EMAIL: 'true' })), [])
  })
}

t.test('whoever does not say whether an email is verified is one of these', async t => {
  t.same(Object.entries(catalogue).filter(([, { variables }]) => variables?.['TRUST_EMAIL']).map(([id]) => id).sort(),
    ['amazon', 'box', 'coinbase', 'facebook', 'figma', 'forgejo', 'gitea', 'hubspot', 'line', 'linear', 'mailru', 'naver', 'notion', 'spotify',
      'vercel', 'vk', 'yandex'])
})

t.test('VK may go without a secret, and nobody else may', async t => {
  t.same(problems({ VK_CLIENT_ID: 'id', VK_TRUST_EMAIL: 'true' }), [])
  t.match(problems({ KAKAO_CLIENT_ID: 'id' }), [/^KAKAO_CLIENT_SECRET is missing/])
})

t.test('R78 no more does Spotify, which says so of its addresses', async t => {
  t.match(problems(pair('SPOTIFY')), [/^SPOTIFY_TRUST_EMAIL is missing: SPOTIFY_CLIENT_ID is set, and Spotify says that its email addresses are unverified/])
  t.same(problems(pair('SPOTIFY', { TRUST_EMAIL: 'true' })), [])
})

for (const [id, name] of [['GITEA', 'Gitea'], ['FORGEJO', 'Forgejo']] as const) {
  t.test(`R78 no more does ${name}, which calls every active account verified`, async t => {
    const issuer = { ISSUER: 'https://git.example.com' }
    t.match(problems(pair(id, issuer)), [new RegExp(`^${id}_TRUST_EMAIL is missing: ${id}_CLIENT_ID is set, and ${name} calls the address of every active`)])
    t.same(problems(pair(id, { ...issuer, TRUST_EMAIL: 'true' })), [])
  })
}

t.test('Apple needs a P-256 key and its names, and no client secret', async t => {
  const apple = { APPLE_CLIENT_ID: 'com.example', APPLE_TEAM_ID: 'T', APPLE_KEY_ID: 'K', APPLE_PRIVATE_KEY: pem('P-256') }
  t.same(problems(apple), [])
  t.same(problems({ ...apple, APPLE_PRIVATE_KEY: apple.APPLE_PRIVATE_KEY.replaceAll('\n', '\\n') }), [], 'in one line')
  t.same(problems({ ...apple, APPLE_CLIENT_SECRET: 'not used' }), [])
  t.match(problems({ APPLE_CLIENT_ID: 'com.example' }), [/^APPLE_TEAM_ID is missing/, /^APPLE_KEY_ID is missing/, /^APPLE_PRIVATE_KEY is missing/])
  for (const wrong of [pem('P-384'), pem('RSA'), 'MIGT', '-----BEGIN PRIVATE KEY-----\nMIGT\n-----END PRIVATE KEY-----']) {
    t.same(problems({ ...apple, APPLE_PRIVATE_KEY: wrong }), ['APPLE_PRIVATE_KEY must be the PEM of a private P-256 key'])
  }
  const [provider] = loadConfig({ ...apple, APPLE_PRIVATE_KEY: undefined, APPLE_PRIVATE_KEY_FILE: '/key' }, () => apple.APPLE_PRIVATE_KEY).providers
  t.match(provider?.own, { PRIVATE_KEY: /BEGIN PRIVATE KEY/ })
})

t.test('a tenant of Microsoft is a GUID or one of three words', async t => {
  for (const good of ['common', 'organizations', 'consumers', '8EAEF023-2b34-4da1-9baa-8bc8c9d6a490']) {
    t.same(problems(pair('MICROSOFT', { TENANT: good })), [], good)
  }
  for (const bad of ['contoso.onmicrosoft.com', 'everyone', '8eaef023', '../evil']) {
    t.match(problems(pair('MICROSOFT', { TENANT: bad })), [/^MICROSOFT_TENANT "/], bad)
    t.match(problems(pair('MICROSOFT', { TENANTS: bad })), [/^MICROSOFT_TENANTS "/], bad)
  }
})

t.test('R15 R78 addresses of providers are https, or http where all is loopback', async t => {
  const http = { API_URL: 'http://127.0.0.1:9000/api' }
  t.same(problems(pair('GITHUB', http)), [])
  t.match(problems({ PUBLIC_URL: 'https://auth.example.com', ...pair('GITHUB', http) }), [/^GITHUB_API_URL must be https/])
  t.match(problems(pair('GITHUB', { TOKEN_URL: 'http://github.example/token' })), [/^GITHUB_TOKEN_URL must be https/])
  t.match(problems(oauth2({ PROFILE_URL: 'http://a.example/me' })), [/^OAUTH2_ACME_PROFILE_URL must be https/])
  t.match(problems(oauth1({ REQUEST_TOKEN_URL: 'http://a.example/r' })), [/^OAUTH1_ACME_REQUEST_TOKEN_URL must be https/])
  for (const bad of ['github.example', 'ftp://a.example', 'https://user:pw@a.example', 'https://a.example/#x', 'https://a .example']) {
    t.match(problems(pair('GITHUB', { TOKEN_URL: bad })), [/^GITHUB_TOKEN_URL must/], bad)
  }
})

t.test('replaced addresses are the descriptor\'s, whatever of it is not replaced stays', async t => {
  const [provider] = loadConfig(pair('GITHUB', { API_URL: 'https://github.example.com/api/v3', SCOPES: 'user:email,read:user', ORGS: 'acme' })).providers
  t.match(provider?.descriptor, { apiUrl: 'https://github.example.com/api/v3', tokenUrl: 'https://github.com/login/oauth/access_token' })
  t.same(provider?.scopes, ['user:email', 'read:user', 'read:org'], 'a restriction brings its scope along')
})

t.test('several providers of one kind have ids and variables of their own', async t => {
  const env = { GITHUB_PROVIDERS: 'ghe', ...pair('GITHUB'), ...pair('GITHUB_GHE', { API_URL: 'https://ghe.example.com/api/v3', NAME: 'Work' }) }
  t.match(loadConfig(env).providers, [
    { id: 'github', name: 'GitHub', descriptor: { apiUrl: 'https://api.github.com' } },
    { id: 'ghe', name: 'Work', descriptor: { apiUrl: 'https://ghe.example.com/api/v3' } }
  ])
  t.match(loadConfig({ GITHUB_PROVIDERS: 'ghe', ...pair('GITHUB_GHE') }).providers, [{ id: 'ghe', name: 'ghe' }])
  const missing = (name: string) => `GITHUB_GHE_${name} is missing: GITHUB_PROVIDERS lists ghe`
  t.same(problems({ GITHUB_PROVIDERS: 'ghe' }), [missing('CLIENT_ID'), missing('CLIENT_SECRET')])
  t.match(problems({ ...env, GITHUB_GHE_SOMETHING: 'x' }), [/^GITHUB_GHE_SOMETHING is not a variable of ours; a provider has GITHUB_GHE_CLIENT_ID, /])
})

t.test('two providers cannot share an id', async t => {
  const acme = pair('OIDC_ACME', { ISSUER: 'https://login.example.com' })
  t.same(problems({ ...oauth2(), OIDC_PROVIDERS: 'acme', ...acme }), ['OAUTH2_PROVIDERS "acme" is the id of another provider too: choose another'])
  const other = { OIDC_PROVIDERS: 'github', ...pair('OIDC_GITHUB', { ISSUER: 'https://x.example' }) }
  t.match(problems({ ...pair('GITHUB'), ...other }), [/^OIDC_PROVIDERS "github" is the id of/])
  t.same(problems(other), [], 'a name nobody uses is free')
  t.match(problems({ OAUTH2_PROVIDERS: 'token' }), [/^OAUTH2_PROVIDERS "token" is a word of ours/])
})

t.test('a generic OAuth 2 provider: what is needed, what is known, what is refused', async t => {
  t.same(problems(oauth2()), [])
  const usual = { kind: 'oauth2', tokenAuth: 'post', tokenMethod: 'POST', apiAuth: 'bearer' }
  t.match(loadConfig(oauth2()).providers, [{ id: 'acme', name: 'acme', scopes: [], descriptor: usual }])
  const needed = problems({ OAUTH2_PROVIDERS: 'acme' }).map(problem => problem.split(' ')[0])
  t.same(needed.sort(), ['AUTHORIZATION_URL', 'CLIENT_ID', 'CLIENT_SECRET', 'PROFILE_URL', 'TOKEN_URL'].map(name => `OAUTH2_ACME_${name}`))
  t.same(problems(oauth2({ TOKEN_AUTH: 'none', CLIENT_SECRET: '' })), [], 'no client authentication, no secret')
  for (const [name, value] of [
    ['TOKEN_AUTH', 'jwt'], ['TOKEN_METHOD', 'PUT'], ['PROFILE_AUTH', 'header:x'], ['PROFILE_AUTH', 'query:'], ['PARAMS', '[]'],
    ['PARAMS', '{"a":1}'], ['TOKEN_PARAMS', 'x'], ['SUBJECT', 'a..b'], ['EMAIL', 'e mail'], ['EMAIL_DOMAINS', 'a b'], ['SCOPES', 'a,,b']
  ] as const) {
    t.match(problems(oauth2({ [name]: value })), [new RegExp(`^OAUTH2_ACME_${name} `)], `${name}=${value}`)
  }
  t.match(problems(oauth2({ ISSUER: 'https://x.example' })), [/^OAUTH2_ACME_ISSUER is not a variable of ours; a provider has OAUTH2_<ID>_/])
  t.match(problems({ ...oauth2(), OAUTH2_OTHER_CLIENT_ID: 'x' }), [/^OAUTH2_OTHER_CLIENT_ID belongs to an id that OAUTH2_PROVIDERS does not list/])
  t.match(problems(oauth2({ TOKENURL: 'x' })), [/did you mean OAUTH2_ACME_TOKEN_URL\?/])
})

t.test('a generic OAuth 1.0a provider signs with a secret or with a key', async t => {
  t.same(problems(oauth1()), [])
  t.same(problems(oauth1({ SIGNATURE: 'RSA-SHA1', PRIVATE_KEY: pem('RSA'), CLIENT_SECRET: '' })), [])
  t.match(problems(oauth1({ SIGNATURE: 'RSA-SHA1' })), [/^OAUTH1_ACME_PRIVATE_KEY is missing/])
  t.match(problems(oauth1({ SIGNATURE: 'RSA-SHA1', PRIVATE_KEY: pem('P-256') })), [/^OAUTH1_ACME_PRIVATE_KEY must be the PEM of a private RSA key/])
  t.match(problems(oauth1({ CLIENT_SECRET: '' })), [/^OAUTH1_ACME_CLIENT_SECRET is missing/])
  t.match(problems(oauth1({ SIGNATURE: 'HMAC-MD5' })), [/^OAUTH1_ACME_SIGNATURE must be one of/])
})

t.test('a provider that an operator describes may assert any email, which is worth a warning among others', async t => {
  t.same(loadConfig(oauth2()).warnings, [])
  t.match(loadConfig({ ...oauth2(), ...pair('GITHUB') }).warnings, [/^OAUTH2_ACME_EMAIL_DOMAINS is not set: acme may assert/])
  t.same(loadConfig({ ...oauth2({ EMAIL_DOMAINS: 'acme.example' }), ...pair('GITHUB') }).warnings, [])
})

t.test('a provider that somebody runs takes an issuer, and is as free with emails as one that is described', async t => {
  const okta = pair('OKTA', { ISSUER: 'https://acme.okta.com' })
  t.same(problems(pair('OKTA')), ['OKTA_ISSUER is missing: OKTA_CLIENT_ID is set, and every Okta has an issuer of its own'])
  t.throws(() => loadConfig(pair('OKTA')), /example: OKTA_ISSUER=https:\/\/acme\.okta\.com/)
  t.same(loadConfig(okta).warnings, [])
  t.match(loadConfig({ ...okta, ...pair('GITHUB') }).warnings, [/^OKTA_EMAIL_DOMAINS is not set: okta may assert/])
  t.same(loadConfig({ ...okta, ...pair('GITHUB'), OKTA_EMAIL_DOMAINS: 'acme.example' }).warnings, [])
  const [configured] = loadConfig({ ...okta, OKTA_EMAIL_DOMAINS: 'acme.example' }).providers
  t.same(configured?.emails, { domains: ['acme.example'], vouchesFor: ['acme.example'], onlyTrusted: false })
  t.match(problems({ ...okta, OKTA_EMAIL_DOMAINS: '' }), [/^OKTA_EMAIL_DOMAINS is set but empty/])
})

t.test('a provider without scopes asks for none', async t => {
  const [zoom] = loadConfig(pair('ZOOM')).providers
  t.same(zoom?.scopes, [])
  t.same(loadConfig(pair('ZOOM', { SCOPES: 'user:read:user' })).providers[0]?.scopes, ['user:read:user'])
})

t.test('ids of Salesforce organizations are told from other ids', async t => {
  t.same(problems(pair('SALESFORCE', { ORGS: '00Dx0000000BV7z,00Dx0000000BV7zEAG' })), [])
  for (const id of ['acme', '005x00000012Q9P', '00Dx0000000BV7zE']) {
    t.match(problems(pair('SALESFORCE', { ORGS: id })), [/^SALESFORCE_ORGS "\w+" is not the id of an organization/], id)
  }
})

t.test('scopes of an OpenID provider keep openid', async t => {
  t.match(problems(pair('GOOGLE', { SCOPES: 'email' })), [/^GOOGLE_SCOPES must contain openid/])
})

t.test('handstamp check prints the callback URL of each', async t => {
  const env = { ...pair('GITHUB'), GITHUB_PROVIDERS: 'ghe', ...pair('GITHUB_GHE'), ...oauth1() }
  const printed = execFileSync(process.execPath, ['build/src/server.js', 'check'], { env: env as NodeJS.ProcessEnv, encoding: 'utf8' })
  for (const id of ['github', 'ghe', 'acme']) t.match(printed, new RegExp(`  ${id} +http://localhost:3000/auth/${id}/callback\n`))
  t.notMatch(printed, 'secret\n')
})

t.test('what documents show is what there is', async t => {
  const names = documentedVariables(catalogue).map(([name]) => name)
  t.equal(new Set(names).size, names.length)
  for (const name of ['PUBLIC_URL', 'GOOGLE_CLIENT_ID', 'GOOGLE_HD', 'GITHUB_ORGS', 'GITHUB_API_URL', 'MICROSOFT_TENANTS', 'OIDC_PROVIDERS',
    'OAUTH2_<ID>_TOKEN_URL', 'OAUTH1_<ID>_SIGNATURE', 'KEYCLOAK_ISSUER', 'GOOGLE_EMAIL_DOMAINS', 'GITHUB_VOUCHES_FOR']) t.ok(names.includes(name), name)
})
