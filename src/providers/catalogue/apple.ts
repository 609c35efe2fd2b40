import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { parseStrictObject } from '../../strict-json.ts'
import { mintedSecret } from '../oauth2/minted-secret.ts'
import { oidc } from '../descriptor.ts'

/**
 * https://developer.apple.com/documentation/signinwithapple/configuring-your-webpage-for-sign-in-with-apple,
 * https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
 */
export const apple = oidc({
  name: 'Apple',
  clientIdExample: 'com.example.signin',
  issuer: 'https://appleid.apple.com',
  endpoints: {
    authorizationEndpoint: 'https://appleid.apple.com/auth/authorize',
    tokenEndpoint: 'https://appleid.apple.com/auth/token',
    jwksUri: 'https://appleid.apple.com/auth/keys',
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  scopes: ['openid', 'email', 'name'],
  vouchesFor: ['icloud.com', 'me.com', 'mac.com', 'privaterelay.appleid.com'],
  // Apple gives out name and email in no other way.
  params: { response_mode: 'form_post' },
  variables: {
    TEAM_ID: variable({ description: 'Team id of the Apple developer account', example: 'DEF123GHIJ', required: 'Apple needs it', read: read.text }),
    KEY_ID: variable({ description: 'Id of the key for Sign in with Apple', example: 'ABC123DEFG', required: 'Apple needs it', read: read.text }),
    PRIVATE_KEY: variable({
      description: 'That key (.p8): its text, or better its file by `APPLE_PRIVATE_KEY_FILE`',
      example: '-----BEGIN PRIVATE KEY-----\\nMIGT…\\n-----END PRIVATE KEY-----',
      required: 'Apple needs it',
      secret: true,
      multiline: true,
      read: read.privateKey('P-256')
    })
  },

  mintSecret: ({ TEAM_ID: team, KEY_ID: keyId, PRIVATE_KEY: key }, { clientId, issuer, now }) =>
    mintedSecret({ key, keyId, team, clientId, audience: issuer, now }),

  // `email_verified` came as text for years. The name comes once, unsigned, beside the code: good enough for a greeting.
  refine ({ email_verified: verified }, _own, { user }) {
    return { emailVerified: verified === true || verified === 'true', ...nameOf(user) }
  }
})

function nameOf (user: string | undefined): { name?: string } {
  try {
    const { name } = parseStrictObject(user ?? '{}')
    const { firstName, lastName } = name as Record<string, unknown>
    const full = [firstName, lastName].filter(part => typeof part === 'string').join(' ').trim()
    return full === '' || full.length > 200 ? {} : { name: full }
  } catch {
    return {}
  }
}
