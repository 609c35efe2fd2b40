import { createHmac } from 'node:crypto'
import { variable } from '../../config/variables.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'

const why = 'Facebook does not say whether an email address is verified: FACEBOOK_TRUST_EMAIL=true accepts that anyone ' +
  'may sign in with an address that Facebook did not verify'

/**
 * https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow,
 * https://developers.facebook.com/docs/graph-api/guides/secure-requests
 */
export const facebook = oauth2({
  name: 'Facebook',
  clientIdExample: '1234567890123456',
  authorizationUrl: 'https://www.facebook.com/v25.0/dialog/oauth',
  tokenUrl: 'https://graph.facebook.com/v25.0/oauth/access_token',
  apiUrl: 'https://graph.facebook.com/v25.0',
  apiAuth: 'query:access_token',
  scopes: ['email', 'public_profile'],
  scopeSeparator: ',',
  variables: {
    TRUST_EMAIL: variable({
      description: 'Must be `true`: Facebook does not say whether an email address is verified',
      example: 'true',
      required: why,
      read (value) {
        if (value !== 'true') throw new Error(`must be true: ${why}`)
        return true
      }
    })
  },

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
