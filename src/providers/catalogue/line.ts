import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developers.line.biz/en/docs/line-login/integrate-line-login/,
 * https://developers.line.biz/en/docs/line-login/verify-id-token/, https://developers.line.biz/en/reference/line-login/#verify-id-token
 */
export const line = oauth2({
  name: 'LINE',
  clientIdExample: '1234567890',
  authorizationUrl: 'https://access.line.me/oauth2/v2.1/authorize',
  tokenUrl: 'https://api.line.me/oauth2/v2.1/token',
  apiUrl: 'https://api.line.me/oauth2/v2.1',
  scopes: ['openid', 'profile', 'email'],
  variables: { TRUST_EMAIL: trustEmail('LINE') },

  // Only the id_token has the address. To web logins LINE signs it with the client secret (HS256), which no key of the service
  // is ever compared with: LINE itself says whether it holds.
  async profile (api, { TRUST_EMAIL: trusted }, { token, clientId }) {
    const { iss, aud, sub, email, name, picture } = await api.post('/verify', { id_token: String(token['id_token']), client_id: clientId })
    if (iss !== 'https://access.line.me' || aud !== clientId) {
      throw new AuthError('provider_error', { cause: new Error('the id_token is of another issuer or for another client') })
    }
    return { subject: sub, email, emailVerified: trusted, name, picture }
  }
})
