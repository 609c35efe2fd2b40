import { isIP } from 'node:net'
import { isLoopbackHost } from '../env/values.ts'

/**
 * Warns of each origin whose pages browsers count as another site than ours: they send SameSite=Lax cookies within one
 * site only, so calls with credentials from there are never signed in (RFC 6265bis section 5.2).
 */
export function otherSiteWarnings (publicUrl: string, allowedOrigins: string[]): string[] {
  return allowedOrigins.filter(origin => isOtherSite(origin, publicUrl)).map(origin => {
    const [one, other] = [origin, publicUrl].map(url => new URL(url.replace('://*.', '://any.')).hostname)
    const advice = isLoopbackHost(String(one)) && isLoopbackHost(String(other))
      ? `use one name for both: ${one} and ${other} are two sites`
      : 'give both a common domain'
    return `ALLOWED_ORIGINS: ${origin} is another site than PUBLIC_URL ${publicUrl}, and browsers send our cookies within one site only: ` +
      `links work, a script there is never signed in; ${advice}`
  })
}

/**
 * Certain only where it says yes: what a registrable domain is takes a list that changes every week. Two hosts that differ
 * in their last two labels have none in common, and nor have pages by http and https ("schemefully same-site").
 */
function isOtherSite (origin: string, publicUrl: string): boolean {
  const [one, other] = [new URL(origin.replace('://*.', '://any.')), new URL(publicUrl)]
  return one.protocol !== other.protocol || siteOf(one.hostname) !== siteOf(other.hostname)
}

function siteOf (hostname: string): string {
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return hostname
  return hostname.split('.').slice(-2).join('.')
}
