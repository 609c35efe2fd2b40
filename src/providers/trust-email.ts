import { variable } from '../config/variables.ts'

/**
 * `<ID>_TRUST_EMAIL` of a provider that gives out addresses and no proof of whose they are: without it there is no start.
 * @param doubt what the provider says about its addresses, or leaves unsaid
 */
export function trustEmail (id: string, doubt: string) {
  const why = `${doubt}: ${id}_TRUST_EMAIL=true accepts that anyone may sign in with an address that was never verified`
  return variable({
    description: `Must be \`true\`: ${doubt}`,
    example: 'true',
    required: why,
    read (value: string): boolean {
      if (value !== 'true') throw new Error(`must be true: ${why}`)
      return true
    }
  })
}
