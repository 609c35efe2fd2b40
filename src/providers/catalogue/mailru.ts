import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://id.vk.ru/about/business/go/docs/ru/vkid/latest/oauth/oauth-mail/index (login, token, userinfo, PKCE),
 * https://biz.mail.ru/developer/oauth.html (client authentication by Basic)
 */
export const mailru = oauth2({
  name: 'Mail.ru',
  clientIdExample: '0123456789abcdef0123456789abcdef',
  authorizationUrl: 'https://oauth.mail.ru/login',
  tokenUrl: 'https://oauth.mail.ru/token',
  apiUrl: 'https://oauth.mail.ru',
  apiAuth: 'query:access_token',
  tokenAuth: 'basic',
  scopes: ['userinfo'],
  variables: { TRUST_EMAIL: trustEmail('Mail.ru') },

  // A failure comes with status 200, `error` in it, and without an id.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const { id, email, name, image: picture } = await api.get('/userinfo')
    return { subject: id, email, emailVerified: trusted, name, picture }
  }
})
