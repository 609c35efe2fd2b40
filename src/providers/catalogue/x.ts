import { oauth2 } from '../descriptor.ts'

/**
 * https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code,
 * https://docs.x.com/x-api/users/get-my-user,
 * https://docs.x.com/x-api/fundamentals/data-dictionary (`confirmed_email`: "the confirmed email of the authenticated user")
 */
export const x = oauth2({
  name: 'X',
  clientIdExample: 'M1M5R3BMVy13QmpScXkzTUt5OE46MTpjaQ',
  authorizationUrl: 'https://x.com/i/oauth2/authorize',
  tokenUrl: 'https://api.x.com/2/oauth2/token',
  apiUrl: 'https://api.x.com/2',
  tokenAuth: 'basic',
  // /users/me answers 403 without tweet.read.
  scopes: ['users.read', 'users.email', 'tweet.read'],
  profile: {
    url: '/users/me?user.fields=confirmed_email,profile_image_url',
    subject: 'data.id',
    email: 'data.confirmed_email',
    // An address that is not confirmed is not in this field at all.
    emailVerified: 'always',
    name: 'data.name',
    picture: 'data.profile_image_url'
  }
})
