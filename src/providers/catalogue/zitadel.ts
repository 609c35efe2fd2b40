import { oidc } from '../descriptor.ts'

/**
 * https://zitadel.com/docs/apis/openidoauth/endpoints (discovery at the instance's domain),
 * https://zitadel.com/docs/apis/openidoauth/claims (`aud` has the project and its other applications in it, `azp` is the
 * client; of a code flow the email is in userinfo; `email_verified`: "if the email was verified by ZITADEL")
 */
export const zitadel = oidc({
  name: 'ZITADEL',
  clientIdExample: '69629023906488334',
  issuerExample: 'https://acme-a1b2c3.zitadel.cloud',
  scopes: ['openid', 'email', 'profile']
})
