import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'

/** https://developers.kakao.com/docs/latest/en/kakaologin/rest-api (Request authorization code, Retrieve user information) */
export const kakao = oauth2({
  name: 'Kakao',
  clientIdExample: '0123456789abcdef0123456789abcdef',
  authorizationUrl: 'https://kauth.kakao.com/oauth/authorize',
  tokenUrl: 'https://kauth.kakao.com/oauth/token',
  apiUrl: 'https://kapi.kakao.com',
  scopes: ['account_email', 'profile_nickname'],
  scopeSeparator: ',',
  selectsAccount: true,

  // Kakao's id_token has the address without either flag. A verified one is not valid any more once another account has it.
  async profile (api) {
    const { id, kakao_account: account } = await api.get('/v2/user/me', { secure_resource: 'true' })
    return {
      subject: id,
      email: valueAt(account, 'email'),
      emailVerified: valueAt(account, 'is_email_valid') === true && valueAt(account, 'is_email_verified'),
      name: valueAt(account, 'profile.nickname'),
      picture: valueAt(account, 'profile.profile_image_url')
    }
  }
})
