import { hash } from 'node:crypto'
import type { OAuth2Namespace } from '@fastify/oauth2'
import Fastify from 'fastify'
import { AuthError } from '../errors.ts'
import { randomId } from '../keys/randomness.ts'
import { agentFor, limits, outboundHeaders, providerFailure, type Reach } from './outbound.ts'
import type { FlowChecks } from './provider.ts'

export interface OAuthClientOptions {
  authorizationEndpoint: string
  tokenEndpoint: string
  clientId: string
  clientSecret: string
  tokenAuth: 'basic' | 'post'
  callbackUrl: string
  scopes: string[]
  reach: Reach
}

/** Builds the authorization URL with state and PKCE, and trades the code. */
export interface OAuthClient {
  authorize (state: string): { url: string, verifier: string }
  /** @throws AuthError provider_error, provider_timeout, provider_unavailable */
  trade (code: string, checks: Pick<FlowChecks, 'state' | 'verifier'>): Promise<TokenAnswer>
}

export interface TokenAnswer {
  accessToken: string
  idToken: string | undefined
}

const verifierCookie = 'oauth2-code-verifier'

/**
 * @fastify/oauth2 as one configured client. It lives on an instance of its own that never listens, because endpoints
 * found by discovery come after our start. What it would keep in two cookies shared by all providers is handed to it
 * and taken from it here; our flow cookie keeps it.
 */
export async function oauthClient (options: OAuthClientOptions): Promise<OAuthClient> {
  const authorization = new URL(options.authorizationEndpoint)
  const token = new URL(options.tokenEndpoint)
  const { default: oauth2 } = await import('@fastify/oauth2') // at the start it would be a sixth of it
  const host = Fastify()
  await host.register(oauth2, {
    name: 'provider',
    scope: options.scopes,
    pkce: 'S256',
    callbackUri: options.callbackUrl,
    userAgent: outboundHeaders['user-agent'],
    generateStateFunction: (request: unknown, done: (error: null, state: string) => void) => done(null, (request as { state: string }).state),
    checkStateFunction: (_request: unknown, done: () => void) => done(), // login/flow.ts has compared it
    credentials: {
      client: { id: options.clientId, secret: options.clientSecret },
      auth: {
        authorizeHost: authorization.origin,
        authorizePath: authorization.pathname + authorization.search,
        tokenHost: token.origin,
        tokenPath: token.pathname + token.search
      },
      options: { authorizationMethod: options.tokenAuth === 'basic' ? 'header' : 'body' },
      http: {
        timeout: limits.totalMs,
        maxBytes: limits.tokenBytes,
        redirects: false,
        headers: outboundHeaders,
        agent: agentFor(options.tokenEndpoint, options.reach)
      }
    }
  } as never)
  await host.ready()
  const client = (host as unknown as { provider: OAuth2Namespace }).provider
  const form = await authorizationForm(client)

  return {
    authorize (state) {
      const verifier = randomId(32)
      return { url: `${form}&state=${state}&code_challenge=${hash('sha256', verifier, 'base64url')}`, verifier }
    },

    async trade (code, { state, verifier }) {
      const request = { query: { code, state }, cookies: { [verifierCookie]: verifier } }
      // The plugin's timeout runs anew for the body: this one is for the whole call.
      const { promise: late, stop } = deadline(limits.totalMs)
      try {
        const { token } = await Promise.race([client.getAccessTokenFromAuthorizationCodeFlow(request as never), late])
        return tokenAnswer(token)
      } catch (error) {
        const status = (error as { output?: { statusCode?: number } }).output?.statusCode
        const answered = (error as { data?: { isResponseError?: boolean } }).data?.isResponseError === true
        throw providerFailure(error, status === 504 && !answered)
      } finally {
        stop()
      }
    }
  }
}

/** The authorization URL without the two parameters that every flow has its own of: writing the rest once makes a start three times as quick. */
async function authorizationForm (client: OAuth2Namespace): Promise<string> {
  const url = new URL(await client.generateAuthorizationUri({ state: 'blank' } as never, { setCookie: () => {} } as never))
  url.searchParams.delete('state')
  url.searchParams.delete('code_challenge')
  return url.href
}

/** RFC 6749 section 5.1; some providers answer 200 with an `error` inside. */
function tokenAnswer (token: unknown): TokenAnswer {
  const { error, access_token: accessToken, token_type: type, id_token: idToken } = token as Record<string, unknown>
  if (error !== undefined) throw new Error('the token endpoint answered 200 with an error')
  if (typeof accessToken !== 'string' || accessToken === '') throw new Error('the token answer has no access_token')
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw new Error('the token is not a bearer token')
  return { accessToken, idToken: typeof idToken === 'string' ? idToken : undefined }
}

function deadline (ms: number) {
  let timer: NodeJS.Timeout
  const promise = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AuthError('provider_timeout')), ms)
  })
  return { promise, stop: () => clearTimeout(timer) }
}
