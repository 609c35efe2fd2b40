import { oauth2 } from '../descriptor.ts'
import { trustEmail } from '../setup/trust-email.ts'

/** https://yandex.com/dev/id/doc/en/codes/code-url, https://yandex.com/dev/id/doc/en/user-information */
export const yandex = oauth2({
  name: 'Yandex',
  clientIdExample: '0123456789abcdef0123456789abcdef',
  authorizationUrl: 'https://oauth.yandex.ru/authorize',
  tokenUrl: 'https://oauth.yandex.ru/token',
  apiUrl: 'https://login.yandex.ru',
  apiAuth: 'scheme:OAuth',
  scopes: ['login:email', 'login:info'],
  variables: { TRUST_EMAIL: trustEmail('Yandex') },

  // `login` is a name that may be renamed or look like an address: it is neither the subject nor the email.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const { id, default_email: email, real_name: name } = await api.get('/info', { format: 'json' })
    return { subject: id, email, emailVerified: trusted, name }
  }
})
