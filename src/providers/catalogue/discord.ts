import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oauth2 } from '../descriptor.ts'

/**
 * https://discord.com/developers/docs/topics/oauth2,
 * https://discord.com/developers/docs/resources/user (`verified`: "whether the email on this account has been verified")
 */
export const discord = oauth2({
  name: 'Discord',
  clientIdExample: '157730590492196864',
  authorizationUrl: 'https://discord.com/oauth2/authorize',
  tokenUrl: 'https://discord.com/api/oauth2/token',
  apiUrl: 'https://discord.com/api/v10',
  scopes: ['identify', 'email'],
  strictJson: true,
  variables: {
    GUILDS: variable({
      description: 'Only members of these servers, by id; asks for the scope `guilds.members.read`',
      example: '80351110224678912',
      otherwise: 'any account',
      restricts: true,
      scope: 'guilds.members.read',
      read: read.list
    })
  },

  async profile (api) {
    const { id, email, verified, global_name: name, username, avatar } = await api.get('/users/@me')
    return {
      subject: id,
      email,
      emailVerified: verified,
      name: name ?? username,
      ...(typeof avatar === 'string' && { picture: `https://cdn.discordapp.com/avatars/${String(id)}/${avatar}.png` })
    }
  },

  // One server at a time: a list would tell of all the others. A member who has yet to pass its screening does not count.
  async membership (api, { GUILDS: guilds = [] }) {
    for (const guild of guilds) {
      const member = await api.find(`/users/@me/guilds/${encodeURIComponent(guild)}/member`)
      if (member && member['pending'] !== true) return
    }
    throw new AuthError('email_not_allowed')
  }
})
