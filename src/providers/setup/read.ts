import type { Descriptor } from '../descriptor.ts'
import { genericKinds, type GenericKind } from './generic.ts'
import type { Catalogue } from '../catalogue/index.ts'
import type { EmailAuthority } from '../provider.ts'
import type { EnvironmentReader, Group } from '../../env/environment.ts'
import { checkTogether, refuseSharedKeys, type RuledValues } from './rules.ts'
import { usualVariables, withOperatorsWords } from './variables.ts'
import { providerIds } from './ids.ts'
import * as read from '../../env/values.ts'
import { variable, type Variables } from '../../env/variable.ts'

/** One configured provider: its descriptor with the operator's words in it, and who we are there. */
export interface ConfiguredProvider {
  id: string
  /** What its variables begin with. */
  prefix: string
  name: string
  descriptor: Descriptor
  clientId: string
  clientSecret: string
  scopes: string[]
  /** Values of its variables. */
  own: Record<string, unknown>
  emails: EmailAuthority
}

interface Rules {
  /** PUBLIC_URL is loopback, so providers may be. */
  loopback: boolean
  warnings: string[]
}

/** Where one provider's variables are, and what makes it configured. */
interface Place {
  id: string
  prefix: string
  /** How much of a name a person is taken to spell right. */
  sure: number
  variables: Variables
  describe: GenericKind['describe']
  /** The variable that lists the id; absent for the provider that a catalogue name alone stands for. */
  list?: string
  /** How problems call it. */
  name: string
}

/** Every provider that the environment configures, and the groups of names that are theirs alone. */
export function readProviders (reader: EnvironmentReader, catalogue: Catalogue, rules: Rules): { providers: ConfiguredProvider[], groups: Group[] } {
  const places: Place[] = []
  const groups: Group[] = []

  const listed = (kind: string, example: string) => {
    const list = `${kind.toUpperCase()}_PROVIDERS`
    const definition = instanceList(example)
    return { list, ids: (reader.all({ [list]: definition })[list] ?? []) }
  }

  for (const [kind, descriptor] of Object.entries(catalogue)) {
    const prefix = `${kind.toUpperCase()}_`
    const variables = usualVariables(descriptor)
    const describe = (values: Record<string, unknown>) => withOperatorsWords(descriptor, values)
    places.push({ id: kind, prefix, sure: prefix.length, variables, describe, name: descriptor.name })
    const { list, ids } = listed(kind, 'main,partner')
    for (const id of ids) {
      const own = `${prefix}${id.toUpperCase()}_`
      const named = { ...variables, NAME: genericKinds.oidc.variables.NAME }
      places.push({ id, prefix: own, sure: 0, variables: named, describe, list, name: id })
      groups.push({ prefix: own, pattern: own, variables: named })
    }
  }
  for (const [kind, { variables, describe }] of Object.entries<GenericKind>(genericKinds)) {
    const prefix = `${kind.toUpperCase()}_`
    const { list, ids } = listed(kind, 'acme,partner')
    for (const id of ids) places.push({ id, prefix: `${prefix}${id.toUpperCase()}_`, sure: 0, variables, describe, list, name: id })
    groups.push({ prefix, pattern: `${prefix}<ID>_`, list, variables })
  }

  const providers = places.map(place => readOne(reader, place, rules, catalogue)).filter(provider => provider !== undefined)
  refuseTwins(reader, providers, places)
  refuseSharedKeys(reader, providers)
  warnOfUnboundEmails(places, providers, rules)
  return { providers, groups }
}

export const instanceList = (example: string) => variable({
  description: 'Ids of further providers of this kind, each with variables of its own',
  example,
  otherwise: 'none',
  read: providerIds
})

