import { oidc } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

const doubt = (name: string) =>
  `${name} calls the address of every active account verified, also where people register without confirming it`

/** Forgejo grew out of Gitea, and signs people in the same way. */
const forge = (name: string, issuerExample: string) => oidc({
  name,
  clientIdExample: 'e6f1c1a4-5b7d-4c0e-9d8f-2a3b4c5d6e7f',
  issuerExample,
  // Without a scope for its API the token could do all that the person can.
  scopes: ['openid', 'email', 'profile', 'read:user'],
  variables: { TRUST_EMAIL: trustEmail(name, doubt(name)) },

  refine: ({ email_verified: said }, { TRUST_EMAIL: trusted }) => ({ emailVerified: trusted === true && said === true })
})

/**
 * https://docs.gitea.com/development/oauth2-provider (endpoints, PKCE, scopes),
 * https://docs.gitea.com/administration/config-cheat-sheet (`REGISTER_EMAIL_CONFIRM`, off by default),
 * https://github.com/go-gitea/gitea/blob/main/services/oauth2_provider/access_token.go (`email_verified` is "the user is active")
 */
export const gitea = forge('Gitea', 'https://gitea.example.com/')

/**
 * https://forgejo.org/docs/latest/user/oauth2-provider/, https://forgejo.org/docs/latest/admin/config-cheat-sheet/
 * (`REGISTER_EMAIL_CONFIRM`, off by default)
 */
export const forgejo = forge('Forgejo', 'https://forgejo.example.com')
