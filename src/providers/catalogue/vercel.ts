import { oidc } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://vercel.com/docs/sign-in-with-vercel, https://vercel.com/docs/sign-in-with-vercel/tokens (claims: an `email`, and no
 * `email_verified`), endpoints from https://vercel.com/.well-known/openid-configuration
 */
export const vercel = oidc({
  name: 'Vercel',
  clientIdExample: 'cl_be6c3c8b9f340d4a20feefab2862a49a',
  issuer: 'https://vercel.com',
  endpoints: {
    authorizationEndpoint: 'https://vercel.com/oauth/authorize',
    tokenEndpoint: 'https://api.vercel.com/login/oauth/token',
    jwksUri: 'https://vercel.com/.well-known/jwks',
    sendsIssuer: true,
    tokenAuth: 'basic',
    idTokenAlgs: ['RS256']
  },
  userinfo: false,
  scopes: ['openid', 'email', 'profile'],
  variables: { TRUST_EMAIL: trustEmail('Vercel') },

  // A flag that Vercel may send one day is worth more than the operator's word.
  refine: ({ email_verified: said }, { TRUST_EMAIL: trusted }) => ({ emailVerified: (said ?? trusted) === true })
})
