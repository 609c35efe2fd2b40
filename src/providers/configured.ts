import type { Config } from '../config/config.ts'
import type { Clock } from '../stores/store.ts'
import { callbackUrl } from './callback.ts'
import type { OidcDescriptor } from './descriptor.ts'
import { Discovery } from './discovery.ts'
import { oauth1Provider } from './oauth1-provider.ts'
import { oauth2Provider } from './oauth2-provider.ts'
import { oidcProvider } from './oidc-provider.ts'
import type { Provider } from './provider.ts'

export interface ProviderSurroundings {
  clock: Clock
  warn: (message: string, error?: unknown) => void
  newNonce: () => string
}

/** The configured providers, in the order of the sign-in page. Nothing is asked or built before it is needed. */
export function configuredProviders (config: Config, { clock, warn, newNonce }: ProviderSurroundings): Provider[] {
  return config.providers.map(({ descriptor, ...configured }) => {
    const settings = { ...configured, callbackUrl: callbackUrl(config.publicUrl, configured.id), loopback: config.loopback, clock, warn }
    if (descriptor.kind === 'oidc') return oidcProvider(descriptor, { ...settings, endpoints: endpointsOf(descriptor, config.loopback, clock) })
    if (descriptor.kind === 'oauth2') return oauth2Provider(descriptor, settings)
    return oauth1Provider(descriptor, { ...settings, newNonce })
  })
}

function endpointsOf ({ issuer = '', endpoints, tenantClaim }: OidcDescriptor, loopback: boolean, clock: Clock) {
  const known = endpoints && { issuer, ...endpoints }
  const discovery = new Discovery(issuer, loopback, clock, tenantClaim !== undefined)
  return async () => known ?? discovery.endpoints()
}
