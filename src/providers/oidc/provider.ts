import { AuthError } from '../../errors.ts'
import { epochSeconds } from '../../clock.ts'
import { bearing, providerApi, type Api } from '../http/api.ts'
import { refuseError } from '../callback.ts'
import { clientAssertion } from '../oauth2/minted-secret.ts'
import type { OidcDescriptor, OidcEndpoints, OpenidOwn } from '../descriptor.ts'
import { withEmail } from './email-claims.ts'
import { verifyIdToken } from './id-token.ts'
import { identityOf } from '../identify.ts'
import { checkMembership, grantOf, isRestricted, livingGrant } from '../membership.ts'
import { oauthClient, type OAuthClient } from '../oauth2/client.ts'
import { getJson, limits, type Reach } from '../http/outbound.ts'
import { presentMembers } from '../present.ts'
import { readAnswers } from '../profile.ts'
import { namedAs, type Provider, type ProviderSettings } from '../provider.ts'
import { ProviderKeys } from './keys.ts'
import { issuerOfTenant, speaksForTenants } from './tenants.ts'

export interface OidcSettings extends ProviderSettings {
  /** Where the endpoints come from: a constant, a discovery, the dev provider's own listener. */
  endpoints: () => Promise<OidcEndpoints>
}

interface Connection {
  endpoints: OidcEndpoints
  client: OAuthClient
  keys: ProviderKeys
}

/** An OpenID provider, at which this service is registered as a client. */
export function oidcProvider (descriptor: OidcDescriptor, settings: OidcSettings): Provider {
  const { id, clientId, own, clock, warn } = settings
  const typedHost = descriptor.issuer && new URL(descriptor.issuer).host
  const reachOf = (url: string): Reach => ({
    typed: Boolean(descriptor.endpoints) || new URL(url).host === typedHost,
    loopback: settings.loopback,
    connections: settings.connections
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
        ...descriptor,
        authorizationEndpoint,
        tokenEndpoint,
        tokenAuth,
        tokenTypes: ['bearer'],
        strictJson: true,
        clientId,
        clientSecret: clientSecretFor(endpoints),
        callbackUrl: settings.callbackUrl,
        scopes: settings.scopes,
        reach: reachOf(tokenEndpoint)
      }),
      keys: new ProviderKeys(() => getJson(jwksUri, reachOf(jwksUri)), clock,
        count => warn(`${id}: ${count} unusable keys in the provider's key set are ignored`))
    }
  }

  function userinfoOf ({ userinfoEndpoint: url }: OidcEndpoints, accessToken: string) {
    if (url === undefined) return undefined
    const headers = { authorization: `Bearer ${accessToken}` }
    return async () => presentMembers(await getJson(url, reachOf(url), headers, limits.tokenBytes))
  }

  /** What proves at the token endpoint who we are: the secret, or what makes one for each call. */
  function clientSecretFor ({ issuer, tokenAuth, tokenAuthAlgs }: OidcEndpoints): string | (() => string) {
    const { mintSecret } = descriptor
    if (mintSecret) return () => mintSecret(own, { clientId, issuer, now: epochSeconds(clock) })
    if (tokenAuth !== 'private_key_jwt') return settings.clientSecret
    const { PRIVATE_KEY: key = '', KEY_ID: keyId, TENANT: tenant } = own as Partial<Record<string, string>>
    return () => clientAssertion({
      key,
      ...(keyId !== undefined && { keyId }),
      issuer: clientId,
      subject: clientId,
      audience: issuerOfTenant(issuer, tenant),
      now: epochSeconds(clock),
      ...(tokenAuthAlgs && { algs: tokenAuthAlgs })
    })
  }

  const apiOf = ({ issuer }: OidcEndpoints, accessToken: string): Api =>
    providerApi({ baseUrl: issuer, reach: reachOf, authenticate: bearing('bearer') }, accessToken)

  return {
    id,
    name: settings.name,
    callbackUrl: settings.callbackUrl,
    emails: settings.emails,
    selectsAccount: descriptor.selectsAccount ?? false,
    checksMembership: isRestricted(descriptor, own),
    addsFragment: false,
    formPost: descriptor.params?.['response_mode'] === 'form_post',

    async warmUp () {
      await settings.endpoints().catch((error: unknown) => warn(`${id}: the provider cannot be reached yet; its logins will try again`, error))
    },

    async authorize (state, nonce, passedOn) {
      const { client } = await connect()
      return client.authorize(state, { nonce, ...namedAs(passedOn, descriptor.passedOnAs) })
    },

    async checkAnswer (answer) {
      refuseError(answer)
      const { endpoints } = await connect()
      if (answer.iss === undefined ? endpoints.sendsIssuer : !isIssuer(answer.iss, endpoints.issuer)) throw new AuthError('issuer_mismatch')
      if (answer.code === undefined) throw new AuthError('invalid_request')
    },

    async identify (answer, { state, nonce, kept }) {
      const { client, endpoints, keys } = await connect()
      const tokens = await client.trade(String(answer.code), state, kept)
      const { accessToken, idToken } = tokens
      if (!idToken) throw new AuthError('invalid_id_token', { cause: new Error('the token answer has no id_token') })
      const verified = await verifyIdToken(idToken, {
        issuer: claims => issuerOfTenant(endpoints.issuer, claims[descriptor.tenantClaim ?? '']),
        clientId,
        audiences: descriptor.audiences ?? [],
        algs: endpoints.idTokenAlgs,
        nonce,
        nonceMayLack: descriptor.nonce === false,
        accessToken,
        now: epochSeconds(clock),
        findKeys: header => keys.find(header)
      })
      const claims = await withEmail(verified, descriptor, userinfoOf(endpoints, accessToken))
      const { sub, email, email_verified: emailVerified, name, picture } = claims
      const refined = await readAnswers(() => descriptor.refine?.(claims, own, answer, own as OpenidOwn))
      const identity = identityOf(id, { subject: sub, email, emailVerified, name, picture, ...refined }, 'invalid_id_token')
      await checkMembership(descriptor, own, apiOf(endpoints, accessToken))
      return isRestricted(descriptor, own) ? { identity, grant: grantOf(tokens, clock) } : { identity }
    },

    async recheck (grant, renewed) {
      const { client, endpoints } = await connect()
      const living = await livingGrant(grant, refreshToken => client.renew(refreshToken), clock)
      renewed(living)
      await checkMembership(descriptor, own, apiOf(endpoints, living.accessToken))
    }
  }
}

const isIssuer = (iss: string, issuer: string): boolean => iss === issuer || speaksForTenants(issuer, iss)
