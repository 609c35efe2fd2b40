import type { Descriptor, OidcDescriptor } from '../descriptor.ts'
import type { Catalogue } from '../catalogue/index.ts'
import type { NamedTenants } from '../oidc/tenants.ts'
import { checkClientKey, openidVariables } from './common-variables.ts'
import type { EnvironmentReader } from '../../env/environment.ts'
import type { ConfiguredProvider } from './read.ts'

/** What a provider's variables say, as far as these rules ask. */
export interface RuledValues extends NamedTenants {
  EMAIL_VERIFIED?: string
  EMAIL_DOMAINS?: string[]
  TOKEN_AUTH?: string
  PRIVATE_KEY?: string
}

/** Where a provider's values go, and which provider they describe. */
export interface Ruled {
  prefix: string
  descriptor: Descriptor
  values: RuledValues
}

/** Reports what no variable shows alone: an email that is only trusted, a key that cannot sign. */
export function checkTogether (reader: EnvironmentReader, ruled: Ruled, catalogue: Catalogue): void {
  const { prefix, descriptor, values } = ruled
  if (values.EMAIL_VERIFIED === 'always') {
    if (!values.EMAIL_DOMAINS) {
      const reason = `is missing: with ${prefix}EMAIL_VERIFIED=always, say for which domains the provider is trusted`
      reader.problem(`${prefix}EMAIL_DOMAINS`, reason, 'example.com')
    }
    const why = descriptor.kind === 'oidc' ? whyNotTrusted(descriptor, values, catalogue) : undefined
    if (why) reader.problem(`${prefix}EMAIL_VERIFIED`, `cannot be always: ${why}`)
  }
  if (values.TOKEN_AUTH === 'private_key_jwt') {
    try {
      checkClientKey(values.PRIVATE_KEY)
    } catch (error) {
      reader.problem(`${prefix}PRIVATE_KEY`, (error as Error).message, openidVariables.PRIVATE_KEY.example)
    }
  }
}

/** Where anyone may open an account, or a tenant, an email without a flag may be anyone's. */
function whyNotTrusted (descriptor: OidcDescriptor, values: RuledValues, catalogue: Catalogue) {
  const { issuer = '' } = descriptor
  const open = Object.values(catalogue).find(known =>
    known.kind === 'oidc' && known.issuer !== undefined && hostOf(known.issuer) === hostOf(issuer))
  const { name, isOneTenant } = open?.kind === 'oidc' ? open : descriptor
  if (!isOneTenant) return open && `anyone can sign up at ${name}`
  if (isOneTenant({ ...values, ISSUER: issuer })) return undefined
  return `anyone can have a tenant of ${name} and give its people any address, so name the one that is yours`
}

/** undefined for an issuer that is none, which is a problem already. */
const hostOf = (issuer: string): string | undefined => URL.canParse(issuer) ? new URL(issuer).host : undefined

/** A provider that receives a signed assertion could use it at another that knows the same key. */
export function refuseSharedKeys (reader: EnvironmentReader, providers: ConfiguredProvider[]): void {
  const seen = new Map<string, { issuer: string | undefined, prefix: string }>()
  for (const { descriptor, prefix, own: { PRIVATE_KEY: key } } of providers) {
    if (descriptor.kind !== 'oidc' || typeof key !== 'string') continue
    if (descriptor.tokenAuth !== 'private_key_jwt' && !descriptor.mintSecret) continue
    const { issuer } = descriptor
    const other = seen.get(key.trim())
    if (other && other.issuer !== issuer) {
      const reason = `is the key of ${other.prefix}PRIVATE_KEY too: each provider gets one of its own`
      reader.problem(`${prefix}PRIVATE_KEY`, reason)
    }
    seen.set(key.trim(), { issuer, prefix })
  }
}
