import type { AccessTokenClaims } from '../tokens/claims.ts'

/** The user as our JSON answers show it: always the same members, null where unknown. */
export const userOf = ({ sub, email, email_verified: emailVerified, name, picture, provider }: AccessTokenClaims) => ({
  sub,
  email,
  email_verified: emailVerified,
  name: name ?? null,
  picture: picture ?? null,
  provider
})
