import type { Values, Variables } from '../env/variable.ts'
import type { Api, Json } from './http/api.ts'
import type { CallbackAnswer, PassedOn } from './provider.ts'
import type { NamedTenants } from './oidc/tenants.ts'
import type { Identity } from '../identity.ts'

/** What every provider says about itself. `{NAME}` in a URL stands for the value of its own variable NAME. */
interface Described<Own extends Variables> {
  name: string
  /** Variables besides the usual ones, without the provider's prefix: ORGS for GITHUB_ORGS. */
  variables?: Own
  /** `prompt=select_account` is documented there. */
  selectsAccount?: boolean
  clientIdExample?: string
  /** Domains of mailboxes that are its own: it speaks for them. */
  vouchesFor?: string[]
  /** It says at each login whether it speaks for the email's domain. */
  vouchesByItself?: true
  /**
   * Refuses a person who does not belong to what the operator's restrictions name, by throwing AuthError. Asked at every
   * login, and again at refreshes where RECHECK_MEMBERSHIP says so: it must rest on the api alone.
   */
  membership? (api: Api, own: Values<Own>): Promise<void>
}

/** Whom we are there, for the few calls that need it. */
export interface ClientCredentials {
  clientId: string
  clientSecret: string
}

/** How the authorization request and the token call of a provider differ from what RFC 6749 has. */
interface OAuth2Quirks<Own extends Variables> {
  scopes: string[]
  /** Between scopes; a space if not given. */
  scopeSeparator?: string
  /** Further parameters of the authorization URL. `response_mode: 'form_post'` makes the callback a form post. */
  params?: Record<string, string>
  /** What the parameters a start may hand on are called there; those not named go by their own name. */
  passedOnAs?: Partial<Record<keyof PassedOn, string>>
  /** The provider refuses PKCE. */
  pkce?: false
  tokenParams?: Record<string, string>
  tokenHeaders?: Record<string, string>
  tokenMethod?: 'POST' | 'GET'
  /** Makes a client secret for each token call; there is no `_CLIENT_SECRET` then. `now` is in epoch seconds. */
  mintSecret? (own: Values<Own>, client: { clientId: string, issuer: string, now: number }): string
}

/** RFC 6749 section 2.3.1, and for `private_key_jwt` OpenID Connect Core section 9. */
export type OidcTokenAuth = 'basic' | 'post' | 'private_key_jwt'

/** What an OpenID provider publishes about itself, as far as we use it. */
export interface OidcEndpoints {
  /** `{tenantid}` in it stands for the tenant that an id_token is from. */
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
  jwksUri: string
  userinfoEndpoint?: string
  /** RFC 9207: the callback must carry `iss`. */
  sendsIssuer: boolean
  tokenAuth: OidcTokenAuth
  /** The signature algorithms we accept for id_tokens: asymmetric ones, of which the key decides. */
  idTokenAlgs: string[]
  /** Those that it accepts for `private_key_jwt`; absent: it does not say. */
  tokenAuthAlgs?: string[]
}

export type Claims = Record<string, unknown>

/** What a provider's claims say beyond the standard ones. */
export type Refinement = Partial<Pick<Identity, 'emailVerified' | 'domainVouched' | 'hd' | 'name'>>

/** What every OpenID provider's variables say beside its own ones. */
export interface OpenidOwn {
  ISSUER?: string
  EMAIL_VERIFIED?: 'always'
}

interface OidcFacts<Own extends Variables> extends Described<Own>, OAuth2Quirks<Own> {
  /** Absent: every operator has another one. `_ISSUER` is required then, and there is `_EMAIL_DOMAINS`. */
  issuer?: string
  /** What an operator's issuer looks like there. */
  issuerExample?: string
  /** Known without asking; absent: discovered from the issuer. */
  endpoints?: Omit<OidcEndpoints, 'issuer'>
  /** The claim that fills `{tenantid}` in the issuer. */
  tenantClaim?: string
  /** Tenants are as free with emails as other people's providers: whether the operator named one alone. */
  isOneTenant? (named: NamedTenants): boolean
  /** What may stand beside our client id in `aud`, where `azp` does not name us. */
  audiences?: string[]
  /** Counts in place of what its endpoints say. */
  idTokenAlgs?: string[]
  /** Counts in place of what its endpoints say. */
  tokenAuth?: OidcTokenAuth
  /** An email without `email_verified` counts as verified: the operator says so, for domains that are listed. */
  trustsEmails?: true
  /** The provider is documented not to repeat the nonce in its id_tokens: PKCE alone binds the code then. */
  nonce?: false
  /** False: its userinfo says nothing about the email that its id_token does not. Always: its id_token says it in another form. */
  userinfo?: false | 'always'
  /** May refuse by throwing AuthError. */
  refine? (claims: Claims, own: Values<Own>, answer: CallbackAnswer, usual: OpenidOwn): Refinement
}

