import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'

/** Salesforce writes an id with 15 characters, or with 18, of which the last three are a check sum. */
function orgIds (value: string): string[] {
  return read.list(value).map(id => {
    if (!/^00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$/.test(id)) throw new Error(`"${id}" is not the id of an organization, such as 00D5g000001AbCdEAK`)
    return id.slice(0, 15)
  })
}

/**
 * https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_using_userinfo_endpoint.htm (`email_verified`),
 * https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm.
 * Its id_tokens name each customer's own domain as issuer, so the identity comes from userinfo.
 */
export const salesforce = oauth2({
  name: 'Salesforce',
  clientIdExample: '3MVG9…',
  authorizationUrl: 'https://login.salesforce.com/services/oauth2/authorize',
  tokenUrl: 'https://login.salesforce.com/services/oauth2/token',
  apiUrl: 'https://login.salesforce.com/services/oauth2',
  scopes: ['openid', 'email', 'profile'],
  variables: {
    ORGS: variable({
      description: 'Only users of these Salesforce organizations, by id',
      example: '00D5g000001AbCdEAK',
      otherwise: 'any organization',
      restricts: true,
      read: orgIds
    })
  },

  // A user never changes the organization, which is part of `sub`: once is enough.
  async profile (api, { ORGS: orgs }) {
    const user = await api.get('/userinfo')
    if (orgs && !orgs.includes(String(user['organization_id']).slice(0, 15))) throw new AuthError('email_not_allowed')
    return {
      subject: user['sub'],
      email: user['email'],
      emailVerified: user['email_verified'],
      name: user['name'],
      picture: user['picture']
    }
  }
})
