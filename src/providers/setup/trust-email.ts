import { variable } from '../../env/variable.ts'

/**
 * `_TRUST_EMAIL`, for a provider that gives out an address and no proof of whose it is: an operator who does not accept
 * that cannot switch the provider on.
 * @param doubt what the provider says of its addresses, or leaves unsaid
 */
export function trustEmail (name: string, doubt = `${name} does not say whether an email address is verified`) {
  const id = name.toUpperCase().replace(/\W/g, '')
  const why = `${doubt}: ${id}_TRUST_EMAIL=true accepts that anyone may sign in with an address that ${name} did not verify`
  return variable({
    description: `Must be \`true\`: ${doubt}`,
    example: 'true',
    required: why,
    read (value) {
      if (value !== 'true') throw new Error(`must be true: ${why}`)
      return true
    }
  })
}
