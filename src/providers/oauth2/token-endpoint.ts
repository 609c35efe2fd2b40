import { parseStrictObject } from '../../strict-json.ts'
import type { Json } from '../http/api.ts'
import type { OAuthClientOptions } from './client.ts'
import { presentMembers } from '../present.ts'
import { ask, isJson, jsonOf, providerFailure } from '../http/outbound.ts'

/** What a token endpoint gave for a code. */
export interface TokenAnswer {
  accessToken: string
  idToken?: string
  refreshToken?: string
  /** seconds */
  expiresIn?: number
  /** The whole answer: some providers put the person into it. */
  document: Json
}

/**
 * The token call where @fastify/oauth2 has none, as oauth-client.ts says. Never tried again, as a code is good once.
 * @throws AuthError provider_error, provider_timeout, provider_unavailable
 */
export async function askTokenEndpoint (options: OAuthClientOptions, grant: Record<string, string>): Promise<TokenAnswer> {
  const { tokenEndpoint, tokenMethod = 'POST', tokenAuth, clientId, clientSecret, strictJson, reach } = options
  const secret = typeof clientSecret === 'string' ? clientSecret : clientSecret()
  const [way, name = 'client_secret'] = tokenAuth.split(':', 2)
  const inBody = way === 'post' || way === 'optional'
  const asserted = way === 'private_key_jwt' && { client_assertion_type: assertionType, client_assertion: secret }
  const form = new URLSearchParams({
    ...options.tokenParams,
    ...grant,
    ...(tokenAuth !== 'basic' && { client_id: clientId }),
    ...(inBody && secret !== '' && { [name]: secret }),
    ...asserted
  }).toString()
  const headers = {
    ...options.tokenHeaders,
    ...(tokenAuth === 'basic' && { authorization: `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(secret)}`).toString('base64')}` })
  }
  const answer = await ask(tokenMethod === 'GET'
    ? { url: `${tokenEndpoint}${tokenEndpoint.includes('?') ? '&' : '?'}${form}`, reach, headers, once: true }
    : { url: tokenEndpoint, reach, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' }, method: 'POST', body: form })
  const { status, body } = answer
  try {
    if (status < 200 || status > 299) throw tokenCallRefused(options, status, documentOrNothing(body))
    const document = strictJson ? jsonOf({ ...answer, status: 200 }) : parseTokenDocument(body)
    return tokenAnswer(document, options)
  } catch (error) {
    throw providerFailure(error)
  }
}

/** RFC 7523 section 2.2 */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const documentOrNothing = (body: Buffer): unknown => {
  try { return parseTokenDocument(body) } catch { return undefined }
}

/** RFC 6749 section 5.2, and what GitHub has in its place. Nothing else that a provider says goes into our log. */
const errorWords = new Set(['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope',
  'incorrect_client_credentials', 'bad_verification_code', 'redirect_uri_mismatch'])

/** What a token endpoint that refused said, for the log. */
export function tokenCallRefused ({ tokenEndpoint }: OAuthClientOptions, status: number, document: unknown): Error {
  const word = isJson(document) ? document['error'] : undefined
  const said = typeof word === 'string' && errorWords.has(word) ? `: ${word}` : ''
  return new Error(`the token endpoint ${new URL(tokenEndpoint).origin} answered ${status}${said}`)
}

/** RFC 6749 section 2.3.1 and appendix B */
const formEncoded = (text: string): string => new URLSearchParams({ text }).toString().slice('text='.length)

/** RFC 6749 section 5.1; some providers answer 200 with an `error` inside. */
export function tokenAnswer (document: unknown, options: OAuthClientOptions): TokenAnswer {
  if (!isJson(document)) throw new Error('the token answer is no JSON object')
  const { error, access_token: accessToken, token_type: type, id_token: idToken, ...more } = presentMembers(document)
  const { refresh_token: refreshToken, expires_in: expiresIn } = more
  if (error !== undefined) throw tokenCallRefused(options, 200, document)
  if (typeof accessToken !== 'string' || accessToken === '') throw new Error('the token answer has no access_token')
  // RFC 6749 requires a token_type. Some providers leave it out all the same: it is the usual one then.
  if (type !== undefined && !(typeof type === 'string' && options.tokenTypes.includes(type.toLowerCase()))) {
    throw new Error('the token is not of the type we can use')
  }
  return {
    accessToken,
    ...(typeof idToken === 'string' && { idToken }),
    ...(typeof refreshToken === 'string' && { refreshToken }),
    ...(Number(expiresIn) > 0 && { expiresIn: Number(expiresIn) }),
    document
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** JSON or a form, whatever the content type says: older token endpoints label either as text. */
export function parseTokenDocument (body: Buffer): Json {
  const text = utf8.decode(body).trim()
  return text.startsWith('{') ? parseStrictObject(text) : parseForm(text)
}

/** application/x-www-form-urlencoded, each name once. */
export function parseForm (text: string): Json {
  if (!/^[\w.~%+*-]+=/.test(text)) throw new Error('neither JSON nor a form')
  const form = new URLSearchParams(text)
  const document = Object.fromEntries(form)
  if (Object.keys(document).length !== form.size) throw new Error('a parameter is named twice')
  return document
}
