import { existsSync, readdirSync } from 'node:fs'
import t from 'tap'
import { catalogue } from '../../../src/providers/catalogue/index.ts'
import { buildTestApp } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'
import type { Fixture } from './fixture.ts'
import { begin, checkCalls, checkOutcome, play, stage } from './play.ts'

const folder = new URL('./fixtures/', import.meta.url)
const fixtures: Fixture[] = []
for (const file of readdirSync(folder).filter(name => name.endsWith('.js')).sort()) {
  const module = await import(new URL(file, folder).href) as Record<string, Fixture>
  fixtures.push(...Object.values(module))
}

t.test('every provider of the catalogue has its documented answers here and a page in docs', async t => {
  t.same(fixtures.map(({ id }) => id).sort(), Object.keys(catalogue).sort())
  for (const id of Object.keys(catalogue)) t.ok(existsSync(`docs/providers/${id}.md`), `docs/providers/${id}.md`)
})

for (const fixture of fixtures) {
  const name = `${catalogue[fixture.id]?.name ?? fixture.id} (${fixture.id})`

  t.test(name, async t => {
    const scene = await stage(t, fixture)

    await t.test(`${name}: a login becomes a token that says who it is`, async t => {
      const page = await play(t, fixture, scene)
      checkOutcome(t, page, fixture)
      checkCalls(t, fixture, scene.fake)
      const { app } = await scene.appWith()
      const me = await app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${page.json().access_token}` } })
      t.match(me.json(), fixture.identity)
    })

    for (const one of fixture.cases) {
      await t.test(`${name}: ${one.title}`, async t => checkOutcome(t, await play(t, fixture, scene, one), one))
    }

    await t.test(`${name}: somebody who says no is told so`, async t => {
      const denial: Record<string, string> = catalogue[fixture.id]?.kind === 'oauth1' ? { denied: 'a-token' } : { error: 'access_denied' }
      const page = await play(t, fixture, scene, { callback: denial })
      checkOutcome(t, page, { title: '', refused: 'access_denied' })
      t.notOk(scene.fake.requests.some(({ path }) => path.endsWith('/token')), 'no token call')
    })
  })
}

t.test('without replaced addresses a login goes to the provider itself', async t => {
  const known = fixtures.filter(({ authorizeAt, id }) => authorizeAt && catalogue[id]?.kind !== 'oauth1')
  const { app, url } = await buildTestApp(t, Object.assign({}, ...known.map(({ id, env }) => ({
    [`${id.toUpperCase()}_CLIENT_ID`]: 'x', [`${id.toUpperCase()}_CLIENT_SECRET`]: 'y', ...env
  }))) as Record<string, string>)
  for (const { id, authorizeAt = '' } of known) {
    const start = await new Browser(app, url).visit(`/auth/${id}`)
    t.equal(String(start.headers['location']).split('?')[0], authorizeAt, id)
  }
})

t.test('R22 a login asks for the scopes of its documented answers and for no more, and none of them may change anything', async t => {
  for (const fixture of fixtures) {
    if (catalogue[fixture.id]?.kind === 'oauth1') continue // it has no scopes
    const { location } = await begin(t, fixture, await stage(t, fixture))
    const scope = location.searchParams.get('scope')
    t.equal(scope, fixture.authorization?.['scope'] ?? null, fixture.id)
    t.notMatch(scope ?? '', /write|admin|delete|manage|offline/i, fixture.id)
  }
})
