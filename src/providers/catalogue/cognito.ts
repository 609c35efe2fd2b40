import { oidc } from '../descriptor.ts'

/**
 * https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html,
 * https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html (`email_verified`),
 * https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-specifying-attribute-mapping.html
 */
export const cognito = oidc({
  name: 'Amazon Cognito',
  clientIdExample: '1example23456789',
  issuerExample: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI',
  scopes: ['openid', 'email', 'profile']
})
