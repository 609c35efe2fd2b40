import { AuthError } from '../errors.ts'
import type { CallbackAnswer } from './provider.ts'

export const callbackUrl = (publicUrl: string, id: string): string => `${publicUrl}/auth/${id}/callback`

/** What a person or the provider's policy said no to, as against what went wrong. */
const denials = new Set(['access_denied', 'user_denied', 'user_cancelled_login', 'user_cancelled_authorize', 'user_cancelled_authorization',
  'authorization_denied', 'login_required', 'interaction_required', 'consent_required', 'account_selection_required'])

/**
 * RFC 6749 section 4.1.2.1: an error is the whole answer, whatever came with it. Its own words are for nobody.
 * @throws AuthError access_denied, provider_error
 */
export function refuseError ({ error, error_reason: reason, error_code: code, denied }: CallbackAnswer): void {
  if (denied !== undefined || [error, reason].some(word => word !== undefined && denials.has(word))) throw new AuthError('access_denied')
  if (error !== undefined || reason !== undefined || code !== undefined) throw new AuthError('provider_error')
}
