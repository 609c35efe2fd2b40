import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developer.spotify.com/documentation/web-api/tutorials/code-flow,
 * https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile (`email`: "unverified"),
 * https://developer.spotify.com/documentation/web-api/references/changes/may-2026 (`account_id`)
 */
export const spotify = oauth2({
  name: 'Spotify',
  clientIdExample: '5fe01282e44241328a84e7c5cc169165',
  authorizationUrl: 'https://accounts.spotify.com/authorize',
  tokenUrl: 'https://accounts.spotify.com/api/token',
  apiUrl: 'https://api.spotify.com/v1',
  tokenAuth: 'basic',
  strictJson: true,
  scopes: ['user-read-email'],
  variables: { TRUST_EMAIL: trustEmail('Spotify', 'Spotify says that its email addresses are unverified') },

  // `id` may change; `account_id` is documented not to.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const me = await api.get('/me')
    return {
      subject: me['account_id'],
      email: me['email'],
      emailVerified: trusted,
      name: me['display_name'],
      picture: valueAt(me, 'images.0.url')
    }
  }
})
