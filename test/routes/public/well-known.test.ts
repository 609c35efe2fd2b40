import t from 'tap'
import { buildTestApp, temporaryFolder } from '../../helpers/app.ts'

const documents = ['/.well-known/jwks.json', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
const discovery = documents.slice(1)

// One app answers all that only reads.
const { app, url } = await buildTestApp(t)

for (const document of discovery) {
  t.test(`${document} has every member that strict verifiers demand`, async t => {
    const metadata = (await app.inject(document)).json()
    t.match(metadata, {
      issuer: url,
      authorization_endpoint: `${url}/auth/authorize`,
      token_endpoint: `${url}/auth/token`,
      userinfo_endpoint: `${url}/auth/userinfo`,
      jwks_uri: `${url}/.well-known/jwks.json`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true
    })
    for (const name of ['grant_types_supported', 'scopes_supported', 'claims_supported', 'token_endpoint_auth_methods_supported', 'response_modes_supported']) {
      t.ok(Array.isArray(metadata[name]) && metadata[name].length > 0, name)
    }
    t.ok(metadata.token_endpoint_auth_methods_supported.includes('none'))
  })

  for (const SIGNING_ALG of ['RS256', 'ES256', 'EdDSA']) {
    t.test(`${document} names the algorithm we really sign with: ${SIGNING_ALG}`, async t => {
      const { app } = await buildTestApp(t, { SIGNING_ALG })
      t.same((await app.inject(document)).json().id_token_signing_alg_values_supported, [SIGNING_ALG])
      t.equal((await app.inject(documents[0] ?? '')).json().keys[0].alg, SIGNING_ALG)
    })
  }
}

t.test('R10 the documents name PUBLIC_URL, whatever host was asked', async t => {
  const { app } = await buildTestApp(t, { PUBLIC_URL: 'https://auth.localhost', TRUST_PROXY: 'loopback' })
  for (const document of discovery) {
    const headers = { host: 'evil.test', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'http', forwarded: 'host=evil.test' }
    const answer = await app.inject({ url: document, headers })
    t.equal(answer.json().issuer, 'https://auth.localhost')
    t.notMatch(answer.body, 'evil')
  }
})

t.test('R38 every key has what verifiers ask for, and nothing private', async t => {
  const expected = { RS256: ['e', 'kty', 'n'], ES256: ['crv', 'kty', 'x', 'y'], EdDSA: ['crv', 'kty', 'x'] }
  for (const [SIGNING_ALG, members] of Object.entries(expected)) {
    const { app } = await buildTestApp(t, { SIGNING_ALG })
    const { keys } = (await app.inject('/.well-known/jwks.json')).json()
    t.ok(keys.length >= 1 && keys.length <= 10)
    for (const key of keys) {
      t.same(Object.keys(key).sort(), [...members, 'alg', 'kid', 'use'].sort())
      t.equal(key.use, 'sig')
    }
  }
})

t.test('R41 the default key is RSA with 2,048 bits or more', async t => {
  const { app } = await buildTestApp(t, { SIGNING_ALG: '' })
  const { keys: [key] } = (await app.inject('/.well-known/jwks.json')).json()
  t.ok(Buffer.from(key.n, 'base64url').length >= 256)
})

for (const document of documents) {
  t.test(`L28 ${document} is public, cacheable JSON`, async t => {
    const { statusCode, headers } = await app.inject(document)
    t.equal(statusCode, 200)
    t.match(headers, {
      'content-type': /^application\/json/,
      'cache-control': 'public, max-age=600',
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'ETag',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
      etag: /^"[\w-]{22}"$/
    })
    t.notOk(headers['set-cookie'])
    t.notOk(headers['vary'])
  })

  t.test(`L28 ${document} is 304 for whoever has it`, async t => {
    const { etag } = (await app.inject(document)).headers
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, `"a",W/${etag} , "b"`, `  ${etag}  `, '*', ' * ']) {
      const answer = await app.inject({ url: document, headers: { 'if-none-match': String(known) } })
      t.equal(answer.statusCode, 304, String(known))
      t.equal(answer.body, '')
      t.equal(answer.headers.etag, etag)
      t.equal(answer.headers['cache-control'], 'public, max-age=600')
      t.equal(answer.headers['access-control-allow-origin'], '*')
    }
  })

  t.test(`${document} is sent anew to whoever has another`, async t => {
    const { etag } = (await app.inject(document)).headers
    for (const known of ['"x"', '', 'W/"x"', String(etag).replaceAll('"', ''), String(etag).toUpperCase(), '**', '"*"']) {
      t.equal((await app.inject({ url: document, headers: { 'if-none-match': known } })).statusCode, 200, known)
    }
  })

  t.test(`${document} answers HEAD with the headers of GET`, async t => {
    const head = await app.inject({ method: 'HEAD', url: document })
    const get = await app.inject(document)
    t.equal(head.statusCode, 200)
    t.equal(head.body, '')
    for (const name of ['etag', 'cache-control', 'content-type', 'content-length', 'access-control-allow-origin']) {
      t.equal(head.headers[name], get.headers[name], name)
    }
  })

  t.test(`${document} is only for reading`, async t => {
    const answer = await app.inject({ method: 'POST', url: document })
    t.equal(answer.statusCode, 405)
    t.match(answer.headers['allow'], 'GET')
  })
}

t.test('the ETag of the keys changes with the keys and not with a restart', async t => {
  const DATA_DIR = temporaryFolder(t)
  const etags = []
  for (const SIGNING_ALG of ['ES256', 'ES256', 'EdDSA']) {
    const { app } = await buildTestApp(t, { DATA_DIR, SIGNING_ALG })
    etags.push((await app.inject('/.well-known/jwks.json')).headers.etag)
    await app.close()
  }
  t.equal(etags[0], etags[1])
  t.not(etags[1], etags[2])
})

t.test('what the discovery documents promise for later is a plain 404 today', async t => {
  for (const path of ['/auth/authorize', '/auth/token', '/auth/userinfo', '/auth/revoke', '/auth/introspect', '/auth/verify']) {
    for (const method of ['GET', 'POST', 'PUT'] as const) {
      const answer = await app.inject({ method, url: path })
      t.equal(answer.statusCode, 404, `${method} ${path}`)
      t.equal(answer.json().code, 'not_found')
    }
  }
})

t.test('there is nothing else under /.well-known', async t => {
  for (const path of ['/.well-known/', '/.well-known', '/.well-known/jwks', '/.well-known/jwks.json/',
    '/.well-known/security.txt', '/.well-known/jwks.json/x.css']) {
    const answer = await app.inject(path)
    t.equal(answer.statusCode, 404, path)
    t.equal(answer.headers['cache-control'], 'no-store')
    t.notOk(answer.headers['access-control-allow-origin'])
  }
})
