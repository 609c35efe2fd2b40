import t, { type Test } from 'tap'
import type { Environment } from '../../../src/env/environment.ts'
import { login, rogueScene } from '../../helpers/rogue-login.ts'
import { rogueProvider, type Json } from '../../helpers/rogue-provider.ts'

// An issuer that the operator fixed to one tenant, as national clouds and single tenants have it.

const tenant = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
const stranger = '11111111-2222-3333-4444-555555555555'
const personal = '9188040d-6c67-4c5b-b112-36a304b66dad'
const document = '/.well-known/openid-configuration'

/** Logins at Microsoft by an issuer below this path; `named` is what its discovery document calls it. */
async function microsoft (t: Test, path: string, env: Environment = {}, named = path) {
  const rogue = await rogueProvider(t)
  const issuer = rogue.issuer + path
  rogue.metadata = { issuer: rogue.issuer + named }
  rogue.handlers[path + document] = async (_request, response) => {
    response.setHeader('content-type', 'application/json').end(await (await fetch(rogue.issuer + document)).text())
  }
  rogue.env = { MICROSOFT_CLIENT_ID: 'rogue-client', MICROSOFT_CLIENT_SECRET: 'rogue-secret', MICROSOFT_ISSUER: issuer }
  const scene = await rogueScene(t, env, rogue)
  return async (claims: Json): Promise<string> => {
    const iss = typeof claims['iss'] === 'string' ? rogue.issuer + claims['iss'] : issuer
    const page = await login(scene, { path: '/auth/microsoft', claims: { email_verified: undefined, ...claims, iss } })
    const body = page.json() as { user?: { email: string }, code?: string }
    return body.user?.email ?? String(body.code)
  }
}

t.test('R24 with a fixed issuer, tid is the tenant that the issuer names', async t => {
  const fixed = await microsoft(t, `/${tenant}/v2.0`)
  t.equal(await fixed({ tid: tenant, xms_edov: true }), 'ada@example.com')
  t.equal(await fixed({ tid: personal }), 'invalid_id_token', 'a tenant that calls itself the personal one')
  t.equal(await fixed({ tid: stranger, xms_edov: true }), 'invalid_id_token')
  t.equal(await fixed({ tid: tenant.toUpperCase(), xms_edov: true }), 'invalid_id_token')
  t.equal(await fixed({ xms_edov: true }), 'email_not_allowed', 'no tenant')
  t.equal(await fixed({ tid: tenant }), 'email_not_verified', 'and verifies nothing by itself')
})

t.test('R24 a fixed issuer stays fixed though its document has a place for tenants', async t => {
  const fixed = await microsoft(t, `/${tenant}/v2.0`, {}, '/{tenantid}/v2.0')
  t.equal(await fixed({ tid: tenant, xms_edov: true }), 'ada@example.com')
  t.equal(await fixed({ tid: stranger, iss: `/${stranger}/v2.0`, xms_edov: true }), 'invalid_id_token')
  t.equal(await fixed({ tid: personal, iss: `/${personal}/v2.0` }), 'invalid_id_token')
})

t.test('R24 the tenant of a fixed issuer owns the domains that are listed', async t => {
  const owner = await microsoft(t, `/${tenant}/v2.0`, { MICROSOFT_EMAIL_DOMAINS: 'example.com' })
  t.equal(await owner({ tid: tenant }), 'ada@example.com')
  t.equal(await owner({ tid: tenant, email: 'eve@evil.test', xms_edov: true }), 'email_not_allowed')
  const any = await microsoft(t, '/common/v2.0', { MICROSOFT_EMAIL_DOMAINS: 'example.com' }, '/{tenantid}/v2.0')
  t.equal(await any({ tid: stranger, iss: `/${stranger}/v2.0` }), 'email_not_verified', 'of many tenants none does')
})

t.test('R24 EMAIL_VERIFIED=always overrules nothing that Microsoft says', async t => {
  const always = await microsoft(t, `/${tenant}/v2.0`, { MICROSOFT_EMAIL_DOMAINS: 'example.com', MICROSOFT_EMAIL_VERIFIED: 'always' })
  t.equal(await always({ tid: tenant }), 'ada@example.com')
  for (const says of [{ xms_edov: false }, { xms_edov: 0 }, { xms_edov: '0' }, { email_verified: false }, { email_verified: 'false' }]) {
    t.equal(await always({ tid: tenant, ...says }), 'email_not_verified', JSON.stringify(says))
  }
})
