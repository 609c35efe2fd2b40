import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'

/**
 * https://support.atlassian.com/bitbucket-cloud/docs/use-oauth-on-bitbucket-cloud/,
 * https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/#api-user-emails-get (confirmed and unconfirmed ones)
 */
export const bitbucket = oauth2({
  name: 'Bitbucket',
  clientIdExample: 'aBcDeFgHiJkLmNoPqR',
  authorizationUrl: 'https://bitbucket.org/site/oauth2/authorize',
  tokenUrl: 'https://bitbucket.org/site/oauth2/access_token',
  apiUrl: 'https://api.bitbucket.org/2.0',
  tokenAuth: 'basic',
  scopes: ['account', 'email'],

  async profile (api) {
    const user = await api.get('/user')
    const { values } = await api.get('/user/emails', { pagelen: '100' })
    const primary = (values as Array<Record<string, unknown>>).find(({ is_primary: primary }) => primary === true)
    return {
      subject: user['uuid'],
      email: primary?.['email'],
      emailVerified: primary?.['is_confirmed'],
      name: user['display_name'],
      picture: valueAt(user, 'links.avatar.href')
    }
  }
})
