import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oidc } from '../descriptor.ts'

/**
 * https://docs.slack.dev/authentication/sign-in-with-slack,
 * https://docs.slack.dev/reference/methods/openid.connect.token (claims; it takes no code_verifier),
 * endpoints from https://slack.com/.well-known/openid-configuration
 */
export const slack = oidc({
  name: 'Slack',
  clientIdExample: '25259531569.1115229246291',
  issuer: 'https://slack.com',
  endpoints: {
    authorizationEndpoint: 'https://slack.com/openid/connect/authorize',
    tokenEndpoint: 'https://slack.com/api/openid.connect.token',
    jwksUri: 'https://slack.com/openid/connect/keys',
    userinfoEndpoint: 'https://slack.com/api/openid.connect.userInfo',
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  // PKCE makes a Slack app a public client, which may not send its secret. The nonce binds the code here.
  pkce: false,
  scopes: ['openid', 'email', 'profile'],
  variables: {
    TEAMS: variable({
      description: 'Only these workspaces, by id',
      example: 'T0R7GRKLM',
      otherwise: 'any workspace',
      restricts: true,
      read: read.list
    })
  },

  refine (claims, { TEAMS: teams }) {
    const team = claims['https://slack.com/team_id']
    if (teams && !(typeof team === 'string' && teams.includes(team))) throw new AuthError('email_not_allowed')
    return {}
  }
})
