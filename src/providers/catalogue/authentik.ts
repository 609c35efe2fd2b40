import { oidc } from '../descriptor.ts'

/**
 * https://docs.goauthentik.io/add-secure-apps/providers/oauth2/ (endpoints: an issuer of its own for each application),
 * https://docs.goauthentik.io/add-secure-apps/providers/oauth2/verify-email-address/ (`email_verified` is `false` for everybody
 * since 2025.10, unless a mapping says otherwise; before it was `true` for everybody)
 */
export const authentik = oidc({
  name: 'authentik',
  clientIdExample: 'aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcD',
  // The slash is part of it.
  issuerExample: 'https://authentik.example.com/application/o/handstamp/',
  scopes: ['openid', 'email', 'profile']
})
