import { AuthError } from '../../errors.ts'
import { epochSeconds } from '../../clock.ts'
import { providerApi, type Api, type ApiRequest, type Json } from '../http/api.ts'
import { refuseError } from '../callback.ts'
import type { OAuth1Descriptor } from '../descriptor.ts'
import { identityOf } from '../identify.ts'
import { checkMembership, isRestricted } from '../membership.ts'
import { authorizationHeader, signature } from './signature.ts'
import { ask, providerFailure, type Reach } from '../http/outbound.ts'
import { profileByPaths, readAnswers } from '../profile.ts'
import { namedAs, type Provider, type ProviderSettings } from '../provider.ts'
import { parseForm } from '../oauth2/token-endpoint.ts'

export interface OAuth1Settings extends ProviderSettings {
  /** Another text each time. */
  newNonce: () => string
}

/** A token and the secret that signs with it (RFC 5849 section 1.1), and all that came along. */
interface Credentials {
  token: string
  secret: string
  answer: Json
}

/** An OAuth 1.0a provider (RFC 5849): a temporary token first, then the person's consent, then a token that signs API calls. */
export function oauth1Provider (descriptor: OAuth1Descriptor, settings: OAuth1Settings): Provider {
  const { id, clientId, clientSecret, own, callbackUrl, clock, newNonce } = settings
  const { requestTokenUrl, authorizationUrl, tokenUrl, apiUrl, apiHeaders, signature: method = 'HMAC-SHA1', realm, profile } = descriptor
  const signingSecret = method === 'RSA-SHA1' ? String(own['PRIVATE_KEY']) : clientSecret
  const meant = new Set([requestTokenUrl, tokenUrl, apiUrl].map(url => new URL(url).host))
  const { loopback, connections } = settings
  const reachOf = (url: string): Reach => ({ typed: meant.has(new URL(url).host), loopback, connections })

  function signed (request: ApiRequest, more: Record<string, string>, tokenSecret: string): Record<string, string> {
    const oauth: Record<string, string> = {
      oauth_consumer_key: clientId,
      oauth_nonce: newNonce(),
      oauth_signature_method: method,
      oauth_timestamp: String(epochSeconds(clock)),
      oauth_version: '1.0',
      ...more
    }
    oauth['oauth_signature'] = signature(method, { ...request, oauth }, { clientSecret: signingSecret, tokenSecret })
    return { authorization: authorizationHeader(oauth, realm) }
  }

  /** Both token endpoints are posted to, signed, and answer a form, however they label it. */
  async function askForToken (url: string, more: Record<string, string>, tokenSecret = ''): Promise<Credentials> {
    const headers = { ...signed({ method: 'POST', url: new URL(url), form: {} }, more, tokenSecret), accept: '*/*' }
    const { status, body } = await ask({ url, reach: reachOf(url), method: 'POST', headers })
    try {
      if (status !== 200) throw new Error(`the token endpoint answered ${status}`)
      const answer = parseForm(new TextDecoder('utf-8', { fatal: true }).decode(body).trim())
      const { oauth_token: token, oauth_token_secret: secret } = answer
      if (typeof token !== 'string' || token === '' || typeof secret !== 'string') throw new Error('the answer has no token')
      return { token, secret, answer }
    } catch (error) {
      throw providerFailure(error)
    }
  }

  const apiOf = (accessToken: string, tokenSecret: string, onNonce?: (nonce: string) => void): Api => providerApi({
    baseUrl: apiUrl,
    ...(apiHeaders && { headers: apiHeaders }),
    reach: reachOf,
    authenticate: token => request => {
      const nonce = newNonce()
      onNonce?.(nonce)
      return signed(request, { oauth_token: token, oauth_nonce: nonce }, tokenSecret)
    }
  }, accessToken)

  return {
    id,
    name: settings.name,
    callbackUrl,
    emails: settings.emails,
    selectsAccount: descriptor.selectsAccount ?? false,
    checksMembership: isRestricted(descriptor, own),
    addsFragment: false,
    formPost: false,

    async warmUp () {},

    async authorize (state, _nonce, passedOn) {
      const { token, secret, answer } = await askForToken(requestTokenUrl, { oauth_callback: `${callbackUrl}?state=${state}` })
      // RFC 5849 section 2.1: what tells 1.0a from 1.0, whose session fixation the verifier is there against.
      if (answer['oauth_callback_confirmed'] !== 'true') throw new AuthError('provider_error', { cause: new Error('the callback is not confirmed') })
      const url = new URL(authorizationUrl)
      url.searchParams.set('oauth_token', token)
      for (const [name, value] of Object.entries({ ...descriptor.params, ...namedAs(passedOn) })) url.searchParams.set(name, value)
      return { url: url.href, kept: { token, secret } }
    },

    async checkAnswer (answer, { kept }) {
      refuseError(answer)
      if (answer.oauth_token === undefined || answer.oauth_verifier === undefined) throw new AuthError('invalid_request')
      if (answer.oauth_token !== kept['token']) throw new AuthError('flow_mismatch')
    },

    async identify (sent, { kept }) {
      const proof = { oauth_token: String(kept['token']), oauth_verifier: String(sent.oauth_verifier) }
      const { token, secret, answer } = await askForToken(tokenUrl, proof, String(kept['secret']))
      let nonce = ''
      const api = apiOf(token, secret, used => { nonce = used })
      const found = await readAnswers(() => typeof profile === 'function'
        ? profile(api, own, { token: answer, clientId, clientSecret, now: epochSeconds(clock), authorizationUrl, apiUrl, lastNonce: () => nonce })
        : profileByPaths(api, profile))
      const identity = identityOf(id, found)
      await checkMembership(descriptor, own, api)
      return isRestricted(descriptor, own) ? { identity, grant: { accessToken: token, tokenSecret: secret } } : { identity }
    },

    async recheck (grant) {
      await checkMembership(descriptor, own, apiOf(grant.accessToken, String(grant.tokenSecret)))
    }
  }
}
