import { oauth2 } from '../descriptor.ts'

/**
 * https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/,
 * https://developer.atlassian.com/cloud/oauth/getting-started/faq/ (User Identity API). The page shows no
 * `email_verified`, the API answers with one: without it the sign-in is refused.
 */
export const atlassian = oauth2({
  name: 'Atlassian',
  authorizationUrl: 'https://auth.atlassian.com/authorize',
  tokenUrl: 'https://auth.atlassian.com/oauth/token',
  apiUrl: 'https://api.atlassian.com',
  scopes: ['read:me'],
  params: { audience: 'api.atlassian.com', prompt: 'consent' },
  profile: { url: '/me', subject: 'account_id', email: 'email', emailVerified: 'email_verified', name: 'name', picture: 'picture' }
})
