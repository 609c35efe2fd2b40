import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide (authorize, token),
 * https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/public-token/post-oauth-v3-token-introspect,
 * https://developers.hubspot.com/docs/api-reference/legacy/authentication/oauth-tokens/token-introspect (its members:
 * `user` is "the email address of the user", and nothing says whether it was verified)
 */
export const hubspot = oauth2({
  name: 'HubSpot',
  clientIdExample: '7fff1e36-2d40-4ae1-bbb1-5266d59564fb',
  authorizationUrl: 'https://app.hubspot.com/oauth/authorize',
  tokenUrl: 'https://api.hubapi.com/oauth/v3/token',
  apiUrl: 'https://api.hubapi.com/oauth/v3',
  scopes: ['oauth'],
  variables: {
    HUBS: variable({
      description: 'Only users of these HubSpot accounts, by hub id',
      example: '62515',
      otherwise: 'any account',
      restricts: true,
      read: read.list
    }),
    TRUST_EMAIL: trustEmail('HubSpot')
  },

  // HubSpot has no profile: what it says of the token names its user. The client is ours, or the token was made for another.
  // Each login is to one account (hub), and a user id is only promised to be of that account.
  async profile (api, { HUBS: hubs, TRUST_EMAIL: trusted }, { accessToken, clientId, clientSecret }) {
    const { active, client_id: client, hub_id: hub, user_id: user, user: email } = await api.post('/token/introspect', {
      client_id: clientId,
      client_secret: clientSecret,
      token: accessToken,
      token_type_hint: 'access_token'
    })
    if (active !== true || client !== clientId || !Number.isSafeInteger(hub) || !Number.isSafeInteger(user)) {
      throw new AuthError('provider_error', { cause: new Error('the token is of another application, or of no user') })
    }
    if (hubs && !hubs.includes(String(hub))) throw new AuthError('email_not_allowed')
    return { subject: `${String(hub)}:${String(user)}`, email, emailVerified: trusted }
  }
})
