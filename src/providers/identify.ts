import { AuthError } from '../errors.ts'
import type { Claims, Identity } from './provider.ts'

const maxSubjectLength = 255

/**
 * Verified claims as an identity. Only the JSON value `true` verifies an email; anything else does not.
 * @throws AuthError invalid_id_token where `<provider>|<sub>` would not fit a token's sub
 */
export function identityOf (provider: string, claims: Claims, refined: Partial<Identity> = {}): Identity {
  const { sub, email, email_verified: emailVerified, name, picture } = claims
  if (typeof sub !== 'string' || `${provider}|${sub}`.length > maxSubjectLength) {
    throw new AuthError('invalid_id_token', { cause: new Error('sub is too long') })
  }
  return {
    provider,
    subject: sub,
    email: emailText(email),
    emailVerified: emailVerified === true,
    domainVouched: true,
    ...(isText(name) && { name }),
    ...(isText(picture) && isWebAddress(picture) && { picture }),
    ...refined
  }
}

/** Absent and empty are "missing"; an email of another type is an email that cannot be used. */
function emailText (email: unknown): string | undefined {
  if (email === undefined || email === null || email === '') return undefined
  return typeof email === 'string' ? email : ' '
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isWebAddress = (value: string): boolean => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
