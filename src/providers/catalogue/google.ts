import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oidc } from '../descriptor.ts'

/** https://developers.google.com/identity/openid-connect/openid-connect, endpoints from Google's discovery document */
export const google = oidc({
  name: 'Google',
  clientIdExample: '1234567890-abc.apps.googleusercontent.com',
  issuer: 'https://accounts.google.com',
  endpoints: {
    authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenEndpoint: 'https://oauth2.googleapis.com/token',
    jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
    userinfoEndpoint: 'https://openidconnect.googleapis.com/v1/userinfo',
    // Google sends `iss` where its discovery document says so; what is sent is checked in any case.
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  scopes: ['openid', 'email', 'profile'],
  selectsAccount: true,
  vouchesFor: ['gmail.com', 'googlemail.com'],
  vouchesByItself: true,
  variables: {
    HD: variable({
      description: 'Only these Google Workspace domains, checked on the `hd` claim',
      example: 'example.com',
      otherwise: 'any account',
      restricts: true,
      read: read.domains
    })
  },

  // Google speaks for gmail.com and for Workspace domains (`hd`); any other address was only a mailbox once.
  refine ({ hd }, { HD: domains }) {
    const hosted = typeof hd === 'string' && /^[a-z0-9.-]{1,253}$/i.test(hd) ? hd.toLowerCase() : undefined
    if (domains && !(hosted && domains.includes(hosted))) throw new AuthError('email_not_allowed')
    return hosted ? { hd: hosted } : {}
  }
})
