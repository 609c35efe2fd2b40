import { oidc } from '../descriptor.ts'

/**
 * https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2,
 * endpoints and issuer from https://www.linkedin.com/oauth/.well-known/openid-configuration
 */
export const linkedin = oidc({
  name: 'LinkedIn',
  clientIdExample: '78abcdefghijkl',
  issuer: 'https://www.linkedin.com/oauth',
  endpoints: {
    authorizationEndpoint: 'https://www.linkedin.com/oauth/v2/authorization',
    tokenEndpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
    jwksUri: 'https://www.linkedin.com/oauth/openid/jwks',
    userinfoEndpoint: 'https://api.linkedin.com/v2/userinfo',
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  // Its token endpoint refuses a code_verifier, and its id_tokens have no nonce.
  pkce: false,
  nonce: false,
  scopes: ['openid', 'email', 'profile'],
  // The flag is documented as a boolean, and comes as text in id_tokens: a text verifies nothing.
  userinfo: 'always'
})
