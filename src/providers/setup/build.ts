import type { ConfiguredProvider } from './read.ts'
import type { Clock } from '../../clock.ts'
import { callbackUrl } from '../callback.ts'
import type { Connections } from '../http/connections.ts'
import type { OidcDescriptor } from '../descriptor.ts'
import { Discovery } from '../oidc/discovery.ts'
import { oauth1Provider } from '../oauth1/provider.ts'
import { oauth2Provider } from '../oauth2/provider.ts'
import { oidcProvider } from '../oidc/provider.ts'
import type { Reach } from '../http/outbound.ts'
import type { Provider } from '../provider.ts'

export interface ProviderSettings {
  publicUrl: string
  /** PUBLIC_URL is loopback: http providers are possible. */
  loopback: boolean
  /** In the order of the sign-in page. */
  providers: ConfiguredProvider[]
}

export interface ProviderSurroundings {
  clock: Clock
  warn: (message: string, error?: unknown) => void
  newNonce: () => string
  connections: Connections
}

/** The configured providers, in the order of the sign-in page. Nothing is asked or built before it is needed. */
export function configuredProviders (config: ProviderSettings, { clock, warn, newNonce, connections }: ProviderSurroundings): Provider[] {
  return config.providers.map(({ descriptor, ...configured }) => {
    const { loopback } = config
    const settings = { ...configured, callbackUrl: callbackUrl(config.publicUrl, configured.id), loopback, connections, clock, warn }
    const reach: Reach = { typed: true, loopback, connections }
    if (descriptor.kind === 'oidc') return oidcProvider(descriptor, { ...settings, endpoints: endpointsOf(descriptor, reach, clock) })
    if (descriptor.kind === 'oauth2') return oauth2Provider(descriptor, settings)
    return oauth1Provider(descriptor, { ...settings, newNonce })
  })
}

function endpointsOf (descriptor: OidcDescriptor, reach: Reach, clock: Clock) {
  const { issuer = '', endpoints, tokenAuth, idTokenAlgs } = descriptor
  const known = endpoints && { issuer, ...endpoints, ...(tokenAuth && { tokenAuth }), ...(idTokenAlgs && { idTokenAlgs }) }
  const discovery = new Discovery(issuer, reach, clock, descriptor)
  return async () => known ?? discovery.endpoints()
}
