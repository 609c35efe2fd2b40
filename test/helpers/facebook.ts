import type { Environment } from '../../src/env/environment.ts'
import { Reply, type FakeProvider, type Received } from './fake-provider.ts'

/** Plays Facebook, which sends the browser back to an address with the fragment `#_=_`; gives back what configures it. */
export function facebook (fake: FakeProvider): Environment {
  Object.assign(fake.answers, {
    '/authorize': ({ query }: Received) =>
      new Reply(302, '', 'text/html', { location: `${query.get('redirect_uri')}?code=a-code&state=${query.get('state')}#_=_` }),
    '/token': { access_token: 'a-token', token_type: 'bearer' },
    '/api/debug_token': { data: { app_id: 'an-app', is_valid: true, user_id: '7' } },
    '/api/me': { id: '7', name: 'Ada Lovelace', email: 'ada@example.com' }
  })
  return {
    FACEBOOK_CLIENT_ID: 'an-app',
    FACEBOOK_CLIENT_SECRET: 'a-secret',
    FACEBOOK_TRUST_EMAIL: 'true',
    FACEBOOK_AUTHORIZATION_URL: `${fake.url}/authorize`,
    FACEBOOK_TOKEN_URL: `${fake.url}/token`,
    FACEBOOK_API_URL: `${fake.url}/api`
  }
}
