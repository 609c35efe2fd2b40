import { createHmac } from 'node:crypto'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow,
 * https://developers.facebook.com/docs/graph-api/guides/secure-requests
 */
export const facebook = oauth2({
  name: 'Facebook',
  clientIdExample: '1234567890123456',
  authorizationUrl: 'https://www.facebook.com/v26.0/dialog/oauth',
  tokenUrl: 'https://graph.facebook.com/v26.0/oauth/access_token',
  apiUrl: 'https://graph.facebook.com/v26.0',
  apiAuth: 'query:access_token',
  scopes: ['email', 'public_profile'],
  scopeSeparator: ',',
  addsFragment: true, // `#_=_`
  variables: { TRUST_EMAIL: trustEmail('Facebook') },

  // A token of another app would be as good as ours at /me: debug_token says for whom and of whom it is.
  async profile (api, { TRUST_EMAIL: trusted }, { accessToken, clientId, clientSecret }) {
    const { data } = await api.as(`${clientId}|${clientSecret}`).get('/debug_token', { input_token: accessToken })
    const { app_id: app, is_valid: valid, user_id: user } = data as Record<string, unknown>
    const me = await api.get('/me', {
      fields: 'id,name,email,picture',
      appsecret_proof: createHmac('sha256', clientSecret).update(accessToken).digest('hex')
    })
    if (app !== clientId || valid !== true || user !== me['id']) {
      throw new AuthError('provider_error', { cause: new Error('the token is of another app or person') })
    }
    return {
      subject: me['id'],
      email: me['email'],
      emailVerified: trusted,
      name: me['name'],
      picture: valueAt(me, 'picture.data.url')
    }
  }
})
