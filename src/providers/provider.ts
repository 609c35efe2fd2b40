/** Who a provider says somebody is, in our words. Nothing in it has passed our policy yet. */
export interface Identity {
  provider: string
  /** The provider's own stable id for the person: never an email. */
  subject: string
  email: string | undefined
  emailVerified: boolean
  /** False where the provider verified the mailbox once but does not speak for its domain. */
  domainVouched: boolean
  name?: string
  picture?: string
  /** The Workspace domain that Google names. */
  hd?: string
}

/** What an OpenID provider publishes about itself, as far as we use it. */
export interface OidcEndpoints {
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
  jwksUri: string
  userinfoEndpoint?: string
  /** RFC 9207: the callback must carry `iss`. */
  sendsIssuer: boolean
  tokenAuth: 'basic' | 'post'
  /** The one signature algorithm we accept for id_tokens, or those a provider without RS256 offers. */
  idTokenAlgs: string[]
}

export type Claims = Record<string, unknown>

/** A provider as data, and at most one function for what cannot be data. */
export interface OidcDescriptor {
  name: string
  issuer: string
  /** Known without asking; absent: discovered from the issuer. */
  endpoints?: Omit<OidcEndpoints, 'issuer'>
  scopes: string[]
  /** `prompt=select_account` is documented there. */
  selectsAccount?: boolean
  /** What this provider's claims say beyond the standard: may refuse by throwing AuthError. */
  refine?: (claims: Claims, settings: { hostedDomains?: string[] }) => Partial<Pick<Identity, 'domainVouched' | 'hd'>>
}

/** What a start passes on to the provider, besides what every flow has. */
export type PassedOn = Partial<Record<'login_hint' | 'prompt' | 'hd' | 'ui_locales', string>>

/** The secrets of one flow that the provider's answer is checked against. */
export interface FlowChecks {
  state: string
  nonce: string
  /** PKCE code_verifier (RFC 7636) */
  verifier: string
}

/** A configured provider: start with its URL, end with an identity. */
export interface Provider {
  id: string
  name: string
  callbackUrl: string
  emailDomains?: string[]
  selectsAccount: boolean
  /** Learns what it can before anybody asks; never rejects. */
  warmUp (): Promise<void>
  /** @throws AuthError provider_unavailable, provider_timeout */
  authorize (state: string, nonce: string, passedOn: PassedOn): Promise<{ url: string, verifier: string }>
  /** @throws AuthError issuer_mismatch (RFC 9207) */
  checkIssuer (iss: string | undefined): Promise<void>
  /** Trades the code and says who signed in. @throws AuthError */
  identify (code: string, checks: FlowChecks): Promise<Identity>
}
