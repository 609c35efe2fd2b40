import t from 'tap'
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts'
import { StoreError } from '../../src/stores/store.ts'
import { callbackOf, login, rogueScene } from '../helpers/rogue-login.ts'

const documents = ['/.well-known/jwks.json', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
const json = { accept: 'application/json' }

/** A signed-in browser, a login that waits for its callback, and then a store that refuses everything. */
async function scene (t: import('tap').Test) {
  const built = await rogueScene(t)
  await login(built)
  const callback = await callbackOf(built)
  const asked: string[] = []
  for (const method of ['get', 'put', 'add', 'claim', 'replace', 'replaceLine', 'remove', 'page', 'announce', 'newsAfter', 'count', 'ping'] as const) {
    t.intercept(EmbeddedStore.prototype, method, {
      value: async () => {
        asked.push(method)
        throw new StoreError('away')
      }
    })
  }
  return { ...built, callback, asked }
}

t.test('L16 while the store is away, tokens are checked and logins begin, and what needs the store says when to come again', async t => {
  const { app, browser, url, callback } = await scene(t)
  t.match((await browser.visit('/auth/me')).json(), { email: 'ada@example.com' })
  t.equal((await browser.visit('/auth/rogue')).status, 302)
  t.equal((await app.inject('/livez')).statusCode, 200)
  t.equal((await app.inject('/readyz')).statusCode, 503)
  const cookies = new Map(browser.cookies)
  for (const answer of [
    await browser.visit(callback, { headers: json }),
    await browser.visit('/auth/refresh', { method: 'POST', headers: { ...json, origin: url } })
  ]) {
    t.equal(answer.status, 503)
    t.equal(answer.json().code, 'store_unavailable')
    t.match(answer.headers['retry-after'], /^[1-9]\d*$/)
  }
  t.equal(browser.cookies.get('handstamp-refresh'), cookies.get('handstamp-refresh'), 'the session is as it was')
})

t.test('L28 a thousand verifiers at once get keys and discovery from memory, as 304 where they have them, also while the store is away', async t => {
  const { app, asked } = await scene(t)
  const before = asked.filter(method => method !== 'newsAfter').length // news is read all the time
  for (const document of documents) {
    const { etag } = (await app.inject(document)).headers
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, index) =>
      app.inject({ url: document, headers: index % 2 ? { 'if-none-match': String(etag) } : {} })))
    t.same(answers.map(({ statusCode }) => statusCode), answers.map((_, index) => index % 2 ? 304 : 200))
    t.same(new Set(answers.map(({ body }) => body)).size, 2, 'the document or nothing')
  }
  t.equal(asked.filter(method => method !== 'newsAfter').length, before)
})
