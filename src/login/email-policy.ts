import { domainToASCII, domainToUnicode } from 'node:url'
import { AuthError } from '../errors.ts'
import type { EmailAuthority } from '../providers/provider.ts'
import type { Identity } from '../identity.ts'

/** Who may sign in. Emails and domains are in their canonical spelling. */
export interface EmailRules {
  allowed?: string[]
  allowedDomains?: string[]
  blocked: string[]
}

/**
 * The one spelling of an email by which we compare and which goes into tokens, or undefined if it cannot be used.
 * Refused, not repaired: one `@`, an ASCII local part, lower case by ASCII alone (U+212A and U+0130 fold onto
 * ASCII letters elsewhere); only the domain may be international and becomes its lower-case ASCII form (UTS 46).
 */
export function canonicalEmail (email: string): string | undefined {
  const [local, domain, more] = email.split('@')
  if (local === undefined || domain === undefined || more !== undefined) return undefined
  if (!/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}$/.test(local)) return undefined
  // domainToASCII parses a host: it would decode %xx and cut at `/`, `:` or `#`.
  if (domain === '' || /[\x00-\x2c/:-@[-`{-\x7f]/.test(domain)) return undefined
  const isPlain = /^(?!.*xn--)[a-z0-9.-]+$/.test(domain) // as most are: each refresh asks
  const ascii = isPlain ? domain : domainToASCII(domain)
  const isHost = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(ascii)
  const isHollow = !isPlain && /(^|\.)xn--/.test(domainToUnicode(ascii)) // punycode of nothing, which newer versions of Node leave as it is
  if (ascii.length > 253 || !isHost || isHollow) return undefined
  const canonical = `${local.replace(/[A-Z]/g, letter => letter.toLowerCase())}@${ascii}`
  return canonical.length <= 254 ? canonical : undefined
}

/** Whether a list of domains covers this one: equality, or any sub-domain for an entry with a leading dot. */
export function domainListed (domain: string, domains: string[]): boolean {
  return domains.some(entry => entry.startsWith('.') ? domain.endsWith(entry) : domain === entry)
}

/**
 * Lets in only a verified, canonical and allowed email, and gives it back.
 * @throws AuthError email_missing, email_invalid, email_not_verified, email_not_allowed
 */
export function admitEmail (identity: Identity, rules: EmailRules, authority: EmailAuthority): string {
  if (identity.email === undefined) throw new AuthError('email_missing')
  const email = canonicalEmail(identity.email)
  if (!email) throw new AuthError('email_invalid')
  if (!identity.emailVerified) throw new AuthError('email_not_verified')

  const admitted = { ...identity, email }
  if (isAllowed(admitted, rules, authority)) return email
  const wouldCount = isAllowed({ ...admitted, domainVouched: true }, rules, authority)
  const why = wouldCount ? `${identity.provider} does not speak for the domain of this email: see _VOUCHES_FOR` : 'not on the lists'
  throw new AuthError('email_not_allowed', { cause: new Error(why) })
}

/** An identity with its email in its canonical spelling. */
type Admitted = Identity & { email: string }

/** Whether a person who was admitted before, with the email of then, is still admitted by the rules and providers of today. */
export const mayStay = (identity: Admitted, rules: EmailRules, provider: { emails: EmailAuthority } | undefined): boolean =>
  provider !== undefined && isAllowed(identity, rules, provider.emails)

/**
 * Whether the provider speaks for the email's domain: by what it said at the login, or by the operator's word. One that
 * only verified the mailbox does not: the domain may be in other hands since, or the person no longer with it.
 */
function isVouchedFor ({ email, domainVouched, hd }: Admitted, { vouchesFor }: EmailAuthority): boolean {
  const domain = domainOf(email)
  return domainVouched || hd === domain || domainListed(domain, vouchesFor)
}

function isAllowed (identity: Admitted, { blocked, allowed, allowedDomains }: EmailRules, authority: EmailAuthority): boolean {
  const { email } = identity
  if (blocked.includes(email)) return false
  if (authority.domains && !domainListed(domainOf(email), authority.domains)) return false
  if (!allowed && !allowedDomains) return true
  const isVouched = isVouchedFor(identity, authority)
  // Anyone may have typed a listed address at a provider that verifies none.
  if (allowed?.includes(email) && (isVouched || !authority.onlyTrusted)) return true
  return isVouched && allowedDomains !== undefined && domainListed(domainOf(email), allowedDomains)
}

const domainOf = (email: string): string => email.slice(email.indexOf('@') + 1)
