/** Every refusal Handstamp can give: code -> status and the sentence that goes out. Nothing else ever reaches the wire. */
export const refusals = {
  invalid_request: [400, 'The request is malformed.'],
  invalid_return_to: [400, 'The return_to address is not one this service returns to.'],
  flow_not_found: [400, 'This sign-in was not started in this browser, or its cookie is gone. Please start again.'],
  flow_expired: [400, 'This sign-in took longer than ten minutes. Please start again.'],
  flow_already_used: [400, 'This sign-in was already completed. Please start again if you are not signed in.'],
  flow_mismatch: [400, 'This answer belongs to another sign-in. Please start again.'],
  issuer_mismatch: [400, 'The answer came from another issuer than the one that was asked.'],
  not_signed_in: [401, 'No access token was presented.'],
  invalid_token: [401, 'The access token is not valid.'],
  expired_token: [401, 'The access token has expired.'],
  revoked_token: [401, 'The access token was revoked.'],
  invalid_refresh_token: [401, 'The refresh token is not valid.'],
  access_denied: [403, 'The sign-in was cancelled or denied at the provider.'],
  email_missing: [403, 'The provider did not share an email address.'],
  email_invalid: [403, 'The email address the provider shared cannot be used.'],
  email_not_verified: [403, 'The provider has not verified this email address.'],
  email_not_allowed: [403, 'This email address may not sign in here.'],
  cross_site_request: [403, 'The request came from another site.'],
  not_found: [404, 'There is nothing here.'],
  unknown_provider: [404, 'No such sign-in provider is configured.'],
  method_not_allowed: [405, 'This address does not answer that method.'],
  request_timeout: [408, 'The request took too long to arrive.'],
  payload_too_large: [413, 'The request body is too large.'],
  uri_too_long: [414, 'The request address is too long.'],
  unsupported_media_type: [415, 'The request body has a media type that is not accepted here.'],
  rate_limited: [429, 'Too many requests. Please wait a moment.'],
  headers_too_large: [431, 'The request headers are too large.'],
  internal_error: [500, 'Something went wrong on our side.'],
  provider_error: [502, 'The sign-in provider gave an answer that cannot be used.'],
  invalid_id_token: [502, 'The sign-in provider gave an identity that does not check out.'],
  store_unavailable: [503, 'The session store is not available right now. Please try again.'],
  provider_unavailable: [503, 'The sign-in provider cannot be reached right now. Please try again.'],
  shutting_down: [503, 'The service is restarting. Please try again.'],
  provider_timeout: [504, 'The sign-in provider did not answer in time. Please try again.']
} as const satisfies Record<string, readonly [status: number, sentence: string]>

export type RefusalCode = keyof typeof refusals

export const isRefusalCode = (code: string): code is RefusalCode => Object.hasOwn(refusals, code)

/** Another account of the person at the same provider may do what this one may not. */
const ofThisAccount: RefusalCode[] = ['email_missing', 'email_invalid', 'email_not_verified', 'email_not_allowed']
export const isOfThisAccount = (code: string): boolean => ofThisAccount.some(one => one === code)

export interface RefusalOptions {
  /** What really happened: for the log, never for the wire. */
  cause?: unknown
  /** Our own words, where they help more than the catalogue's sentence. */
  detail?: string
  retryAfterSeconds?: number
}

/** A refusal by its code. The cause goes to the log, the catalogue's sentence to the wire. */
export class AuthError extends Error {
  readonly code: RefusalCode
  readonly statusCode: number
  readonly detail: string
  readonly retryAfterSeconds: number | undefined

  constructor (code: RefusalCode, { cause, detail, retryAfterSeconds }: RefusalOptions = {}) {
    const [status, sentence] = refusals[code]
    super(sentence, { cause })
    this.name = 'AuthError'
    this.code = code
    this.statusCode = status
    this.detail = detail ?? sentence
    this.retryAfterSeconds = retryAfterSeconds ?? (status === 503 ? 5 : undefined)
  }
}
