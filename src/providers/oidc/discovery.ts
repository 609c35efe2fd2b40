import { isDeepStrictEqual } from 'node:util'
import { AuthError } from '../../errors.ts'
import { idTokenAlgs as knownAlgs } from '../setup/common-variables.ts'
import { isLoopbackHost } from '../../env/values.ts'
import type { Clock } from '../../clock.ts'
import { getJson, type Reach } from '../http/outbound.ts'
import type { OidcDescriptor, OidcEndpoints, OidcTokenAuth } from '../descriptor.ts'
import { presentMembers } from '../present.ts'
import { speaksForTenants } from './tenants.ts'

const freshMs = 60 * 60_000
const pauseAfterFailureMs = 5_000
// RFC 9864 calls the EdDSA of Ed25519 by the name of its curve.
const asymmetric = new Set<string>([...knownAlgs, 'Ed25519'])

/** What of a descriptor decides over what its discovery document says. */
export type Expectations = Pick<OidcDescriptor, 'tenantClaim' | 'pkce' | 'tokenAuth' | 'idTokenAlgs'>

/**
 * The endpoints of an issuer by OpenID Connect Discovery, asked for when first needed and kept.
 * An issuer that is down fails its own logins alone, is left in peace for 5 s, and comes back by itself;
 * once known it keeps working from what it said last.
 */
export class Discovery {
  readonly #issuer: string
  readonly #reach: Reach
  readonly #clock: Clock
  readonly #expected: Expectations
  #known: { endpoints: OidcEndpoints, at: number } | undefined
  #asking: Promise<OidcEndpoints> | undefined
  #failure: { error: AuthError, at: number } | undefined

  constructor (issuer: string, reach: Reach, clock: Clock, expected: Expectations = {}) {
    this.#issuer = issuer
    this.#reach = reach
    this.#clock = clock
    this.#expected = expected
  }

  /** @throws AuthError provider_unavailable, provider_timeout, provider_error */
  async endpoints (): Promise<OidcEndpoints> {
    const known = this.#known
    if (!known) return this.#ask()
    if (this.#clock() - known.at > freshMs) this.#ask().catch(() => {})
    return known.endpoints
  }

  #ask (): Promise<OidcEndpoints> {
    const failure = this.#failure
    if (failure && this.#clock() - failure.at < pauseAfterFailureMs) return Promise.reject(failure.error)
    this.#asking ??= this.#discover().finally(() => { this.#asking = undefined })
    return this.#asking
  }

  async #discover (): Promise<OidcEndpoints> {
    try {
      const document = await getJson(`${this.#issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, this.#reach)
      const found = endpointsOf(presentMembers(document), this.#issuer, this.#reach.loopback, this.#expected)
      // The same object while it says the same: what was made of it, such as the last good keys, stays in use.
      const known = this.#known?.endpoints
      const endpoints = known && isDeepStrictEqual(found, known) ? known : found
      this.#known = { endpoints, at: this.#clock() }
      this.#failure = undefined
      return endpoints
    } catch (error) {
      const refusal = error instanceof AuthError ? error : new AuthError('provider_error', { cause: error })
      this.#failure = { error: refusal, at: this.#clock() }
      throw refusal
    }
  }
}

/** RFC 8414 section 3.3: the document must speak for the issuer that was asked, byte for byte. */
function endpointsOf (document: Record<string, unknown>, asked: string, loopback: boolean, expected: Expectations): OidcEndpoints {
  const issuer = document['issuer']
  const speaks = typeof issuer === 'string' && (issuer === asked || (expected.tenantClaim !== undefined && speaksForTenants(issuer, asked)))
  if (!speaks) throw new Error('the discovery document names another issuer')
  const endpoint = (name: string) => {
    const value = document[name]
    if (typeof value !== 'string' || !URL.canParse(value)) throw new Error(`the discovery document has no usable ${name}`)
    const url = new URL(value)
    const safe = url.protocol === 'https:' || (url.protocol === 'http:' && loopback && isLoopbackHost(url.hostname))
    if (!safe || url.username || url.password) throw new Error(`${name} is not an https URL`)
    return value
  }
  const listed = (name: string) => Array.isArray(document[name]) ? document[name].map(String) : undefined

  const challenges = listed('code_challenge_methods_supported')
  if (expected.pkce !== false && challenges && !challenges.includes('S256')) throw new Error('the provider offers PKCE without S256')
  const tokenAuthAlgs = listed('token_endpoint_auth_signing_alg_values_supported')
  const idTokenAlgs = expected.idTokenAlgs ?? (listed('id_token_signing_alg_values_supported') ?? ['RS256']).filter(alg => asymmetric.has(alg))
  if (idTokenAlgs.length === 0) throw new Error('the provider signs id_tokens with nothing we accept')

  return {
    issuer,
    authorizationEndpoint: endpoint('authorization_endpoint'),
    tokenEndpoint: endpoint('token_endpoint'),
    jwksUri: endpoint('jwks_uri'),
    ...(document['userinfo_endpoint'] !== undefined && { userinfoEndpoint: endpoint('userinfo_endpoint') }),
    sendsIssuer: document['authorization_response_iss_parameter_supported'] === true,
    tokenAuth: expected.tokenAuth ?? tokenAuthOf(listed('token_endpoint_auth_methods_supported')),
    idTokenAlgs,
    ...(tokenAuthAlgs && { tokenAuthAlgs })
  }
}

/** With a secret, as that is what every client has. */
function tokenAuthOf (offered: string[] = ['client_secret_basic']): OidcTokenAuth {
  if (offered.includes('client_secret_basic')) return 'basic'
  if (offered.includes('client_secret_post')) return 'post'
  throw new Error('no client authentication in common')
}
