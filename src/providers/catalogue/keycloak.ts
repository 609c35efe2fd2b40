import { oidc } from '../descriptor.ts'

/**
 * https://www.keycloak.org/securing-apps/oidc-layers (endpoints of a realm),
 * https://www.keycloak.org/docs/latest/server_admin/ ("Email verified", "Trust Email", client scope `email`)
 */
export const keycloak = oidc({
  name: 'Keycloak',
  issuerExample: 'https://keycloak.example.com/realms/acme',
  scopes: ['openid', 'email', 'profile']
})
