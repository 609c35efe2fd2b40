import { createPrivateKey } from 'node:crypto'
import * as read from '../../env/values.ts'
import { variable, type Values } from '../../env/variable.ts'

export const emailDomains = variable({
  description: 'Only emails of these domains are accepted from this provider, and for them its word counts',
  example: 'example.com',
  otherwise: 'any domain',
  restricts: true,
  read: read.domains
})

export const vouchesFor = variable({
  description: 'Domains for which its word counts in `ALLOWED_EMAIL_DOMAINS`, besides `_EMAIL_DOMAINS`; ' +
    '`.example.com` stands for sub-domains',
  example: 'example.com',
  otherwise: 'those it is known to speak for',
  read: read.domains
})

/** Parameters that each login has, or that another variable is for. */
const ownParameters = new Set([
  'response_type', 'client_id', 'redirect_uri', 'scope', 'state', 'nonce',
  'code_challenge', 'code_challenge_method'
])

/** Further parameters of the authorization URL. */
export const authorizationParams = variable({
  description: 'Further parameters of the authorization URL, a JSON object of texts',
  example: '{"access_type":"online"}',
  default: '{}',
  read (value) {
    const params = read.texts(value)
    const ours = Object.keys(params).find(name => ownParameters.has(name))
    if (ours !== undefined) throw new Error(`may not contain ${ours}: each login has its own`)
    return params
  }
})

/** The asymmetric algorithms of RFC 7518 and RFC 8037 that id_tokens may be signed by. */
export const idTokenAlgs = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'
] as const

/** What an operator can say about any OpenID provider, besides its issuer and our client there. */
export const openidVariables = {
  AUDIENCES: variable({
    description: 'Audiences that may stand beside our client id in its id_tokens',
    example: '254621367230136321,https://api.example.com',
    otherwise: 'none, unless the id_token names our client in `azp`',
    read: read.list
  }),
  ID_TOKEN_ALG: variable({
    description: 'The one algorithm of its id_tokens: ' +
      '`RS256` to `RS512`, `PS256` to `PS512`, `ES256` to `ES512` or `EdDSA`',
    example: 'ES256',
    otherwise: 'any asymmetric one that its discovery lists and that fits the key',
    read: read.oneOf(...idTokenAlgs)
  }),
  TOKEN_AUTH: variable({
    description: 'Client authentication of the token call: `basic`, `post` or `private_key_jwt`',
    example: 'post',
    otherwise: 'what its discovery offers, `basic` first',
    read: read.oneOf('basic', 'post', 'private_key_jwt')
  }),
  // Checked only where it is used: a GOOGLE_PRIVATE_KEY of another program is common.
  PRIVATE_KEY: variable({
    description: 'Private key that signs for the client, with `private_key_jwt`: PEM of an RSA, P-256, P-384, P-521 ' +
      'or Ed25519 key, another one at each provider',
    example: '-----BEGIN PRIVATE KEY-----\\nMIGT…\\n-----END PRIVATE KEY-----',
    otherwise: 'none',
    secret: true,
    multiline: true,
    read: read.text
  }),
  KEY_ID: variable({
    description: '`kid` of that key, where the provider wants one',
    example: 'handstamp-2026',
    otherwise: 'none',
    read: read.credential
  }),
  PARAMS: authorizationParams,
  PKCE: variable({
    description: '`off` for a provider that refuses PKCE; the nonce alone binds the code then',
    example: 'off',
    otherwise: '`on`',
    read: read.oneOf('on', 'off')
  }),
  EMAIL_VERIFIED: variable({
    description: '`always` trusts a provider that sends no `email_verified`, for emails of `_EMAIL_DOMAINS` alone; ' +
      'a flag that is sent decides',
    example: 'always',
    otherwise: 'the flag decides',
    read: read.oneOf('always')
  })
}

export type OpenidValues = Values<typeof openidVariables>

/** @throws Error for what is no private key, for a weak one, and for one of an algorithm that is not supported */
export function checkClientKey (pem: string | undefined): void {
  if (pem === undefined) throw new Error('is missing: private_key_jwt signs with it')
  let key
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new Error('must be the PEM of a private key')
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: { namedCurve = '', modulusLength = 0 } = {} } = key
  const fits = type === 'ed25519' || (type === 'rsa' && modulusLength >= 2048) ||
    (type === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve))
  if (!fits) throw new Error('must be an RSA key of 2048 bits or more, a P-256, P-384, P-521 or Ed25519 key')
}
