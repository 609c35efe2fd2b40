import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developer.box.com/reference/get-authorize/, https://developer.box.com/reference/post-oauth2-token/,
 * https://developer.box.com/reference/get-users-me/ (`login`: "the primary email address of this user")
 */
export const box = oauth2({
  name: 'Box',
  clientIdExample: 'ly1nj6n11vionaie65emwzk575hnnmrk',
  authorizationUrl: 'https://account.box.com/api/oauth2/authorize',
  tokenUrl: 'https://api.box.com/oauth2/token',
  apiUrl: 'https://api.box.com/2.0',
  // The application has them, and the person's own record needs none.
  scopes: [],
  variables: { TRUST_EMAIL: trustEmail('Box') },

  // `notification_email` is another mailbox that a person may add; its `is_confirmed` says nothing about `login`.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const { id, login, name, avatar_url: picture } = await api.get('/users/me', { fields: 'id,login,name,avatar_url' })
    return { subject: id, email: login, emailVerified: trusted, name, picture }
  }
})
