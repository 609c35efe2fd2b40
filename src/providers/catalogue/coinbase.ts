import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://docs.cdp.coinbase.com/coinbase-app/oauth2-integration/integrations (endpoints),
 * https://docs.cdp.coinbase.com/coinbase-app/oauth2-integration/overview (PKCE),
 * https://docs.cloud.coinbase.com/sign-in-with-coinbase/docs/api-users (`email` with the scope `wallet:user:email`)
 */
export const coinbase = oauth2({
  name: 'Coinbase',
  clientIdExample: '1532c63424622b6e9c4654e7f97ed40194a1547e114ca1c682f44283f39dfa49',
  authorizationUrl: 'https://login.coinbase.com/oauth2/auth',
  tokenUrl: 'https://login.coinbase.com/oauth2/token',
  apiUrl: 'https://api.coinbase.com/v2',
  scopes: ['wallet:user:email'],
  variables: { TRUST_EMAIL: trustEmail('Coinbase') },

  async profile (api, { TRUST_EMAIL: trusted }) {
    const { data: user } = await api.get('/user')
    return {
      subject: valueAt(user, 'id'),
      email: valueAt(user, 'email'),
      emailVerified: trusted,
      name: valueAt(user, 'name'),
      picture: valueAt(user, 'avatar_url')
    }
  }
})
