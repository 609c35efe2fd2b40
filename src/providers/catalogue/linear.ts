import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://linear.app/developers/oauth-2-0-authentication (endpoints, PKCE, scopes with commas),
 * https://linear.app/developers/graphql (`viewer`); its schema has `email` without a word on whether it was verified
 */
export const linear = oauth2({
  name: 'Linear',
  clientIdExample: '5d1f3a0c8e7b4f6a9c2d1e0f3a4b5c6d',
  authorizationUrl: 'https://linear.app/oauth/authorize',
  tokenUrl: 'https://api.linear.app/oauth/token',
  apiUrl: 'https://api.linear.app',
  scopes: ['read'],
  scopeSeparator: ',',
  variables: { TRUST_EMAIL: trustEmail('Linear') },

  // GraphQL answers errors with status 200 and without `data`.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const answer = await api.postJson('/graphql', { query: '{ viewer { id email name avatarUrl } }' })
    const viewer = (name: string) => valueAt(answer, `data.viewer.${name}`)
    return {
      subject: viewer('id'),
      email: viewer('email'),
      emailVerified: trusted,
      name: viewer('name'),
      picture: viewer('avatarUrl')
    }
  }
})
