import { authorizationParams, emailDomains, openidVariables, vouchesFor, type OpenidValues } from './common-variables.ts'
import { variable, type Values, type Variables } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { oauth1, oauth2, oidc, type ApiAuth, type Descriptor, type OidcDescriptor } from '../descriptor.ts'

/** A kind of provider that the operator describes: its variables, as `<KIND>_<ID>_<NAME>`, and what they amount to. */
export interface GenericKind<Own extends Variables = Variables> {
  variables: Own
  describe (values: Values<Own>, name: string): Descriptor
}

const kind = <Own extends Variables>(generic: GenericKind<Own>): GenericKind<Own> => generic

const client = {
  CLIENT_ID: variable({ description: 'Client id registered there', example: 'handstamp', required: true, read: read.credential }),
  CLIENT_SECRET: variable({ description: 'Its client secret', example: 's3cr3t…', secret: true, required: true, read: read.credential }),
  NAME: variable({ description: 'Name on the sign-in page', example: 'Acme', otherwise: 'the id', read: read.text }),
  EMAIL_DOMAINS: emailDomains,
  VOUCHES_FOR: vouchesFor
}

const address = (description: string, example: string) => variable({ description, example, address: true, required: true, read: read.endpoint })

const profile = {
  PROFILE_URL: address('What answers JSON about the person', 'https://api.example.com/me'),
  SUBJECT: variable({ description: 'Dotted path to the stable id of the person in it', example: 'user.id', default: 'id', read: read.path }),
  EMAIL: variable({ description: 'Dotted path to the email', example: 'user.email', default: 'email', read: read.path }),
  EMAIL_VERIFIED: variable({
    description: 'Dotted path to what must be `true` for the email to count; `always` trusts the provider, for the emails of `_EMAIL_DOMAINS` alone',
    example: 'user.email_verified',
    default: 'email_verified',
    read: read.path
  }),
  NAME_CLAIM: variable({ description: 'Dotted path to the name', example: 'user.name', default: 'name', read: read.path }),
  PICTURE_CLAIM: variable({ description: 'Dotted path to the address of a picture', example: 'user.avatar', default: 'picture', read: read.path })
}

const pathsOf = (values: Values<typeof profile>) => ({
  url: values.PROFILE_URL,
  subject: values.SUBJECT,
  email: values.EMAIL,
  emailVerified: values.EMAIL_VERIFIED,
  name: values.NAME_CLAIM,
  picture: values.PICTURE_CLAIM
})

/** A client that signs with a key of its own needs no secret. */
export const needsSecret = ({ TOKEN_AUTH }: Record<string, unknown>): boolean => TOKEN_AUTH !== 'private_key_jwt'

/** The descriptor with what the operator says of an OpenID provider by the variables that all of them have. */
export function withOpenidWords (descriptor: OidcDescriptor, values: Partial<OpenidValues>): OidcDescriptor {
  const { AUDIENCES, ID_TOKEN_ALG, TOKEN_AUTH, PARAMS, PKCE, EMAIL_VERIFIED } = values
  const { pkce, ...rest } = descriptor
  return {
    ...rest,
    ...((PKCE === undefined ? pkce === false : PKCE === 'off') && { pkce: false }),
    ...(AUDIENCES && { audiences: AUDIENCES }),
    ...(ID_TOKEN_ALG && { idTokenAlgs: [ID_TOKEN_ALG] }),
    ...(TOKEN_AUTH && { tokenAuth: TOKEN_AUTH }),
    ...(EMAIL_VERIFIED && { trustsEmails: true }),
    params: { ...descriptor.params, ...PARAMS }
  }
}

