import { oidc } from '../descriptor.ts'

// Twitch puts nothing about the person into an id_token unless it is asked for by name.
const claims = { id_token: { email: null, email_verified: null, preferred_username: null, picture: null } }

/** https://dev.twitch.tv/docs/authentication/getting-tokens-oidc/ (claims, endpoints by its discovery document) */
export const twitch = oidc({
  name: 'Twitch',
  clientIdExample: 'hof5gwx0su6owfnys0yan9c87zr6t',
  issuer: 'https://id.twitch.tv/oauth2',
  endpoints: {
    authorizationEndpoint: 'https://id.twitch.tv/oauth2/authorize',
    tokenEndpoint: 'https://id.twitch.tv/oauth2/token',
    jwksUri: 'https://id.twitch.tv/oauth2/keys',
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  userinfo: false,
  scopes: ['openid', 'user:read:email'],
  params: { claims: JSON.stringify(claims) },

  // The display name: Twitch has no other.
  refine: ({ preferred_username: name }) => typeof name === 'string' ? { name } : {}
})
