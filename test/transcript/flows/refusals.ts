import type { Browser, Page } from '../../helpers/browser.ts'
import { rogueProvider, type Json, type RogueProvider } from '../../helpers/rogue-provider.ts'
import { rogueStage, type Play } from '../stage.ts'
import { callback } from './providers.ts'

const json = { accept: 'application/json' }

interface Refused {
  rogue: RogueProvider
  browser: () => Browser
  travel: (seconds: number) => void
}

/** The ways in which a callback is refused: what the provider says, and what the browser brings. */
const refusals: Array<[what: string, come: (scene: Refused, start: Page, visitor: Browser, headers: Record<string, string>) => Promise<unknown>]> = [
  ['The provider says that the person denied it', async (_scene, start, visitor, headers) =>
    visitor.visit(`/auth/rogue/callback?error=access_denied&error_description=their+words&state=${stateOf(start)}`, { headers })],
  ['The provider has an error', async (_scene, start, visitor, headers) =>
    visitor.visit(`/auth/rogue/callback?error=server_error&state=${stateOf(start)}`, { headers })],
  ['The email is not verified', claimed({ email_verified: false })],
  ['There is no email', claimed({ email: undefined })],
  ['The email is not one', claimed({ email: 'ada@' })],
  ['The email is not allowed', claimed({ email: 'ada@elsewhere.example' })],
  ['The nonce is another', claimed({ nonce: 'another' })],
  ['The answer is of another issuer', async ({ rogue }, start, visitor, headers) =>
    visitor.visit(`${callback(rogue, start.headers['location'])}&iss=https://else.example`, { headers })],
  ['The token endpoint refuses', answered({ error: 'invalid_grant' })],
  ['The flow has expired', async ({ rogue, travel }, start, visitor, headers) => {
    const back = callback(rogue, start.headers['location'])
    travel(601)
    return visitor.visit(back, { headers })
  }],
  ['The state is of no flow of this browser', async ({ browser, rogue }, start, _visitor, headers) =>
    browser().visit(callback(rogue, start.headers['location']), { headers })],
  ['The state is another in its tail', async ({ rogue }, start, visitor, headers) =>
    visitor.visit(callback(rogue, start.headers['location']).replace(/state=([\w-]{16})[\w-]+/, `state=$1${'x'.repeat(35)}`), { headers })],
  ['There is no code', async (_scene, start, visitor, headers) =>
    visitor.visit(`/auth/rogue/callback?state=${stateOf(start)}`, { headers })],
  ['There is no state', async (_scene, _start, visitor, headers) => visitor.visit('/auth/rogue/callback?code=x', { headers })],
  ['It comes in a frame', async ({ rogue }, start, visitor, headers) =>
    visitor.visit(callback(rogue, start.headers['location']), { headers: { ...headers, 'sec-fetch-dest': 'iframe' } })]
]

const stateOf = (start: Page): string => String(new URL(String(start.headers['location'])).searchParams.get('state'))

function claimed (claims: Json) {
  return async ({ rogue }: Refused, start: Page, visitor: Browser, headers: Record<string, string>) =>
    visitor.visit(callback(rogue, start.headers['location'], claims), { headers })
}

function answered (token: Json) {
  return async ({ rogue }: Refused, start: Page, visitor: Browser, headers: Record<string, string>) => {
    rogue.handlers['/token'] = (_request, response) => {
      rogue.tokenForms.push(new URLSearchParams())
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(token))
    }
    const page = await visitor.visit(callback(rogue, start.headers['location']), { headers })
    delete rogue.handlers['/token']
    return page
  }
}

const refusing = (path: string, headers: Record<string, string>): Play => async (t, record) => {
  const rogue = await rogueProvider(t)
  const { browser, travel } = await rogueStage(t, record, rogue, { ALLOWED_EMAIL_DOMAINS: 'example.com', OIDC_ROGUE_VOUCHES_FOR: 'example.com' })
  for (const [what, come] of refusals) {
    record.chapter(what)
    const visitor = browser()
    const start = await visitor.visit(path, { headers })
    await come({ rogue, browser, travel }, start, visitor, headers)
  }
}

/** Each refusal of a callback in each of its forms. */
export const refusalFlows: Record<string, [title: string, play: Play]> = {
  'refused-page': ['A callback is refused with a page', refusing('/auth/rogue', {})],
  'refused-json': ['A callback is refused with a problem', refusing('/auth/rogue', json)],
  'refused-return': ['A callback is refused where it was started with a return_to', refusing('/auth/rogue?return_to=/welcome%3Fa=1', {})],

  'provider-away': ['The provider cannot be reached', async (t, record) => {
    const rogue = await rogueProvider(t)
    const { browser, travel } = await rogueStage(t, record, rogue)
    const visitor = browser()
    await rogue.stop()
    record.chapter('At the start')
    await visitor.visit('/auth/rogue?return_to=/welcome')
    await visitor.visit('/auth/rogue', { headers: json })
    await rogue.resume()
    travel(60)
    record.chapter('At the callback')
    const start = await visitor.visit('/auth/rogue?return_to=/welcome')
    const second = await visitor.visit('/auth/rogue')
    const third = await visitor.visit('/auth/rogue')
    await rogue.stop()
    await visitor.visit(callback(rogue, start.headers['location']))
    await visitor.visit(callback(rogue, second.headers['location']))
    await visitor.visit(callback(rogue, third.headers['location']), { headers: json })
    await rogue.resume()
  }]
}
