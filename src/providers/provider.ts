import type { Identity } from '../identity.ts'
import type { Clock } from '../clock.ts'
import type { Connections } from './http/connections.ts'

/** How far a provider's word for an email goes, by what it is and by what the operator says. */
export interface EmailAuthority {
  /** Only emails of these domains are accepted from it. */
  domains?: string[]
  /** For these domains its word is the domain's own. */
  vouchesFor: string[]
  /** It gives out emails that it does not verify: the operator trusts them all the same. */
  onlyTrusted: boolean
}

/** Parameters a start may hand on to the provider, besides what every flow has. */
export type PassedOn = Partial<Record<'login_hint' | 'prompt' | 'hd' | 'ui_locales', string>>

/** What the browser brought back, in all the shapes that providers have for it. */
export interface CallbackAnswer {
  state: string
  code?: string
  iss?: string
  error?: string
  error_reason?: string
  error_code?: string
  denied?: string
  oauth_token?: string
  oauth_verifier?: string
  /** VK's name for the browser. */
  device_id?: string
  /** Apple's unsigned name of the person, JSON. */
  user?: string
}

/** What one flow kept, sealed in the browser, for the answer to be checked against. */
export interface FlowSecrets {
  state: string
  nonce: string
  kept: Kept
}

/** What a provider wants to find again: the PKCE verifier (RFC 7636), or a temporary token and its secret (RFC 5849). */
export type Kept = Record<string, string>

/** The provider's own tokens, as far as a later check of a membership needs them. To be stored sealed, or not at all. */
export interface Grant {
  accessToken: string
  /** OAuth 1.0a: the secret that belongs to it. */
  tokenSecret?: string
  refreshToken?: string
  /** epoch seconds */
  expiresAt?: number
}

/** Who signed in, and, where a membership was checked that may end, what it takes to check it again. */
export interface Login {
  identity: Identity
  grant?: Grant
}

/** A configured provider: start with its URL, end with an identity. */
export interface Provider {
  id: string
  name: string
  callbackUrl: string
  emails: EmailAuthority
  selectsAccount: boolean
  /** Sign-ins are restricted to members of something that its API is asked about. */
  checksMembership: boolean
  /** It sends the browser back to an address with a fragment of its own. */
  addsFragment: boolean
  /** The callback comes as a cross-site form post. */
  formPost: boolean
  /** Fetches what must be known before the first login; never rejects. What is slow to build is built at the first login. */
  warmUp (): Promise<void>
  /** @throws AuthError provider_unavailable, provider_timeout, provider_error */
  authorize (state: string, nonce: string, passedOn: PassedOn): Promise<{ url: string, kept: Kept }>
  /**
   * Judges the answer by itself, before anything is claimed or asked outside.
   * @throws AuthError access_denied, provider_error, issuer_mismatch (RFC 9207), invalid_request, flow_mismatch
   */
  checkAnswer (answer: CallbackAnswer, flow: FlowSecrets): Promise<void>
  /** Trades the answer and says who signed in. @throws AuthError */
  identify (answer: CallbackAnswer, flow: FlowSecrets): Promise<Login>
  /**
   * Checks again what `identify` checked of a membership. Calls `renewed` with the grant to keep as soon as there is another
   * one, whatever comes of the check. @throws AuthError email_not_allowed
   */
  recheck (grant: Grant, renewed: (grant: Grant) => void): Promise<void>
}

/** What the operator configured for one provider, and what it lives in. */
export interface ProviderSettings {
  id: string
  name: string
  clientId: string
  clientSecret: string
  scopes: string[]
  /** Values of the descriptor's own variables. */
  own: Record<string, unknown>
  emails: EmailAuthority
  callbackUrl: string
  /** PUBLIC_URL is loopback */
  loopback: boolean
  connections: Connections
  clock: Clock
  warn: (message: string, error?: unknown) => void
}

/** The parameters that are handed on, by the names the provider has for them. */
export const namedAs = (passedOn: PassedOn, names: Partial<Record<keyof PassedOn, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(passedOn).map(([name, value]) => [names[name as keyof PassedOn] ?? name, value]))
