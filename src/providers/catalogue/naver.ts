import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/** https://developers.naver.com/docs/login/api/api.md, https://developers.naver.com/docs/login/profile/profile.md */
export const naver = oauth2({
  name: 'Naver',
  clientIdExample: 'jyvqXeaVOVmV',
  authorizationUrl: 'https://nid.naver.com/oauth2.0/authorize',
  tokenUrl: 'https://nid.naver.com/oauth2.0/token',
  apiUrl: 'https://openapi.naver.com/v1',
  // What an application may read is chosen where it is registered.
  scopes: [],
  handsBack: ['state'],
  variables: { TRUST_EMAIL: trustEmail('Naver') },

  // The Naver mailbox by default, or whatever the person put in its place as contact address.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const { response } = await api.get('/nid/me')
    return {
      subject: valueAt(response, 'id'),
      email: valueAt(response, 'email'),
      emailVerified: trusted,
      name: valueAt(response, 'name') ?? valueAt(response, 'nickname'),
      picture: valueAt(response, 'profile_image')
    }
  }
})
