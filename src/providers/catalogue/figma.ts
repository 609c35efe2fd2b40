import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/** https://developers.figma.com/docs/rest-api/authentication, https://developers.figma.com/docs/rest-api/users-endpoints */
export const figma = oauth2({
  name: 'Figma',
  clientIdExample: 'Xq3nExampleClientId',
  authorizationUrl: 'https://www.figma.com/oauth',
  tokenUrl: 'https://api.figma.com/v1/oauth/token',
  apiUrl: 'https://api.figma.com/v1',
  scopes: ['current_user:read'],
  tokenAuth: 'basic',
  variables: { TRUST_EMAIL: trustEmail('Figma') },

  async profile (api, { TRUST_EMAIL: trusted }) {
    const { id, email, handle, img_url: picture } = await api.get('/me')
    return { subject: id, email, emailVerified: trusted, name: handle, picture }
  }
})
