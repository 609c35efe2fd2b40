import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'

/**
 * https://developers.dropbox.com/oauth-guide,
 * https://www.dropbox.com/developers/documentation/http/documentation#users-get_current_account (`email_verified`)
 */
export const dropbox = oauth2({
  name: 'Dropbox',
  clientIdExample: 'a1b2c3d4e5f6g7h',
  authorizationUrl: 'https://www.dropbox.com/oauth2/authorize',
  tokenUrl: 'https://api.dropboxapi.com/oauth2/token',
  apiUrl: 'https://api.dropboxapi.com/2',
  scopes: ['account_info.read'],

  // A post without a body: it takes no parameters.
  async profile (api) {
    const account = await api.post('/users/get_current_account')
    return {
      subject: account['account_id'],
      email: account['email'],
      emailVerified: account['email_verified'],
      name: valueAt(account, 'name.display_name'),
      picture: account['profile_photo_url']
    }
  }
})
