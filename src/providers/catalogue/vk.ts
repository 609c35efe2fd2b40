import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * VK ID, OAuth 2.1: https://id.vk.com/about/business/go/docs/en/vkid/latest/vk-id/connection/api-integration/api-description,
 * https://id.vk.com/about/business/go/docs/en/vkid/latest/vk-id/connection/start-integration/auth-without-sdk-web
 */
export const vk = oauth2({
  name: 'VK',
  clientIdExample: '51234567',
  authorizationUrl: 'https://id.vk.ru/authorize',
  tokenUrl: 'https://id.vk.ru/oauth2/auth',
  apiUrl: 'https://id.vk.ru/oauth2',
  scopes: ['vkid.personal_info', 'email'],
  // PKCE proves who trades the code; a confidential application sends its service token too. Any other parameter is refused.
  tokenAuth: 'optional:service_token',
  handsBack: ['device_id', 'state'],
  variables: { TRUST_EMAIL: trustEmail('VK') },

  // `verified` there is the badge of a known person: it says nothing about the address.
  // The token goes in the form as VK documents it; the header does no harm.
  async profile (api, { TRUST_EMAIL: trusted }, { clientId, accessToken }) {
    const { user } = await api.post('/user_info', { client_id: clientId, access_token: accessToken })
    const names = [valueAt(user, 'first_name'), valueAt(user, 'last_name')]
    return {
      subject: valueAt(user, 'user_id'),
      email: valueAt(user, 'email'),
      emailVerified: trusted,
      name: names.filter(part => typeof part === 'string' && part !== '').join(' '),
      picture: valueAt(user, 'avatar')
    }
  }
})
