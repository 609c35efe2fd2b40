import { oauth2 } from '../descriptor.ts'
import { valueAt } from '../profile.ts'
import { trustEmail } from '../setup/trust-email.ts'

/**
 * https://developers.notion.com/docs/authorization, https://developers.notion.com/reference/get-self,
 * https://developers.notion.com/reference/capabilities
 */
export const notion = oauth2({
  name: 'Notion',
  clientIdExample: '463558a3-725e-4f37-b6d3-0889894f68de',
  authorizationUrl: 'https://api.notion.com/v1/oauth/authorize',
  tokenUrl: 'https://api.notion.com/v1/oauth/token',
  apiUrl: 'https://api.notion.com/v1',
  apiHeaders: { 'notion-version': '2022-06-28' },
  // What a connection may read is chosen where it is registered.
  scopes: [],
  params: { owner: 'user' },
  tokenAuth: 'basic',
  variables: { TRUST_EMAIL: trustEmail('Notion') },

  // The token is a bot's, which has an id of its own: the person is its owner, if not a whole workspace is.
  async profile (api, { TRUST_EMAIL: trusted }) {
    const person = valueAt(await api.get('/users/me'), 'bot.owner.user')
    return {
      subject: valueAt(person, 'id'),
      email: valueAt(person, 'person.email'),
      emailVerified: trusted,
      name: valueAt(person, 'name'),
      picture: valueAt(person, 'avatar_url')
    }
  }
})
