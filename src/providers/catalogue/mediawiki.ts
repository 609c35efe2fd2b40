import { AuthError } from '../../errors.ts'
import { parseStrictObject } from '../../strict-json.ts'
import { oauth1 } from '../descriptor.ts'
import { macHolds } from '../../jws/compact.ts'

/** Its accounts are those of all its wikis. */
const wikimedia = 'meta.wikimedia.org'

const hostOf = (url: string): string | undefined => URL.canParse(url) ? new URL(url).host : undefined

/** https://www.mediawiki.org/wiki/OAuth/For_Developers (Identifying the user), https://www.mediawiki.org/wiki/Extension:OAuth */
export const mediawiki = oauth1({
  name: 'Wikimedia',
  clientIdExample: '0123456789abcdef0123456789abcdef',
  requestTokenUrl: 'https://meta.wikimedia.org/w/index.php?title=Special:OAuth/initiate',
  authorizationUrl: 'https://meta.wikimedia.org/w/index.php?title=Special:OAuth/authenticate&oauth_consumer_key={CLIENT_ID}',
  tokenUrl: 'https://meta.wikimedia.org/w/index.php?title=Special:OAuth/token',
  apiUrl: 'https://meta.wikimedia.org/w',

  // The answer is a JWT, signed with the secret that this wiki shares with us alone; an error is JSON, with status 200.
  async profile (api, _own, { clientId, clientSecret, now, lastNonce, authorizationUrl, apiUrl }) {
    const jwt = await api.text('/index.php', { title: 'Special:OAuth/identify' })
    const [header = '', payload = '', mac = '', more] = jwt.split('.')
    const { alg, crit } = parseStrictObject(Buffer.from(header, 'base64url'))
    const signed = alg === 'HS256' && crit === undefined && more === undefined && macHolds(clientSecret, `${header}.${payload}`, mac)
    if (!signed) throw new AuthError('provider_error', { cause: new Error('the identity is not signed with our secret') })
    const { iss, sub, aud, iat, exp, nonce, ...claims } = parseStrictObject(Buffer.from(payload, 'base64url'))
    // Several wikis may share a consumer: `iss` is the server of the one that answered, and `nonce` that of our question.
    const servers = [authorizationUrl, apiUrl, `https://${wikimedia}`].map(hostOf)
    if (typeof iss !== 'string' || !servers.includes(hostOf(iss)) || nonce !== lastNonce()) {
      throw new AuthError('provider_error', { cause: new Error('the identity is of another wiki, or the answer to another question') })
    }
    const fresh = [iat, exp].every(Number.isSafeInteger) && Number(iat) <= now + 60 && Number(exp) > now
    // An account that is not attached to the central one has 0 there, and is not alone with it.
    if (aud !== clientId || !fresh || sub === 0) throw new AuthError('provider_error', { cause: new Error('the identity is not for us, or nobody\'s') })
    return {
      subject: sub,
      email: claims['email'],
      emailVerified: claims['confirmed_email'],
      name: claims['realname'] || claims['username']
    }
  }
})
