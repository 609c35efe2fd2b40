import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html,
 * https://developer.amazon.com/docs/login-with-amazon/customer-profile.html (`email`: "that they have registered with Amazon")
 */
export const amazon = oauth2({
  name: 'Amazon',
  clientIdExample: 'amzn1.application-oa2-client.5e0256cabe',
  authorizationUrl: 'https://www.amazon.com/ap/oa',
  tokenUrl: 'https://api.amazon.com/auth/o2/token',
  apiUrl: 'https://api.amazon.com',
  scopes: ['profile'],
  variables: { TRUST_EMAIL: trustEmail('Amazon') },

  async profile (api, { TRUST_EMAIL: trusted }) {
    const { user_id: subject, email, name } = await api.get('/user/profile')
    return { subject, email, emailVerified: trusted, name }
  }
})
