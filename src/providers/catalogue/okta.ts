import { oidc } from '../descriptor.ts'

/**
 * https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/ (claims),
 * https://support.okta.com/help/s/article/how-to-return-the-email-verified-claim: beside an access token the claim is
 * in userinfo alone, and of an organisation that is not one's own it proves nothing
 */
export const okta = oidc({
  name: 'Okta',
  clientIdExample: '0oa1b2c3d4E5f6G7h8i9',
  issuerExample: 'https://acme.okta.com',
  scopes: ['openid', 'email', 'profile']
})
