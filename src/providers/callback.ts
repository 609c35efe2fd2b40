import { AuthError } from '../errors.ts'
import type { CallbackAnswer } from './provider.ts'

export const callbackUrl = (publicUrl: string, id: string): string => `${publicUrl}/auth/${id}/callback`

/** What a person or the provider's policy said no to, as against what went wrong. */
const denials = new Set(['access_denied', 'user_denied', 'user_cancelled_login', 'user_cancelled_authorize', 'user_cancelled_authorization',
  'authorization_denied', 'login_required', 'interaction_required', 'consent_required', 'account_selection_required'])

/** RFC 6749 section 4.1.2.1: the provider says that it is in trouble, and another try may help. */
const troubles = new Set(['temporarily_unavailable', 'server_error'])

/**
 * RFC 6749 section 4.1.2.1: an error is the whole answer, whatever came with it. The provider's own words are shown to no user.
 * @throws AuthError access_denied, provider_unavailable, provider_error
 */
export function refuseError ({ error, error_reason: reason, error_code: code, denied }: CallbackAnswer): void {
  const words = [error, reason].filter(word => word !== undefined)
  if (denied !== undefined || words.some(word => denials.has(word))) throw new AuthError('access_denied')
  if (words.some(word => troubles.has(word))) {
    throw new AuthError('provider_unavailable', { cause: new Error('the provider says that it is in trouble') })
  }
  if (words.length > 0 || code !== undefined) throw new AuthError('provider_error')
}
