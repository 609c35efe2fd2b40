import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'

/**
 * AuthKit, which verifies emails. The plain SSO API passes on whatever an identity provider asserts.
 * https://workos.com/docs/reference/authkit/authentication (authorize, authenticate with code),
 * https://workos.com/docs/reference/authkit/user (`email_verified`), https://workos.com/docs/authkit/email-verification
 */
export const workos = oauth2({
  name: 'WorkOS',
  clientIdExample: 'client_01HZBC6N1EB1ZY7KG32X',
  authorizationUrl: 'https://api.workos.com/user_management/authorize',
  tokenUrl: 'https://api.workos.com/user_management/authenticate',
  apiUrl: 'https://api.workos.com',
  scopes: [],
  params: { provider: 'authkit' },
  variables: {
    ORGANIZATIONS: variable({
      description: 'Only those who sign in to one of these WorkOS organizations, by id',
      example: 'org_01H945H0YD4F97JN9MATX7BYAG',
      otherwise: 'any, or none',
      restricts: true,
      read: read.list
    })
  },

  // The token answer has the person in it. No API tells it to the person's token, so the organization is checked at logins alone.
  async profile (_api, { ORGANIZATIONS: allowed }, { token }) {
    if (allowed && !allowed.some(id => id === token['organization_id'])) throw new AuthError('email_not_allowed')
    const user = token['user'] as Record<string, unknown>
    return {
      subject: user['id'],
      email: user['email'],
      emailVerified: user['email_verified'],
      name: [user['first_name'], user['last_name']].filter(part => typeof part === 'string').join(' '),
      picture: user['profile_picture_url']
    }
  }
})
