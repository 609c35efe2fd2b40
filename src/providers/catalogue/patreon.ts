import { oauth2 } from '../descriptor.ts'

/**
 * https://docs.patreon.com/#oauth, https://docs.patreon.com/#get-api-oauth2-v2-identity,
 * https://docs.patreon.com/#user-v2 (`is_email_verified`: "whether the user has confirmed their email")
 */
export const patreon = oauth2({
  name: 'Patreon',
  clientIdExample: 'aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789',
  authorizationUrl: 'https://www.patreon.com/oauth2/authorize',
  tokenUrl: 'https://www.patreon.com/api/oauth2/token',
  apiUrl: 'https://www.patreon.com/api/oauth2/v2',
  scopes: ['identity', 'identity[email]'],
  profile: {
    // JSON:API: attributes that are not named are not there, and brackets must be encoded.
    url: '/identity?fields%5Buser%5D=email,is_email_verified,full_name,image_url',
    subject: 'data.id',
    email: 'data.attributes.email',
    emailVerified: 'data.attributes.is_email_verified',
    name: 'data.attributes.full_name',
    picture: 'data.attributes.image_url'
  }
})
