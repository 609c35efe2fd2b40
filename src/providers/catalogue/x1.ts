import { oauth1 } from '../descriptor.ts'

/**
 * https://docs.x.com/resources/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens,
 * https://developer.x.com/en/docs/accounts-and-users/manage-account-settings/api-reference/get-account-verify_credentials
 */
export const x1 = oauth1({
  name: 'X',
  clientIdExample: 'xvz1evFS4wEEPTGEFPHBog',
  requestTokenUrl: 'https://api.x.com/oauth/request_token',
  authorizationUrl: 'https://api.x.com/oauth/authenticate',
  tokenUrl: 'https://api.x.com/oauth/access_token',
  apiUrl: 'https://api.x.com/1.1',
  profile: {
    url: '/account/verify_credentials.json?include_email=true&include_entities=false&skip_status=true',
    subject: 'id_str',
    email: 'email',
    // "if the email address is not verified, null will be returned"
    emailVerified: 'always',
    name: 'name',
    picture: 'profile_image_url_https'
  }
})
