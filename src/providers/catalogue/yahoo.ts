import { oidc } from '../descriptor.ts'

/**
 * https://developer.yahoo.com/sign-in-with-yahoo/,
 * https://developer.yahoo.com/oauth2/guide/openid_connect/getting_started.html,
 * endpoints and claims from https://api.login.yahoo.com/.well-known/openid-configuration
 */
export const yahoo = oidc({
  name: 'Yahoo',
  clientIdExample: 'dj0yJmk9ak5IZ2x5WmNsaHp6…',
  issuer: 'https://api.login.yahoo.com',
  endpoints: {
    authorizationEndpoint: 'https://api.login.yahoo.com/oauth2/request_auth',
    tokenEndpoint: 'https://api.login.yahoo.com/oauth2/get_token',
    jwksUri: 'https://api.login.yahoo.com/openid/v1/certs',
    userinfoEndpoint: 'https://api.login.yahoo.com/openid/v1/userinfo',
    sendsIssuer: false,
    tokenAuth: 'basic',
    // Its discovery document lists RS256 too; id_tokens come with this one.
    idTokenAlgs: ['ES256']
  },
  // Reported to be refused for clients with a secret ("unauthorized_client"). The nonce binds the code here.
  pkce: false,
  scopes: ['openid', 'email', 'profile'],
  vouchesFor: ['yahoo.com']
})
