import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oidc } from '../descriptor.ts'

/**
 * https://docs.gitlab.com/integration/openid_connect_provider/ (claims and groups),
 * endpoints from https://gitlab.com/.well-known/openid-configuration
 */
export const gitlab = oidc({
  name: 'GitLab',
  clientIdExample: '4a1b2c3d4e5f…',
  issuer: 'https://gitlab.com',
  endpoints: {
    authorizationEndpoint: 'https://gitlab.com/oauth/authorize',
    tokenEndpoint: 'https://gitlab.com/oauth/token',
    jwksUri: 'https://gitlab.com/oauth/discovery/keys',
    userinfoEndpoint: 'https://gitlab.com/oauth/userinfo',
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  scopes: ['openid', 'email', 'profile'],
  variables: {
    GROUPS: variable({
      description: 'Only members of these groups, by path',
      example: 'acme,acme/platform',
      otherwise: 'any account',
      restricts: true,
      read: read.list
    })
  },

  // `groups` of the userinfo has the groups of ancestors too; the id_token has only direct ones. Paths ignore case there.
  async membership (api, { GROUPS: wanted = [] }) {
    const { groups } = await api.get('/oauth/userinfo')
    const paths = Array.isArray(groups) ? groups.map(path => String(path).toLowerCase()) : []
    if (!wanted.some(path => paths.includes(path.toLowerCase()))) throw new AuthError('email_not_allowed')
  }
})
