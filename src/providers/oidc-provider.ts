import { AuthError } from '../errors.ts'
import { epochSeconds, type Clock } from '../stores/store.ts'
import { verifyIdToken } from './id-token.ts'
import { identityOf } from './identify.ts'
import { oauthClient, type OAuthClient } from './oauth-client.ts'
import { getJson, limits, type Reach } from './outbound.ts'
import type { Claims, OidcDescriptor, OidcEndpoints, Provider } from './provider.ts'
import { ProviderKeys } from './provider-keys.ts'

export interface OidcSettings {
  id: string
  clientId: string
  clientSecret: string
  scopes: string[]
  callbackUrl: string
  emailDomains?: string[]
  hostedDomains?: string[]
  /** PUBLIC_URL is loopback */
  loopback: boolean
  clock: Clock
  /** Where the endpoints come from: a constant, a discovery, the dev provider's own listener. */
  endpoints: () => Promise<OidcEndpoints>
  warn: (message: string, error?: unknown) => void
}

interface Connection {
  endpoints: OidcEndpoints
  client: OAuthClient
  keys: ProviderKeys
}

/** An OpenID provider with a client of ours registered there. */
export function oidcProvider (descriptor: OidcDescriptor, settings: OidcSettings): Provider {
  const { id, clientId, clock, warn } = settings
  const typedHost = new URL(descriptor.issuer).host
  const reachOf = (url: string): Reach => ({
    typed: Boolean(descriptor.endpoints) || new URL(url).host === typedHost,
    loopback: settings.loopback
  })
  let connection: Promise<Connection> | undefined
  let connectedTo: OidcEndpoints | undefined

  /** Made at the first use, and anew when the provider moves its endpoints. */
  async function connect (): Promise<Connection> {
    const endpoints = await settings.endpoints()
    if (!connection || connectedTo !== endpoints) {
      connectedTo = endpoints
      connection = open(endpoints)
    }
    return await connection
  }

  async function open (endpoints: OidcEndpoints): Promise<Connection> {
    const { authorizationEndpoint, tokenEndpoint, jwksUri, tokenAuth } = endpoints
    return {
      endpoints,
      client: await oauthClient({
        authorizationEndpoint,
        tokenEndpoint,
        tokenAuth,
        clientId,
        clientSecret: settings.clientSecret,
        callbackUrl: settings.callbackUrl,
        scopes: settings.scopes,
        reach: reachOf(tokenEndpoint)
      }),
      keys: new ProviderKeys(() => getJson(jwksUri, reachOf(jwksUri)), clock,
        count => warn(`${id}: ${count} unusable keys in the provider's key set are ignored`))
    }
  }

  /** Email and email_verified from one document, never mixed: the id_token's, or userinfo's where it lacks one. */
  async function withEmail (claims: Claims, endpoints: OidcEndpoints, accessToken: string): Promise<Claims> {
    if (claims['email'] !== undefined && claims['email_verified'] !== undefined) return claims
    if (!endpoints.userinfoEndpoint) return claims
    const userinfo = await getJson(endpoints.userinfoEndpoint, reachOf(endpoints.userinfoEndpoint),
      { authorization: `Bearer ${accessToken}` }, limits.tokenBytes)
    // OpenID Connect Core 5.3.2: userinfo of another subject must not be used.
    if (userinfo['sub'] !== claims['sub']) throw new AuthError('provider_error', { cause: new Error('userinfo is about another subject') })
    const { email, email_verified: emailVerified } = userinfo
    return { ...userinfo, ...claims, email, email_verified: emailVerified }
  }

  return {
    id,
    name: descriptor.name,
    callbackUrl: settings.callbackUrl,
    ...(settings.emailDomains && { emailDomains: settings.emailDomains }),
    selectsAccount: descriptor.selectsAccount ?? false,

    async warmUp () {
      await connect().catch((error: unknown) => warn(`${id}: the provider cannot be reached yet; its logins will try again`, error))
    },

    async authorize (state, nonce, passedOn) {
      const { client } = await connect()
      const { url, verifier } = client.authorize(state)
      const more = new URLSearchParams(passedOn).toString()
      return { url: `${url}&nonce=${nonce}${more && `&${more}`}`, verifier }
    },

    async checkIssuer (iss) {
      const { endpoints } = await connect()
      if (iss === undefined ? endpoints.sendsIssuer : iss !== endpoints.issuer) throw new AuthError('issuer_mismatch')
    },

    async identify (code, checks) {
      const { client, endpoints, keys } = await connect()
      const { accessToken, idToken } = await client.trade(code, checks)
      if (!idToken) throw new AuthError('invalid_id_token', { cause: new Error('the token answer has no id_token') })
      const verified = await verifyIdToken(idToken, {
        issuer: endpoints.issuer,
        clientId,
        algs: endpoints.idTokenAlgs,
        nonce: checks.nonce,
        accessToken,
        now: epochSeconds(clock),
        findKeys: header => keys.find(header)
      })
      const claims = await withEmail(verified, endpoints, accessToken)
      return identityOf(id, claims, descriptor.refine?.(claims, settings))
    }
  }
}
