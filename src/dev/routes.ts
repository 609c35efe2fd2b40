import type { FastifyRequest } from 'fastify'
import type { DevProvider } from './provider.ts'
import { AuthError } from '../errors.ts'
import type { Flows } from '../login/flow.ts'
import { foreignOrigin } from '../login/return-to.ts'
import { devLoginPage } from './page.ts'
import { pageHeaders } from '../pages/layout.ts'
import type { RoutePlugin } from '../http/route-plugin.ts'

export interface DevOptions {
  dev: DevProvider
  flows: Flows
}

const text = { type: 'string', minLength: 1, maxLength: 1024 } as const
const names = ['client_id', 'redirect_uri', 'response_type', 'state', 'nonce', 'code_challenge', 'code_challenge_method'] as const
const querystring = {
  type: 'object',
  required: names,
  properties: {
    client_id: text, redirect_uri: text, response_type: text, state: text, nonce: text, code_challenge: text, code_challenge_method: text
  }
} as const
const body = {
  type: 'object',
  properties: { email: { type: 'string', maxLength: 1024 }, name: { type: 'string', maxLength: 8192 }, cancel: { type: 'string' } }
} as const

/** The authorization page of the provider `dev`: only served where no other machine can connect. */
const devRoutes: RoutePlugin<DevOptions> = async (app, { dev, flows }) => {
  app.get('/authorize', { schema: { hide: true, querystring }, config: { page: true } }, async (request, reply) => {
    if (!dev.accepts(request.query)) throw new AuthError('invalid_request')
    const { returnTo = '/' } = flows.peek(request, request.query.state) ?? {}
    return reply.headers(pageHeaders(foreignOrigin(returnTo))).send(devLoginPage(ownAddress(request)))
  })

  app.post('/authorize', { schema: { hide: true, querystring, body }, config: { page: true } }, async (request, reply) => {
    if (!dev.accepts(request.query)) throw new AuthError('invalid_request')
    const { email = '', name, cancel } = request.body
    const answer = cancel === undefined ? dev.answer(request.query, { email, ...(name && { name }) }) : dev.answer(request.query)
    return reply.redirect(answer, 303)
  })
}

/** This page's own path and query: the form posts to where it was shown. */
const ownAddress = ({ query }: FastifyRequest): string =>
  `/auth/dev/authorize?${new URLSearchParams(query as Record<string, string>).toString()}`

export default devRoutes
