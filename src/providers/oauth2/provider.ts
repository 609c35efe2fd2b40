import { AuthError } from '../../errors.ts'
import { epochSeconds } from '../../clock.ts'
import { bearing, providerApi, type Api } from '../http/api.ts'
import { refuseError } from '../callback.ts'
import type { OAuth2Descriptor } from '../descriptor.ts'
import { identityOf } from '../identify.ts'
import { checkMembership, grantOf, isRestricted, livingGrant } from '../membership.ts'
import { oauthClient, type OAuthClient, type OAuthClientOptions } from './client.ts'
import type { Reach } from '../http/outbound.ts'
import { profileByPaths, readAnswers } from '../profile.ts'
import { namedAs, type CallbackAnswer, type Provider, type ProviderSettings } from '../provider.ts'

/** An OAuth 2 provider that says who a person is by an API of its own. */
export function oauth2Provider (descriptor: OAuth2Descriptor, settings: ProviderSettings): Provider {
  const { id, clientId, clientSecret, own, loopback, connections, clock } = settings
  const { authorizationUrl, tokenUrl, apiUrl, apiHeaders, apiAuth = 'bearer', tokenAuth = 'post', mintSecret, handsBack = [], profile } = descriptor
  // Addresses from answers may lead anywhere; those of the descriptor and of the operator are meant.
  const meant = new Set([tokenUrl, apiUrl].map(url => new URL(url).host))
  const reachOf = (url: string): Reach => ({ typed: meant.has(new URL(url).host), loopback, connections })
  const [apiWay, apiWord = ''] = apiAuth.split(':', 2)

  let connected: Promise<OAuthClient> | undefined
  /** Made at the first use. */
  function connect (): Promise<OAuthClient> {
    connected ??= oauthClient(clientOptions)
    return connected
  }

  const clientOptions: OAuthClientOptions = {
    ...descriptor,
    authorizationEndpoint: authorizationUrl,
    tokenEndpoint: tokenUrl,
    tokenAuth,
    tokenTypes: ['bearer', ...(apiWay === 'scheme' ? [apiWord.toLowerCase()] : [])],
    clientId,
    clientSecret: mintSecret ? () => mintSecret(own, { clientId, issuer: new URL(tokenUrl).origin, now: epochSeconds(clock) }) : clientSecret,
    callbackUrl: settings.callbackUrl,
    scopes: settings.scopes,
    reach: reachOf(tokenUrl)
  }

  const apiOf = (accessToken: string): Api => providerApi({
    baseUrl: apiUrl,
    ...(apiHeaders && { headers: apiHeaders }),
    reach: reachOf,
    authenticate: bearing(apiAuth)
  }, accessToken)

  return {
    id,
    name: settings.name,
    callbackUrl: settings.callbackUrl,
    emails: settings.emails,
    selectsAccount: descriptor.selectsAccount ?? false,
    checksMembership: isRestricted(descriptor, own),
    addsFragment: descriptor.addsFragment ?? false,
    formPost: descriptor.params?.['response_mode'] === 'form_post',

    async warmUp () {},

    async authorize (state, _nonce, passedOn) {
      return (await connect()).authorize(state, namedAs(passedOn, descriptor.passedOnAs))
    },

    async checkAnswer (answer) {
      refuseError(answer)
      if (answer.code === undefined || handsBack.some(name => answer[name] === undefined)) throw new AuthError('invalid_request')
    },

    async identify (answer, { state, kept }) {
      const tokens = await (await connect()).trade(String(answer.code), state, kept, handedBack(answer, handsBack))
      const { accessToken, document: token } = tokens
      const api = apiOf(accessToken)
      const found = await readAnswers(() => typeof profile === 'function'
        ? profile(api, own, { accessToken, token, clientId, clientSecret })
        : profileByPaths(api, profile))
      const identity = identityOf(id, found)
      await checkMembership(descriptor, own, api)
      return isRestricted(descriptor, own) ? { identity, grant: grantOf(tokens, clock) } : { identity }
    },

    async recheck (grant, renewed) {
      const living = await livingGrant(grant, async refreshToken => (await connect()).renew(refreshToken), clock)
      renewed(living)
      await checkMembership(descriptor, own, apiOf(living.accessToken))
    }
  }
}

const handedBack = (answer: CallbackAnswer, names: Array<keyof CallbackAnswer>): Record<string, string> =>
  Object.fromEntries(names.map(name => [name, String(answer[name])]))
