import { AuthError, type RefusalCode } from '../errors.ts'
import type { Profile } from './descriptor.ts'
import type { Identity } from './provider.ts'

const maxSubjectLength = 255

/**
 * What a provider said about a person as an identity. Only the JSON value `true` verifies an email; anything else does not.
 * @throws AuthError where the subject is no text or whole number, or `<provider>|<subject>` would not fit a token's sub
 */
export function identityOf (provider: string, profile: Profile, failure: RefusalCode = 'provider_error'): Identity {
  const { email, emailVerified, domainVouched = false, name, picture, hd } = profile
  const subject = subjectText(profile.subject)
  if (subject === undefined || `${provider}|${subject}`.length > maxSubjectLength) {
    throw new AuthError(failure, { cause: new Error('the subject cannot be used') })
  }
  return {
    provider,
    subject,
    email: emailText(email),
    emailVerified: emailVerified === true,
    domainVouched,
    ...(isText(name) && { name }),
    ...(isText(picture) && isWebAddress(picture) && { picture }),
    ...(hd && { hd })
  }
}

/** A number above 2^53 has lost digits when it was read: two people could share what is left of it. */
function subjectText (subject: unknown): string | undefined {
  if (Number.isSafeInteger(subject)) return String(subject)
  return typeof subject === 'string' && /^[\x20-\x7e]+$/.test(subject) ? subject : undefined
}

/** Absent and empty are "missing"; an email of another type is an email that cannot be used. */
function emailText (email: unknown): string | undefined {
  if (email === undefined || email === null || email === '') return undefined
  return typeof email === 'string' ? email : ' '
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isWebAddress = (value: string): boolean => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
