import type { IssuedToken } from '../../tokens/access-tokens.ts'
import type { AccessTokenClaims } from '../../tokens/claims.ts'

/** The user as our JSON answers show it: always the same members, null where unknown. */
export const userOf = ({ sub, email, email_verified: emailVerified, name, picture, provider }: AccessTokenClaims) => ({
  sub,
  email,
  email_verified: emailVerified,
  name: name ?? null,
  picture: picture ?? null,
  provider
})

/** RFC 6749 section 5.1, and who it is for. A refresh token is in its cookie alone. */
export const tokenResponse = ({ token, expiresIn, claims }: IssuedToken) => ({
  access_token: token,
  token_type: 'Bearer' as const,
  expires_in: expiresIn,
  user: userOf(claims)
})
