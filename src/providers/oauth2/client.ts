import { hash } from 'node:crypto'
import type { OAuth2Namespace } from '@fastify/oauth2'
import Fastify from 'fastify'
import { AuthError } from '../../errors.ts'
import { randomId } from '../../keys/randomness.ts'
import type { TokenAuth } from '../descriptor.ts'
import { limits, outboundHeaders, providerFailure, type Reach } from '../http/outbound.ts'
import type { Kept } from '../provider.ts'
import { askTokenEndpoint, tokenAnswer, tokenCallRefused, type TokenAnswer } from './token-endpoint.ts'

export interface OAuthClientOptions {
  authorizationEndpoint: string
  tokenEndpoint: string
  clientId: string
  /** A function mints another one for each token call. */
  clientSecret: string | (() => string)
  tokenAuth: TokenAuth
  tokenMethod?: 'POST' | 'GET'
  tokenParams?: Record<string, string>
  tokenHeaders?: Record<string, string>
  /** What token_type may be, in lower case, where it is there. */
  tokenTypes: string[]
  /** Only an answer labelled JSON will do; otherwise forms will too, and labels say nothing. */
  strictJson?: boolean | undefined
  callbackUrl: string
  scopes: string[]
  scopeSeparator?: string
  pkce?: false
  params?: Record<string, string>
  reach: Reach
}

/** Builds the authorization URL with state and PKCE, and trades the code. */
export interface OAuthClient {
  authorize (state: string, more: Record<string, string>): { url: string, kept: Kept }
  /**
   * @param more further parameters of this one call
   * @throws AuthError provider_error, provider_timeout, provider_unavailable
   */
  trade (code: string, state: string, kept: Kept, more?: Record<string, string>): Promise<TokenAnswer>
  /** Another access token, for a refresh token. @throws AuthError as `trade` */
  renew (refreshToken: string): Promise<TokenAnswer>
}

const verifierCookie = 'oauth2-code-verifier'

/**
 * @fastify/oauth2 as one configured client: it builds the authorization URL of every provider, and trades codes where the
 * secret is fixed and the answer is JSON by its label. It has no GET, no client without authentication, no parameters of one
 * call, no secret that is minted and no answer in another form: what needs these, token-endpoint.ts does.
 */
export async function oauthClient (options: OAuthClientOptions): Promise<OAuthClient> {
  const { clientSecret, tokenMethod = 'POST', tokenAuth, callbackUrl } = options
  const fitsPlugin = options.strictJson && typeof clientSecret === 'string' && tokenMethod === 'POST' && ['post', 'basic'].includes(tokenAuth)
  const plugin = await pluginClient(options, typeof clientSecret === 'string' ? clientSecret : '')
  const form = await authorizationForm(plugin, options)

  async function throughPlugin (call: () => Promise<{ token: unknown }>): Promise<TokenAnswer> {
    // The plugin's timeout runs anew for the body: this one is for the whole call, and begins before it.
    const { promise: late, stop } = deadline(limits.totalMs)
    return Promise.race([call().then(({ token }) => tokenAnswer(token, options)), late])
      .catch((error: unknown) => { throw providerFailure(refusalIn(error, options) ?? error) })
      .finally(stop)
  }

  return {
    authorize (state, more) {
      const parameters = new URLSearchParams({ ...options.params, ...more }).toString()
      const url = `${form}&state=${state}${parameters && `&${parameters}`}`
      if (options.pkce === false) return { url, kept: {} }
      const verifier = randomId(32)
      return { url: `${url}&code_challenge=${hash('sha256', verifier, 'base64url')}`, kept: { verifier } }
    },

    async trade (code, state, { verifier }, more = {}) {
      if (!fitsPlugin || Object.keys(more).length > 0) {
        const proof = verifier === undefined ? {} : { code_verifier: verifier }
        return askTokenEndpoint(options, { grant_type: 'authorization_code', code, redirect_uri: callbackUrl, ...proof, ...more })
      }
      const request = { query: { code, state }, cookies: { [verifierCookie]: verifier } }
      return throughPlugin(() => plugin.getAccessTokenFromAuthorizationCodeFlow(request as never))
    },

    async renew (refreshToken) {
      if (!fitsPlugin) return askTokenEndpoint(options, { grant_type: 'refresh_token', refresh_token: refreshToken })
      return throughPlugin(() => plugin.getNewAccessTokenUsingRefreshToken({ refresh_token: refreshToken } as never, {}))
    }
  }
}

/**
 * It lives on an instance of its own that never listens, because endpoints found by discovery come after our start.
 * What it would keep in two cookies shared by all providers is handed to it and taken from it here; our flow cookie keeps it.
 */
async function pluginClient (options: OAuthClientOptions, secret: string): Promise<OAuth2Namespace> {
  const authorization = new URL(options.authorizationEndpoint)
  const token = new URL(options.tokenEndpoint)
  const { default: oauth2 } = await import('@fastify/oauth2') // at the start it would be a sixth of it
  const host = Fastify()
  await host.register(oauth2, {
    name: 'provider',
    ...(options.scopes.length > 0 && { scope: options.scopes }),
    ...(options.pkce !== false && { pkce: 'S256' }),
    callbackUri: options.callbackUrl,
    userAgent: outboundHeaders['user-agent'],
    generateStateFunction: (request: unknown, done: (error: null, state: string) => void) => done(null, (request as { state: string }).state),
    checkStateFunction: (_request: unknown, done: () => void) => done(), // login/flow.ts has compared it
    tokenRequestParams: options.tokenParams ?? {},
    credentials: {
      client: { id: options.clientId, secret },
      auth: {
        authorizeHost: authorization.origin,
        authorizePath: authorization.pathname + authorization.search,
        tokenHost: token.origin,
        tokenPath: token.pathname + token.search
      },
      options: {
        authorizationMethod: options.tokenAuth === 'basic' ? 'header' : 'body',
        ...(options.scopeSeparator && { scopeSeparator: options.scopeSeparator })
      },
      http: {
        timeout: limits.totalMs,
        maxBytes: limits.tokenBytes,
        redirects: 0, // none is followed, and unlike `false` none is an answer
        redirect303: true,
        json: 'strict',
        headers: { ...outboundHeaders, ...options.tokenHeaders },
        agent: options.reach.connections.agentFor(options.tokenEndpoint, options.reach).young
      }
    }
  } as never)
  await host.ready()
  return (host as unknown as { provider: OAuth2Namespace }).provider
}

/** The authorization URL, up to what each flow has of its own: written once, as it is most of what a start would cost. */
async function authorizationForm (client: OAuth2Namespace, { scopes }: OAuthClientOptions): Promise<string> {
  const url = new URL(await client.generateAuthorizationUri({ state: '' } as never, { setCookie: () => {} } as never))
  for (const own of ['state', 'code_challenge']) url.searchParams.delete(own)
  if (scopes.length === 0) url.searchParams.delete('scope') // the plugin would ask for the scope `undefined`
  return url.href
}

/** What the plugin throws for a status that is none of success. */
function refusalIn (error: unknown, options: OAuthClientOptions): Error | undefined {
  const { data, output } = error as { data?: { isResponseError?: true, payload?: unknown }, output?: { statusCode: number } }
  return output && data?.isResponseError ? tokenCallRefused(options, output.statusCode, data.payload) : undefined
}

function deadline (ms: number) {
  let timer: NodeJS.Timeout
  const promise = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AuthError('provider_timeout')), ms)
  })
  return { promise, stop: () => clearTimeout(timer) }
}
