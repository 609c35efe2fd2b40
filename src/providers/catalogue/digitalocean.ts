import { oauth2 } from '../descriptor.ts'

/**
 * https://docs.digitalocean.com/reference/api/oauth/ (endpoints),
 * https://docs.digitalocean.com/reference/api/reference/account/ (GET /v2/account, scope `account:read`;
 * `email_verified`: "if true, the user has verified their account via email")
 */
export const digitalocean = oauth2({
  name: 'DigitalOcean',
  clientIdExample: '4c413ac36ac22268b6fbd5eee9a6e6e7',
  authorizationUrl: 'https://cloud.digitalocean.com/v1/oauth/authorize',
  tokenUrl: 'https://cloud.digitalocean.com/v1/oauth/token',
  apiUrl: 'https://api.digitalocean.com/v2',
  scopes: ['account:read'],
  profile: {
    url: '/account',
    subject: 'account.uuid',
    email: 'account.email',
    emailVerified: 'account.email_verified',
    name: 'account.name'
  }
})
