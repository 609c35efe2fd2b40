import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import type { ReturnToRules } from '../login/return-to.ts'

/** Origins that may change state with our cookies: our own and the exact ones of ALLOWED_ORIGINS, never a wildcard. */
export const trustedOrigins = ({ publicUrl, allowedOrigins }: ReturnToRules): Set<string> =>
  new Set([publicUrl, ...allowedOrigins.filter(origin => !origin.includes('*'))])

/**
 * Refuses a state-changing request that another site may have sent with the browser's cookies. Browsers send
 * `Origin: null` for our own form posts, as our pages say no-referrer; fetch metadata then tells them apart.
 * @throws AuthError cross_site_request
 */
export function refuseCrossSite ({ headers }: FastifyRequest, trusted: Set<string>): void {
  const { origin } = headers
  const ours = origin === undefined || origin === 'null'
    ? headers['sec-fetch-site'] === 'same-origin'
    : trusted.has(origin)
  if (!ours) throw new AuthError('cross_site_request')
}

/**
 * Whether a page of this service or of a trusted origin sent the browser here, or the person did. Any other page may stop the
 * navigation before its answer has come, and what a cookie was traded for would be lost. Browsers without fetch metadata
 * are told by their Referer alone.
 */
export function isFriendlyNavigation ({ headers }: FastifyRequest, trusted: Set<string>): boolean {
  const { referer, 'sec-fetch-site': site } = headers
  if (site === 'same-origin' || site === 'none') return true
  if (site === 'cross-site') return false
  if (referer === undefined) return site === undefined
  return URL.canParse(referer) && trusted.has(new URL(referer).origin)
}
