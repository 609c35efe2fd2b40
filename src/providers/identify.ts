import { AuthError, type RefusalCode } from '../errors.ts'
import type { Profile } from './descriptor.ts'
import type { Identity } from '../identity.ts'

const maxSubjectLength = 255

/**
 * What a provider said about a person as an identity. Only the JSON value `true` verifies an email; anything else does not.
 * @throws AuthError where the subject is no text or whole number, or `<provider>|<subject>` would not fit a token's sub
 */
export function identityOf (provider: string, profile: Profile, failure: RefusalCode = 'provider_error'): Identity {
  const { email, emailVerified, domainVouched = false, picture, hd } = profile
  const subject = subjectText(profile.subject)
  const name = shownName(profile.name)
  if (subject === undefined || `${provider}|${subject}`.length > maxSubjectLength) {
    throw new AuthError(failure, { cause: new Error('the subject cannot be used') })
  }
  return {
    provider,
    subject,
    email: emailText(email),
    emailVerified: emailVerified === true,
    domainVouched,
    ...(name && { name }),
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

/** Control characters, lines, what turns the direction of the text around it, halves of characters. Scripts need U+200C and U+200D. */
const unshowable = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]+/gu

/** Names are shown on pages and in terminals, and everybody may choose theirs: '' where nothing is left to show. */
const shownName = (name: unknown): string => isText(name) ? name.replace(unshowable, ' ').replace(/\s+/g, ' ').trim() : ''

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isWebAddress = (value: string): boolean => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