function readOne (
  reader: EnvironmentReader, place: Place, { loopback }: Rules, catalogue: Catalogue
): ConfiguredProvider | undefined {
  const { id, prefix, sure, variables, list, name, describe } = place
  const isSet = (field: string) => reader.isSet(prefix + field)
  if (!list) {
    // Of a provider that is off, a slip in these two is all that counts, in its own name only if that is a long word.
    const { CLIENT_ID, CLIENT_SECRET } = variables
    reader.know({ ...(CLIENT_ID && { CLIENT_ID }), ...(CLIENT_SECRET && { CLIENT_SECRET }) }, prefix, id.length < 6 ? sure : 0)
  }
  if (!list && !isSet('CLIENT_ID') && !isSet('CLIENT_SECRET')) {
    // An operator who restricts a provider means to use it. An address may be set for another program: build servers set GITHUB_API_URL.
    const meant = Object.entries(variables).some(([field, { restricts }]) => (restricts || field === 'ISSUER') && isSet(field))
    if (meant) reader.problem(`${prefix}CLIENT_ID`, `is missing: other ${prefix} variables are set`, variables['CLIENT_ID']?.example)
    return undefined
  }

  // Every table has these under the same types, whatever else is in it.
  const values = reader.all(variables, prefix, sure) as KnownValues & Record<string, unknown>
  let complete = true
  for (const [field, { required, example }] of Object.entries(variables)) {
    const needed = typeof required === 'function' ? required(values) : required
    if (!needed || isSet(field)) continue
    complete = false
    const because = list ? `${list} lists ${id}` : isSet('CLIENT_ID') ? `${prefix}CLIENT_ID is set` : `${prefix}CLIENT_SECRET is set`
    const why = typeof needed === 'string' ? `, and ${needed}` : list ? '' : `, and ${name} needs both`
    reader.problem(prefix + field, `is missing: ${because}${why}`, example)
  }
  for (const [field, { address, example }] of Object.entries(variables)) {
    const value = values[field]
    if (!address || typeof value !== 'string') continue
    const { protocol, hostname } = new URL(value)
    if (protocol === 'http:' && !(loopback && read.isLoopbackHost(hostname))) {
      reader.problem(prefix + field, 'must be https: http is for a provider and a PUBLIC_URL that are both loopback', example)
    }
  }
  const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret = '', SCOPES, NAME = name } = values
  if (!complete || !clientId) return undefined

  const descriptor = describe(values, NAME)
  checkTogether(reader, { prefix, descriptor, values }, catalogue)
  return {
    id,
    prefix,
    name: NAME,
    descriptor,
    clientId,
    clientSecret,
    scopes: scopesOf(descriptor, variables, values, SCOPES),
    own: values,
    emails: authorityOf(descriptor, values)
  }
}

function authorityOf ({ vouchesFor = [] }: Descriptor, values: KnownValues): EmailAuthority {
  const { EMAIL_DOMAINS: domains, VOUCHES_FOR = [], TRUST_EMAIL, EMAIL_VERIFIED } = values
  return {
    ...(domains && { domains }),
    vouchesFor: [...vouchesFor, ...VOUCHES_FOR, ...domains ?? []],
    onlyTrusted: TRUST_EMAIL === true || EMAIL_VERIFIED === 'always'
  }
}

interface KnownValues extends RuledValues {
  CLIENT_ID?: string
  CLIENT_SECRET?: string
  SCOPES?: string[]
  VOUCHES_FOR?: string[]
  TRUST_EMAIL?: boolean
  NAME?: string
}

/** The operator's scopes or the descriptor's, and those that the variables in use bring along. */
function scopesOf (descriptor: Descriptor, variables: Variables, values: Record<string, unknown>, chosen: string[] | undefined): string[] {
  const scopes = new Set(chosen ?? ('scopes' in descriptor ? descriptor.scopes : []))
  for (const [field, { scope }] of Object.entries(variables)) if (scope && values[field] !== undefined) scopes.add(scope)
  return [...scopes]
}

/** An id is a path and the first half of every `sub`: two providers may not share it. */
function refuseTwins (reader: EnvironmentReader, providers: ConfiguredProvider[], places: Place[]): void {
  const seen = new Set<string>()
  for (const { id } of providers) {
    const list = places.findLast(place => place.id === id)?.list
    if (seen.has(id) && list) reader.problem(list, `"${id}" is the id of another provider too: choose another`)
    seen.add(id)
  }
}

/** A provider that the operator describes may assert any email, of users of the others too. */
function warnOfUnboundEmails (places: Place[], providers: ConfiguredProvider[], { warnings }: Rules): void {
  if (providers.length < 2) return
  const generic = new Set(Object.keys(genericKinds).map(kind => `${kind.toUpperCase()}_PROVIDERS`))
  const unbound = new Set(providers.filter(({ emails }) => !emails.domains).map(({ id }) => id))
  for (const { id, list = '', prefix, variables } of places) {
    if (unbound.has(id) && (generic.has(list) || variables['ISSUER']?.required)) {
      warnings.push(`${prefix}EMAIL_DOMAINS is not set: ${id} may assert the email of anyone, also of users of other providers`)
    }
  }
}
