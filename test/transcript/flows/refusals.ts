import type { Page } from '../../helpers/browser.ts'
import { rogueProvider, type Json, type RogueProvider } from '../../helpers/rogue-provider.ts'
import { rogueStage, type Play } from '../stage.ts'
import { callback } from './providers.ts'

const json = { accept: 'application/json' }

/** A login that was started, and what can become of its callback. */
interface Started {
  rogue: RogueProvider
  state: string
  /** Where the provider sends the browser back to. */
  back (claims?: Json): string
  /** The browser goes there. */
  go (url: string, headers?: Record<string, string>): Promise<Page>
  /** Another browser goes there. */
  goElsewhere (url: string): Promise<Page>
  travel (seconds: number): void
}

/** The ways in which a callback is refused: what the provider says, and what the browser brings. */
const refusals: Record<string, (login: Started) => Promise<unknown>> = {
  'The provider says that the person denied it': async ({ go, state }) =>
    go(`/auth/rogue/callback?error=access_denied&error_description=their+words&state=${state}`),
  'The provider has an error': async ({ go, state }) =>
    go(`/auth/rogue/callback?error=server_error&state=${state}`),
  'The email is not verified': async ({ go, back }) => go(back({ email_verified: false })),
  'There is no email': async ({ go, back }) => go(back({ email: undefined })),
  'The email is not one': async ({ go, back }) => go(back({ email: 'ada@' })),
  'The email is not allowed': async ({ go, back }) => go(back({ email: 'ada@elsewhere.example' })),
  'The nonce is another': async ({ go, back }) => go(back({ nonce: 'another' })),
  'The answer is of another issuer': async ({ go, back }) => go(`${back()}&iss=https://else.example`),

  'The token endpoint refuses': async ({ go, back, rogue }) => {
    rogue.handlers['/token'] = (_request, response, form) => {
      rogue.tokenForms.push(form)
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}')
    }
    await go(back())
    delete rogue.handlers['/token']
  },

  'The flow has expired': async ({ go, back, travel }) => {
    const late = back()
    travel(601)
    await go(late)
  },

  'The state is of no flow of this browser': async ({ goElsewhere, back }) => goElsewhere(back()),
  'The state is another in its tail': async ({ go, back, state }) =>
    go(back().replace(state, state.slice(0, 16) + 'x'.repeat(35))),
  'There is no code': async ({ go, state }) => go(`/auth/rogue/callback?state=${state}`),
  'There is no state': async ({ go }) => go('/auth/rogue/callback?code=x'),
  'It comes in a frame': async ({ go, back }) => go(back(), { 'sec-fetch-dest': 'iframe' })
}

const refusing = (path: string, headers: Record<string, string>): Play => async (t, record) => {
  const rogue = await rogueProvider(t)
  const allowed = { ALLOWED_EMAIL_DOMAINS: 'example.com', OIDC_ROGUE_VOUCHES_FOR: 'example.com' }
  const { browser, travel } = await rogueStage(t, record, rogue, allowed)
  for (const [what, come] of Object.entries(refusals)) {
    record.chapter(what)
    const visitor = browser()
    const start = await visitor.visit(path, { headers })
    const location = String(start.headers['location'])
    await come({
      rogue,
      state: String(new URL(location).searchParams.get('state')),
      back: claims => callback(rogue, location, claims),
      go: (url, more) => visitor.visit(url, { headers: { ...headers, ...more } }),
      goElsewhere: url => browser().visit(url, { headers }),
      travel
    })
  }
}

/** Each refusal of a callback in each of its forms. */
export const refusalFlows: Record<string, [title: string, play: Play]> = {
  'refused-page': ['A callback is refused with a page', refusing('/auth/rogue', {})],
  'refused-json': ['A callback is refused with a problem', refusing('/auth/rogue', json)],
  'refused-return': [
    'A callback is refused where it was started with a return_to',
    refusing('/auth/rogue?return_to=/welcome%3Fa=1', {})
  ],

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
