import type { Descriptor } from '../descriptor.ts'
import { needsSecret, withOpenidWords } from './generic.ts'
import { emailDomains, openidVariables, vouchesFor, type OpenidValues } from './common-variables.ts'
import * as read from '../../env/values.ts'
import { variable, type Variables } from '../../env/variable.ts'

const address = (description: string, value: string) => variable({ description, example: value, default: value, address: true, read: read.endpoint })

/** The variables of a provider of the catalogue, as `<ID>_<NAME>`: the usual ones of its kind, then its own. */
export function usualVariables (descriptor: Descriptor): Variables {
  const { name, kind, clientIdExample = 'handstamp', variables = {} } = descriptor
  const client: Variables = {
    CLIENT_ID: variable({
      description: `Client id registered at ${name}`,
      example: clientIdExample,
      otherwise: `${name} is off`,
      required: true,
      read: read.credential
    }),
    ...clientSecret(descriptor)
  }
  if (kind === 'oidc') {
    const { issuer, issuerExample = 'https://login.example.com', scopes } = descriptor
    return {
      ...client,
      SCOPES: variable({ description: `Scopes to ask ${name} for`, example: 'openid,email', default: scopes.join(','), read: read.openidScopes }),
      ISSUER: variable({
        description: issuer
          ? `Another issuer in place of ${name} (discovery is then used); http only if it and \`PUBLIC_URL\` are loopback`
          : 'Your issuer there, exactly as its discovery document writes it',
        example: issuer ?? issuerExample,
        ...(issuer ? { default: issuer } : { required: `every ${name} has an issuer of its own` }),
        address: true,
        read: read.issuer
      }),
      ...(descriptor.mintSecret ? withMintedSecret() : openidVariables),
      EMAIL_DOMAINS: emailDomains,
      VOUCHES_FOR: vouchesFor,
      ...variables
    }
  }
  const { authorizationUrl, tokenUrl, apiUrl } = descriptor
  return {
    ...client,
    ...(kind === 'oauth2' && {
      SCOPES: variable({
        description: `Scopes to ask ${name} for`,
        example: 'email',
        ...(descriptor.scopes.length > 0 ? { default: descriptor.scopes.join(',') } : { otherwise: 'none' }),
        read: read.list
      })
    }),
    ...(kind === 'oauth1' && { REQUEST_TOKEN_URL: address('Where temporary tokens come from', descriptor.requestTokenUrl) }),
    AUTHORIZATION_URL: address('Where the browser goes to sign in', authorizationUrl),
    TOKEN_URL: address('Where the code is traded', tokenUrl),
    API_URL: address('What stands before the paths of the API', apiUrl),
    VOUCHES_FOR: vouchesFor,
    ...variables
  }
}

/** Where a key makes the client secret, there is no other use for one. */
function withMintedSecret (): Variables {
  const { PRIVATE_KEY: _key, KEY_ID: _id, TOKEN_AUTH, ...rest } = openidVariables
  const description = 'How the client secret goes with the token call: `basic` or `post`'
  return { ...rest, TOKEN_AUTH: variable({ ...TOKEN_AUTH, description, read: read.oneOf('basic', 'post') }) }
}

function clientSecret (descriptor: Descriptor): Variables {
  if (descriptor.kind !== 'oauth1' && descriptor.mintSecret) return {}
  const secret = { description: 'Its client secret', example: 's3cr3t…', secret: true, read: read.credential } as const
  const optional = descriptor.kind === 'oauth2' && descriptor.tokenAuth?.startsWith('optional:')
  if (optional) return { CLIENT_SECRET: variable({ ...secret, otherwise: 'none' }) }
  return { CLIENT_SECRET: variable({ ...secret, otherwise: 'off', required: descriptor.kind === 'oidc' ? needsSecret : true }) }
}

/** The descriptor with what the operator chose: another issuer means other endpoints, to be discovered. */
export function withOperatorsWords (descriptor: Descriptor, values: Record<string, unknown>): Descriptor {
  const fill = (url: string) => url.replace(/\{([A-Z_]+)\}/g, (place, name: string) => typeof values[name] === 'string' ? values[name] : place)
  const chosen = (name: string, usual: string) => fill(typeof values[name] === 'string' ? values[name] : usual)
  if (descriptor.kind === 'oidc') {
    const { endpoints, ...rest } = withOpenidWords(descriptor, values as Partial<OpenidValues>) // every table has them under these types
    const usual = fill(descriptor.issuer ?? '')
    const issuer = chosen('ISSUER', usual)
    if (!endpoints || issuer !== usual) return { ...rest, issuer }
    return { ...rest, issuer, endpoints: filled(endpoints, fill) }
  }
  const urls = {
    authorizationUrl: chosen('AUTHORIZATION_URL', descriptor.authorizationUrl),
    tokenUrl: chosen('TOKEN_URL', descriptor.tokenUrl),
    apiUrl: chosen('API_URL', descriptor.apiUrl)
  }
  if (descriptor.kind === 'oauth2') return { ...descriptor, ...urls }
  return { ...descriptor, ...urls, requestTokenUrl: chosen('REQUEST_TOKEN_URL', descriptor.requestTokenUrl) }
}

const filled = <Endpoints extends object>(endpoints: Endpoints, fill: (url: string) => string): Endpoints =>
  Object.fromEntries(Object.entries(endpoints).map(([name, value]) => [name, typeof value === 'string' ? fill(value) : value])) as Endpoints
