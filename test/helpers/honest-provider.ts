import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from './app.ts'
import type { Browser, Page } from './browser.ts'

export interface Account {
  email?: string
  email_verified?: unknown
  name?: string
  picture?: string
  hd?: string
}

/** A certified OpenID provider that we did not write, with its own login and consent pages. */
export interface HonestProvider {
  issuer: string
  /** login -> claims; the login is the subject. */
  accounts: Record<string, Account>
  /** method and path of what it was asked, in order */
  requests: string[]
  /** The environment that configures it as `honest`, and as `google` with another issuer. */
  env: Record<string, string>
  envAsGoogle: Record<string, string>
}

export interface HonestOptions {
  /** Where the app will want its codes: PUBLIC_URL. */
  url?: string
  /** The id_token carries the email too, as Google's does; otherwise it is in userinfo alone, as the standard has it. */
  emailInIdToken?: boolean
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const client = { client_id: 'honest-client', client_secret: 'honest-secret' }

export async function honestProvider (t: Teardown, { url = 'http://localhost:3000', emailInIdToken = false }: HonestOptions = {}): Promise<HonestProvider> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const accounts: HonestProvider['accounts'] = { ada: { email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace' } }
  const requests: string[] = []

  const callback = await quietly(async () => new (await import('oidc-provider')).Provider(issuer, {
    clients: [{ ...client, redirect_uris: ['honest', 'google'].map(id => `${url}/auth/${id}/callback`) }],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'honest-1', use: 'sig', alg: 'RS256' }] },
    findAccount: (_context: unknown, id: string) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
    claims: { email: ['email', 'email_verified', 'hd'], profile: ['name', 'picture'] },
    conformIdTokenClaims: !emailInIdToken,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    cookies: { keys: ['a key for the cookies of a provider in a test'] }
  }).callback())
  server.on('request', (request, response) => {
    requests.push(`${request.method} ${request.url?.split('?')[0]}`)
    callback(request, response)
  })
  t.teardown(() => new Promise<void>(resolve => { server.closeAllConnections(); server.close(() => resolve()) }))

  const { client_id: id, client_secret: secret } = client
  return {
    issuer,
    accounts,
    requests,
    env: { OIDC_PROVIDERS: 'honest', OIDC_HONEST_ISSUER: issuer, OIDC_HONEST_CLIENT_ID: id, OIDC_HONEST_CLIENT_SECRET: secret },
    envAsGoogle: { GOOGLE_ISSUER: issuer, GOOGLE_CLIENT_ID: id, GOOGLE_CLIENT_SECRET: secret }
  }
}

/** Types a login and a password into the provider's page, says yes on the next one, and stops at the redirect home. */
export async function consentAt (browser: Browser, start: string, login: string, home: string): Promise<string> {
  const isHome = (location: string) => location.startsWith(home)
  let page = await browser.follow(start, {}, isHome)
  while (page.status === 200) page = await on(browser, await browser.submit(page, { login, password: 'any' }), isHome)
  return String(page.headers['location'])
}

/** Follows redirects to the next page, or to the one that leads home. */
async function on (browser: Browser, page: Page, isHome: (location: string) => boolean): Promise<Page> {
  const location = new URL(String(page.headers['location']), page.url).href
  return isHome(location) ? page : browser.follow(location, {}, isHome)
}

/** The package says at length that its pages are for development: they are. */
async function quietly<Result> (make: () => Promise<Result>): Promise<Result> {
  const { info, warn } = console
  console.info = console.warn = () => {}
  try {
    return await make()
  } finally {
    Object.assign(console, { info, warn })
  }
}
