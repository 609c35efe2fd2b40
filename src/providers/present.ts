import type { Json } from './http/api.ts'

/** Flags and numbers: a text in their place is of the wrong type, also an empty one. */
const noTexts = new Set(['email_verified', 'exp', 'iat', 'nbf', 'auth_time', 'expires_in'])

/**
 * A provider's document without the members that stand for nothing. Many serializers write a member that has no value as
 * `null` or as an empty text: both count as absent.
 */
export const presentMembers = (document: Json): Json =>
  Object.fromEntries(Object.entries(document).filter(([name, value]) => value !== null && (value !== '' || noTexts.has(name))))
