import { oauth2 } from '../descriptor.ts'

/**
 * https://developer.paypal.com/log-in/build/, https://developer.paypal.com/docs/log-in-with-paypal/integrate/build-button
 * (authorization endpoint), https://developer.paypal.com/log-in/references/ (scopes),
 * https://developer.paypal.com/api/identity/v1/ (userinfo with `schema=openid`),
 * https://paypal.github.io/PayPal-PHP-SDK/class-PayPal.Api.OpenIdUserinfo.html (its members: `email_verified`, "true if the
 * end-user's e-mail address has been verified"; `verified_account` is about the account and its bank)
 */
export const paypal = oauth2({
  name: 'PayPal',
  clientIdExample: 'ARfDleH_j-C17kxbdUzYivR70xP5Uy5N',
  authorizationUrl: 'https://www.paypal.com/signin/authorize?flowEntry=static',
  tokenUrl: 'https://api-m.paypal.com/v1/oauth2/token',
  apiUrl: 'https://api-m.paypal.com/v1',
  tokenAuth: 'basic',
  scopes: ['openid', 'email', 'profile'],
  profile: {
    url: '/identity/openidconnect/userinfo?schema=openid',
    subject: 'user_id',
    email: 'email',
    emailVerified: 'email_verified',
    name: 'name',
    picture: 'picture'
  }
})