/** The kinds of OIDC_PROVIDERS, OAUTH2_PROVIDERS and OAUTH1_PROVIDERS. */
export const genericKinds = {
  oidc: kind({
    variables: {
      ISSUER: variable({
        description: 'Issuer, exactly as the provider writes it; http only if it and `PUBLIC_URL` are loopback',
        example: 'https://login.example.com',
        address: true,
        required: true,
        read: read.issuer
      }),
      ...client,
      CLIENT_SECRET: variable({ ...client.CLIENT_SECRET, required: needsSecret }),
      SCOPES: variable({
        description: 'Scopes to ask for; `openid` and `email` belong in it',
        example: 'openid,email',
        default: 'openid,email,profile',
        read: read.openidScopes
      }),
      ...openidVariables
    },
    describe: ({ ISSUER, SCOPES, ...values }, name) => withOpenidWords(oidc({ name, issuer: ISSUER, scopes: SCOPES }), values)
  }),

  oauth2: kind({
    variables: {
      AUTHORIZATION_URL: address('Where the browser goes to sign in', 'https://login.example.com/authorize'),
      TOKEN_URL: address('Where the code is traded', 'https://login.example.com/token'),
      ...profile,
      ...client,
      CLIENT_SECRET: variable({ ...client.CLIENT_SECRET, required: ({ TOKEN_AUTH }) => TOKEN_AUTH !== 'none' }),
      SCOPES: variable({ description: 'Scopes to ask for', example: 'profile,email', otherwise: 'none', read: read.list }),
      SCOPE_SEPARATOR: variable({ description: 'What stands between scopes', example: ',', otherwise: 'a space', read: read.text }),
      PARAMS: authorizationParams,
      TOKEN_PARAMS: variable({
        description: 'Further parameters of the token call, a JSON object of texts',
        example: '{"audience":"api"}',
        default: '{}',
        read: read.texts
      }),
      TOKEN_AUTH: variable({
        description: 'Client authentication of the token call: `post`, `basic` or `none`',
        example: 'basic',
        default: 'post',
        read: read.oneOf('post', 'basic', 'none')
      }),
      TOKEN_METHOD: variable({ description: 'Method of the token call: `POST` or `GET`', example: 'GET', default: 'POST', read: read.oneOf('POST', 'GET') }),
      PROFILE_AUTH: variable({
        description: 'How the profile call carries the token: `bearer`, `query:<name>` or `scheme:<word>`',
        example: 'query:access_token',
        default: 'bearer',
        read: (value): ApiAuth => {
          if (!/^(bearer|(query|scheme):[\w.-]+)$/.test(value)) throw new Error('must be bearer, query:<name> or scheme:<word>')
          return value as ApiAuth
        }
      })
    },
    describe: (values, name) => oauth2({
      name,
      authorizationUrl: values.AUTHORIZATION_URL,
      tokenUrl: values.TOKEN_URL,
      apiUrl: values.PROFILE_URL,
      apiAuth: values.PROFILE_AUTH,
      tokenAuth: values.TOKEN_AUTH,
      tokenMethod: values.TOKEN_METHOD,
      tokenParams: values.TOKEN_PARAMS,
      params: values.PARAMS,
      scopes: values.SCOPES ?? [],
      ...(values.SCOPE_SEPARATOR && { scopeSeparator: values.SCOPE_SEPARATOR }),
      profile: pathsOf(values)
    })
  }),

  oauth1: kind({
    variables: {
      REQUEST_TOKEN_URL: address('Where the temporary token comes from', 'https://login.example.com/request_token'),
      AUTHORIZATION_URL: address('Where the browser goes to sign in', 'https://login.example.com/authorize'),
      TOKEN_URL: address('Where the temporary token is traded', 'https://login.example.com/access_token'),
      ...profile,
      ...client,
      CLIENT_SECRET: variable({ ...client.CLIENT_SECRET, required: ({ SIGNATURE }) => SIGNATURE !== 'RSA-SHA1' }),
      PRIVATE_KEY: variable({
        description: 'Private key (PEM) in place of the client secret, for `RSA-SHA1`',
        example: '-----BEGIN PRIVATE KEY-----\\nMIIE…\\n-----END PRIVATE KEY-----',
        secret: true,
        multiline: true,
        required: ({ SIGNATURE }) => SIGNATURE === 'RSA-SHA1',
        read: read.privateKey('RSA')
      }),
      SIGNATURE: variable({
        description: '`HMAC-SHA1`, `HMAC-SHA256`, `RSA-SHA1` or `PLAINTEXT`',
        example: 'HMAC-SHA256',
        default: 'HMAC-SHA1',
        read: read.oneOf('HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT')
      }),
      REALM: variable({ description: '`realm` of the Authorization header', example: 'https://api.example.com/', otherwise: 'none', read: read.text })
    },
    describe: (values, name) => oauth1({
      name,
      requestTokenUrl: values.REQUEST_TOKEN_URL,
      authorizationUrl: values.AUTHORIZATION_URL,
      tokenUrl: values.TOKEN_URL,
      apiUrl: values.PROFILE_URL,
      signature: values.SIGNATURE,
      ...(values.REALM && { realm: values.REALM }),
      profile: pathsOf(values)
    })
  })
}
