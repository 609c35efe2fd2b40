import type { Config, ProviderSettings } from '../config/config.ts'
import type { Clock } from '../stores/store.ts'
import { Discovery } from './discovery.ts'
import { google } from './google.ts'
import { oidcProvider } from './oidc-provider.ts'
import type { OidcDescriptor, Provider } from './provider.ts'

/** The providers we know by name. Any other OpenID provider comes by configuration. */
export const catalogue: Record<string, OidcDescriptor> = { google }

export const callbackUrl = (publicUrl: string, id: string): string => `${publicUrl}/auth/${id}/callback`

/** The configured providers, in the order of the sign-in page. */
export function configuredProviders (config: Config, clock: Clock, warn: (message: string, error?: unknown) => void): Provider[] {
  return config.providers.map(settings => {
    const descriptor = describe(settings)
    const { issuer, endpoints } = descriptor
    const discovery = new Discovery(issuer, config.loopback, clock)
    const known = endpoints && { issuer, ...endpoints }
    return oidcProvider(descriptor, {
      ...settings,
      callbackUrl: callbackUrl(config.publicUrl, settings.id),
      loopback: config.loopback,
      clock,
      warn,
      endpoints: async () => known ?? discovery.endpoints()
    })
  })
}

/** The catalogue's descriptor, or one made of what the operator typed; another issuer means other endpoints. */
function describe ({ id, name, issuer, scopes }: ProviderSettings): OidcDescriptor {
  const listed = catalogue[id]
  if (listed && !issuer) return listed
  const { endpoints: _replaced, ...rest } = listed ?? { name: name ?? id, scopes }
  if (!issuer) throw new TypeError(`provider ${id} has no issuer`)
  return { ...rest, issuer }
}
