import { variable } from '../config/variables.ts'

/**
 * `_TRUST_EMAIL`, for a provider that gives out an address and no word on whether it was verified: an operator who does
 * not accept that cannot switch the provider on.
 */
export function trustEmail (name: string) {
  const why = `${name} does not say whether an email address is verified: ${name.toUpperCase()}_TRUST_EMAIL=true accepts that anyone ` +
    `may sign in with an address that ${name} did not verify`
  return variable({
    description: `Must be \`true\`: ${name} does not say whether an email address is verified`,
    example: 'true',
    required: why,
    read (value) {
      if (value !== 'true') throw new Error(`must be true: ${why}`)
      return true
    }
  })
}
