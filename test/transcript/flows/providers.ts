import { facebook } from '../../helpers/facebook.ts'
import { fakeProvider, form } from '../../helpers/fake-provider.ts'
import { rogueProvider, type Json, type RogueProvider } from '../../helpers/rogue-provider.ts'
import { fakeStage, rogueStage, type Play } from '../stage.ts'

const json = { accept: 'application/json' }

/** Where the rogue provider sends a browser back to. */
export const callback = (rogue: RogueProvider, location: unknown, claims: Json = {}): string =>
  `/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(location), claims)).toString()}`

/** Logins by every kind of provider, and what the provider is asked meanwhile. */
export const providerFlows: Record<string, [title: string, play: Play]> = {
  openid: ['A login by an OpenID provider', async (t, record) => {
    const rogue = await rogueProvider(t)
    const { browser, ask, travel } = await rogueStage(t, record, rogue)
    const visitor = browser()
    const start = await visitor.visit('/auth/rogue?login_hint=ada')
    const back = callback(rogue, start.headers['location'], { picture: 'https://pictures.example/ada.png' })
    const [[name, sealed] = []] = visitor.cookies
    await visitor.visit(back)
    record.chapter('The same callback again')
    await visitor.visit(back)
    record.chapter('The same callback again, as the first answer was lost')
    await ask('GET', back, { cookie: `${name}=${sealed}`, accept: 'text/html' })
    await ask('GET', back, { cookie: `${name}=${sealed}`, ...json })
    record.chapter('The same callback a minute later, by a browser that is not signed in')
    travel(60)
    await ask('GET', back, { cookie: `${name}=${sealed}`, accept: 'text/html' })
    record.chapter('With a return_to')
    const second = await visitor.visit('/auth/rogue?return_to=/welcome')
    await visitor.visit(callback(rogue, second.headers['location']))
    record.chapter('As JSON')
    const program = browser()
    const third = await program.visit('/auth/rogue', { headers: json })
    await program.visit(callback(rogue, third.headers['location']), { headers: json })
  }],

  'openid-form-post': ['A login by an OpenID provider that posts its answer', async (t, record) => {
    const rogue = await rogueProvider(t)
    const params = '{"response_mode":"form_post"}'
    const { browser, ask } = await rogueStage(t, record, rogue, { OIDC_ROGUE_PARAMS: params })
    const visitor = browser()
    const start = await visitor.visit('/auth/rogue?return_to=/welcome')
    // As the provider's page makes the browser post: from another site, without our cookies.
    const fetched = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    const answer = rogue.consent(String(start.headers['location']))
    const posted = await browser().visit('/auth/rogue/callback', {
      method: 'POST', form: answer, headers: { origin: rogue.issuer, ...fetched }
    })
    await visitor.visit(String(posted.headers['location']))
    record.chapter('Refusals')
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...json }
    await ask('POST', '/auth/rogue/callback', { ...form, 'content-type': 'text/plain' }, 'state=x')
    await ask('POST', '/auth/rogue/callback', form, 'code=x')
    await ask('POST', '/auth/rogue/callback', { ...form, 'sec-fetch-dest': 'iframe' }, 'state=x')
  }],

  'oauth2-facebook': ['A login by an OAuth 2 provider that adds a fragment (Facebook)', async (t, record) => {
    const fake = await fakeProvider(t)
    const { browser } = await fakeStage(t, record, fake, facebook(fake))
    const visitor = browser()
    const start = await visitor.visit('/auth/facebook')
    const { searchParams } = new URL(String(start.headers['location']))
    await visitor.visit(`/auth/facebook/callback?code=a-code&state=${searchParams.get('state')}`)
  }],

  'oauth2-github': ['A login by an OAuth 2 provider (GitHub), and one that is refused', async (t, record) => {
    const fake = await fakeProvider(t)
    const picture = 'https://pictures.example/ada.png'
    const mail = { email: 'ada@example.com', primary: true, verified: true }
    Object.assign(fake.answers, {
      '/token': { access_token: 'gho_token', token_type: 'bearer', scope: 'user:email' },
      '/api/user': { id: 7, login: 'ada', name: 'Ada Lovelace', avatar_url: picture },
      '/api/user/emails': [mail]
    })
    const { browser } = await fakeStage(t, record, fake, {
      GITHUB_CLIENT_ID: 'a-client',
      GITHUB_CLIENT_SECRET: 'a-secret',
      GITHUB_AUTHORIZATION_URL: `${fake.url}/authorize`,
      GITHUB_TOKEN_URL: `${fake.url}/token`,
      GITHUB_API_URL: `${fake.url}/api`
    })
    const visitor = browser()
    const signIn = async () => {
      const start = await visitor.visit('/auth/github?return_to=/welcome')
      const { searchParams } = new URL(String(start.headers['location']))
      return visitor.visit(`/auth/github/callback?code=a-code&state=${searchParams.get('state')}`)
    }
    await signIn()
    record.chapter('The address is not verified')
    fake.answers['/api/user/emails'] = [{ ...mail, verified: false }]
    await signIn()
    record.chapter('The token endpoint refuses, with status 200 as GitHub does')
    fake.answers['/token'] = { error: 'bad_verification_code', error_description: 'their own words' }
    await signIn()
  }],

  oauth1: ['A login by an OAuth 1.0a provider, and one that is denied', async (t, record) => {
    const fake = await fakeProvider(t)
    Object.assign(fake.answers, {
      'POST /request': form('oauth_token=temporary&oauth_token_secret=s&oauth_callback_confirmed=true'),
      'POST /token': form('oauth_token=lasting&oauth_token_secret=lasting-secret&user_id=7'),
      'GET /me': { id: 7, email: 'ada@example.com', email_verified: true, name: 'Ada' }
    })
    const { browser } = await fakeStage(t, record, fake, {
      OAUTH1_PROVIDERS: 'acme',
      OAUTH1_ACME_REQUEST_TOKEN_URL: `${fake.url}/request`,
      OAUTH1_ACME_AUTHORIZATION_URL: `${fake.url}/authorize?lang=en`,
      OAUTH1_ACME_TOKEN_URL: `${fake.url}/token`,
      OAUTH1_ACME_PROFILE_URL: `${fake.url}/me`,
      OAUTH1_ACME_CLIENT_ID: 'a-client',
      OAUTH1_ACME_CLIENT_SECRET: 'a-secret'
    })
    const visitor = browser()
    const back = async (answer: string) => {
      await visitor.visit('/auth/acme?return_to=/welcome')
      const { authorization = '' } = fake.requests.findLast(({ path }) => path === '/request')?.headers ?? {}
      const [, address = ''] = /oauth_callback="([^"]*)"/.exec(authorization) ?? []
      return visitor.visit(`${decodeURIComponent(address)}&${answer}`)
    }
    await back('oauth_token=temporary&oauth_verifier=a-verifier')
    record.chapter('Denied')
    await back('denied=temporary')
    record.chapter('Another token')
    await back('oauth_token=other&oauth_verifier=a-verifier')
  }]
}