/** Who the person is, as the provider put it: judged by identify.ts, which trusts no type in it. */
export interface Profile {
  subject: unknown
  email?: unknown
  emailVerified?: unknown
  domainVouched?: boolean
  name?: unknown
  picture?: unknown
  hd?: string
}

/** Where each thing is found in one JSON document: dotted paths. */
export interface ProfilePaths {
  /** Below the API's base address if it begins with a slash. */
  url: string
  subject: string
  email: string
  /** `always`: the provider documents that it hands out verified addresses only. */
  emailVerified: string
  name?: string
  picture?: string
}

// Spelled as a method so that descriptors with different variables fit into one catalogue.
type ProfileFunction<Own extends Variables, Login> = { of (api: Api, own: Values<Own>, login: Login): Promise<Profile> }['of']

/**
 * Client authentication at the token endpoint: in the body, by Basic, or none. `optional:<name>`: in the body by that
 * name where the operator has a secret, and by PKCE alone where not.
 */
export type TokenAuth = OidcTokenAuth | 'none' | `optional:${string}`

/** How API calls carry the person's token: `Authorization: Bearer`, with another word, or as a query parameter. */
export type ApiAuth = 'bearer' | `scheme:${string}` | `query:${string}`

interface OAuth2Facts<Own extends Variables> extends Described<Own>, OAuth2Quirks<Own> {
  authorizationUrl: string
  tokenUrl: string
  /** What stands before the paths of API calls. */
  apiUrl: string
  apiAuth?: ApiAuth
  /** It adds a fragment to the address of the callback, as Facebook does. */
  addsFragment?: true
  apiHeaders?: Record<string, string>
  /** `post` if not given. */
  tokenAuth?: TokenAuth
  /** Documented to answer the token call with JSON that says so: no other answer will do then. */
  strictJson?: true
  /** What the callback brings besides the code, and the token call must hand back. */
  handsBack?: Array<'state' | 'device_id'>
  /** Paths into one document, or a function where that is not enough. `token` is the whole token answer. */
  profile: ProfilePaths | ProfileFunction<Own, ClientCredentials & { accessToken: string, token: Json }>
}

export type Signature = 'HMAC-SHA1' | 'HMAC-SHA256' | 'RSA-SHA1' | 'PLAINTEXT'

export interface OAuth1Login extends ClientCredentials {
  /** What the token endpoint answered. */
  token: Json
  /** epoch seconds */
  now: number
  /** Where the person signed in, and where its API is. */
  authorizationUrl: string
  apiUrl: string
  /** `oauth_nonce` of the last API call, for an answer that repeats it. */
  lastNonce (): string
}

interface OAuth1Facts<Own extends Variables> extends Described<Own> {
  requestTokenUrl: string
  authorizationUrl: string
  tokenUrl: string
  apiUrl: string
  apiHeaders?: Record<string, string>
  signature?: Signature
  realm?: string
  params?: Record<string, string>
  profile: ProfilePaths | ProfileFunction<Own, OAuth1Login>
}

export type OidcDescriptor<Own extends Variables = Variables> = OidcFacts<Own> & { kind: 'oidc' }
export type OAuth2Descriptor<Own extends Variables = Variables> = OAuth2Facts<Own> & { kind: 'oauth2' }
export type OAuth1Descriptor<Own extends Variables = Variables> = OAuth1Facts<Own> & { kind: 'oauth1' }
export type Descriptor = OidcDescriptor | OAuth2Descriptor | OAuth1Descriptor

// These say the kind, and let TypeScript know a descriptor's own variables inside its functions.

export const oidc = <Own extends Variables>(facts: OidcFacts<Own>): OidcDescriptor<Own> => ({ kind: 'oidc', ...facts })
export const oauth2 = <Own extends Variables>(facts: OAuth2Facts<Own>): OAuth2Descriptor<Own> => ({ kind: 'oauth2', ...facts })
export const oauth1 = <Own extends Variables>(facts: OAuth1Facts<Own>): OAuth1Descriptor<Own> => ({ kind: 'oauth1', ...facts })
