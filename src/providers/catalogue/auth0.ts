import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oidc } from '../descriptor.ts'

/**
 * https://auth0.com/docs/manage-users/user-accounts/user-profiles/verified-email-usage,
 * https://auth0.com/docs/manage-users/organizations/using-tokens (`org_id`)
 */
export const auth0 = oidc({
  name: 'Auth0',
  // The slash is part of it.
  issuerExample: 'https://acme.eu.auth0.com/',
  scopes: ['openid', 'email', 'profile'],
  variables: {
    ORGANIZATIONS: variable({
      description: 'Only these Auth0 organizations, by id, checked on the `org_id` claim',
      example: 'org_9ybsU1dN2dKfDkBi',
      otherwise: 'any',
      restricts: true,
      read: read.list
    })
  },

  refine ({ org_id: organization }, { ORGANIZATIONS: allowed }) {
    if (allowed && !allowed.some(id => id === organization)) throw new AuthError('email_not_allowed')
    return {}
  }
})
