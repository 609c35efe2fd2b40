import { createHash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import t, { type Test } from 'tap'
import { buildTestApp } from '../helpers/app.ts'
import { Browser, devSignIn, type Page } from '../helpers/browser.ts'

const json = { accept: 'application/json' }

async function scene (t: Test) {
  const built = await buildTestApp(t, { SIGNING_ALG: 'ES256' })
  const browser = new Browser(built.app, built.url)
  /** Through the dev page to the callback's address. */
  const consent = async (fields: Record<string, string> = { email: 'ada@example.com' }) =>
    new URL(String((await browser.submit(await browser.follow('/auth/dev'), fields)).headers['location']))
  const finish = (callback: URL): Promise<Page> => browser.visit(callback.href, { headers: json })
  return { ...built, browser, consent, finish }
}

t.test('one and the same email is one and the same person, another is another', async t => {
  const { browser } = await scene(t)
  const subject = async (email: string) => (await devSignIn(browser, email, { headers: json })).json().user.sub
  const ada = await subject('ada@example.com')
  t.match(ada, /^dev\|[\w-]{22}$/)
  t.notMatch(ada, 'ada')
  t.equal(await subject('Ada@Example.com'), ada)
  t.not(await subject('bob@example.com'), ada)
})

t.test('the name is whatever was typed, or none', async t => {
  const { consent, finish } = await scene(t)
  t.equal((await finish(await consent({ email: 'ada@example.com', name: 'Ada 💥 <b>' }))).json().user.name, 'Ada 💥 <b>')
  t.equal((await finish(await consent({ email: 'ada@example.com', name: '' }))).json().user.name, null)
})

t.test('an email that is none is refused as any provider\'s', async t => {
  const { consent, finish } = await scene(t)
  t.equal((await finish(await consent({ email: '' }))).json().code, 'email_missing')
  t.equal((await finish(await consent({}))).json().code, 'email_missing')
  t.equal((await finish(await consent({ email: 'a@b@c' }))).json().code, 'email_invalid')
})

t.test('it behaves as a provider does: iss, a code of its own, a minute to use it', async t => {
  const { consent, finish, travel, url } = await scene(t)
  const callback = await consent()
  t.equal(callback.searchParams.get('iss'), `${url}/auth/dev`)
  t.notMatch(callback.href, 'ada')
  travel(59)
  t.equal((await finish(callback)).status, 200)
  const late = await consent()
  travel(61)
  t.equal((await finish(late)).json().code, 'provider_error')
})

t.test('a code that was changed, or belongs to another flow, is refused', async t => {
  const { consent, finish } = await scene(t)
  const changed = await consent()
  changed.searchParams.set('code', `${changed.searchParams.get('code')?.slice(0, -4)}AAAA`)
  t.equal((await finish(changed)).json().code, 'provider_error')
  const [one, other] = [await consent(), await consent()]
  one.searchParams.set('code', other.searchParams.get('code') ?? '')
  t.equal((await finish(one)).json().code, 'provider_error', 'PKCE')
})

t.test('an answer without its iss is refused', async t => {
  const { consent, finish } = await scene(t)
  const callback = await consent()
  callback.searchParams.delete('iss')
  t.equal((await finish(callback)).json().code, 'issuer_mismatch')
})

/** Where our own process asks for tokens while this runs. */
async function backChannelOf (during: () => Promise<unknown>): Promise<string> {
  let address = ''
  const listener = (message: unknown) => {
    const { request } = message as { request: ClientRequest }
    if (request.path === '/token') address = `http://${request.host}:${String(request.getHeader('host')).split(':').at(-1)}`
  }
  subscribe('http.client.request.start', listener)
  await during()
  unsubscribe('http.client.request.start', listener)
  return address
}

t.test('its token endpoint, which any process on this machine can reach, gives nothing without our secret', async t => {
  const { browser, consent, finish, url } = await scene(t)
  const address = await backChannelOf(async () => finish(await consent()))
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/)

  // Whoever reaches the dev page gets a code for a verifier of their own.
  const verifier = 'v'.repeat(43)
  const page = new URL(String((await browser.visit('/auth/dev')).headers['location']))
  page.searchParams.set('code_challenge', createHash('sha256').update(verifier).digest('base64url'))
  const consented = await browser.visit(page.href, { method: 'POST', form: { email: 'ada@example.com' } })
  const right = {
    code: new URL(String(consented.headers['location'])).searchParams.get('code') ?? '',
    redirect_uri: `${url}/auth/dev/callback`,
    code_verifier: verifier,
    client_id: 'handstamp',
    client_secret: 'guessed'
  }
  const ask = async (body: string) => {
    const answer = await fetch(`${address}/token`, { method: 'POST', body })
    return { status: answer.status, body: await answer.json() as Record<string, unknown> }
  }
  const { client_secret: _secret, ...withoutSecret } = right
  for (const form of [right, withoutSecret, { ...right, client_secret: '' }, { ...right, code_verifier: 'x' }, { ...right, code: 'x' }, {}]) {
    t.match(await ask(new URLSearchParams(form).toString()), { status: 400, body: { error: 'invalid_grant' } })
  }
  t.match(await ask('x'.repeat(20_000)), { status: 400, body: { error: 'invalid_request' } })
  t.match(await (await fetch(`${address}/jwks`)).json(), { keys: [{ kty: 'EC', crv: 'P-256', d: undefined }] })
})
