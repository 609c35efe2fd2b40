import { domainListed, type EmailRules } from '../login/email-policy.ts'
import type { ConfiguredProvider } from '../providers/setup/read.ts'

/** For each provider whose word does not count for a domain that may sign in: the line by which it would. */
export const vouchingWarnings = (providers: ConfiguredProvider[], rules: EmailRules): string[] =>
  providers.flatMap(provider => warningOf(provider, rules))

function warningOf (provider: ConfiguredProvider, { allowed = [], allowedDomains = [] }: EmailRules): string[] {
  const { id, prefix, descriptor: { vouchesByItself, vouchesFor: own = [] }, emails } = provider
  if (emails.domains) return [] // what is accepted from it at all is what it speaks for
  const byDomain = vouchesByItself ? [] : allowedDomains
  const byAddress = emails.onlyTrusted ? allowed.map(email => email.slice(email.indexOf('@') + 1)) : []
  const missing = [...new Set([...byDomain, ...byAddress])].filter(domain => !domainListed(domain, emails.vouchesFor))
  if (missing.length === 0) return []
  const line = [...emails.vouchesFor.filter(domain => !own.includes(domain)), ...missing].join(',')
  const why = emails.onlyTrusted ? 'it does not verify its emails' : 'it verifies mailboxes, and does not speak for the domain'
  return [`${id} lets nobody of ${missing.join(', ')} in: ${why}. If its word is enough: ${prefix}VOUCHES_FOR=${line}`]
}
