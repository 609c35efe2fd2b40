import { oidc } from '../descriptor.ts'

/**
 * https://huggingface.co/docs/hub/oauth (scopes), https://huggingface.co/docs/hub/spaces-oauth (client authentication by Basic),
 * https://huggingface.co/docs/huggingface.js/hub/interfaces/UserInfo (`email_verified`, with the scope `email`),
 * endpoints from https://huggingface.co/.well-known/openid-configuration
 */
export const huggingface = oidc({
  name: 'Hugging Face',
  clientIdExample: '4a1b2c3d-5e6f-7a8b-9c0d-1e2f3a4b5c6d',
  issuer: 'https://huggingface.co',
  endpoints: {
    authorizationEndpoint: 'https://huggingface.co/oauth/authorize',
    tokenEndpoint: 'https://huggingface.co/oauth/token',
    jwksUri: 'https://huggingface.co/oauth/jwks',
    userinfoEndpoint: 'https://huggingface.co/oauth/userinfo',
    sendsIssuer: false,
    tokenAuth: 'basic',
    idTokenAlgs: ['RS256']
  },
  scopes: ['openid', 'email', 'profile'],

  // The full name may be empty; the user name is there always.
  refine: ({ name, preferred_username: userName }) => typeof userName === 'string' && !name ? { name: userName } : {}
})
