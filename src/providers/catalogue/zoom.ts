import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'

/**
 * https://developers.zoom.us/docs/integrations/oauth/,
 * https://developers.zoom.us/docs/api/users/ (`verified`: 1 is a verified user email, 0 is not)
 */
export const zoom = oauth2({
  name: 'Zoom',
  clientIdExample: 'aBcDeFgHiJkLmNoPqRsT',
  authorizationUrl: 'https://zoom.us/oauth/authorize',
  tokenUrl: 'https://zoom.us/oauth/token',
  apiUrl: 'https://api.zoom.us/v2',
  tokenAuth: 'basic',
  // The app has them: which ones exist depends on its age.
  scopes: [],
  variables: {
    ACCOUNTS: variable({
      description: 'Only users of these Zoom accounts (companies), by account id',
      example: 'q6gBJVO5TzexKYTb_I2rpg',
      otherwise: 'any account',
      restricts: true,
      read: read.list
    })
  },

  async profile (api) {
    const user = await api.get('/users/me')
    return {
      subject: user['id'],
      email: user['email'],
      emailVerified: user['verified'] === 1,
      name: user['display_name'],
      picture: user['pic_url']
    }
  },

  async membership (api, { ACCOUNTS: accounts = [] }) {
    const { account_id: account } = await api.get('/users/me')
    if (!accounts.some(id => id === account)) throw new AuthError('email_not_allowed')
  }
})
