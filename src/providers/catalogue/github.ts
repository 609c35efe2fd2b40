import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'

/** An organisation takes about a kilobyte of an answer. */
const pageSize = 50
const maxPages = 20

/**
 * https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps,
 * https://docs.github.com/en/rest/users/emails, https://docs.github.com/en/rest/orgs/members
 */
export const github = oauth2({
  name: 'GitHub',
  clientIdExample: 'Ov23liExample',
  authorizationUrl: 'https://github.com/login/oauth/authorize',
  tokenUrl: 'https://github.com/login/oauth/access_token',
  apiUrl: 'https://api.github.com',
  apiHeaders: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
  scopes: ['user:email'],
  tokenHeaders: { accept: 'application/json' }, // it answers with a form to anything else
  passedOnAs: { login_hint: 'login' },
  selectsAccount: true,
  variables: {
    ORGS: variable({
      description: 'Only members of these organisations; asks for the scope `read:org`',
      example: 'acme,acme-labs',
      otherwise: 'any account',
      restricts: true,
      scope: 'read:org',
      read: read.list
    })
  },

  // The email of /user is whatever the person made public: /user/emails says which one is primary and verified.
  async profile (api) {
    const user = await api.get('/user')
    const emails = await api.list('/user/emails', { per_page: '100' })
    const primary = emails.find(({ primary }) => primary === true)
    return {
      subject: user['id'],
      email: primary?.['email'],
      emailVerified: primary?.['verified'],
      name: user['name'] ?? user['login'],
      picture: user['avatar_url']
    }
  },

  // One membership at a time, as a list has pages; the list for tokens that may not see memberships (404, 403).
  async membership (api, { ORGS: orgs = [] }) {
    for (const org of orgs) {
      const membership = await api.find(`/user/memberships/orgs/${encodeURIComponent(org)}`)
      if (membership?.['state'] === 'active') return
    }
    const wanted = new Set(orgs.map(org => org.toLowerCase()))
    for (let page = 1; page <= maxPages; page++) {
      const listed = await api.list('/user/orgs', { per_page: String(pageSize), page: String(page) })
      if (listed.some(({ login }) => wanted.has(String(login).toLowerCase()))) return
      if (listed.length < pageSize) break
    }
    throw new AuthError('email_not_allowed')
  }
})
