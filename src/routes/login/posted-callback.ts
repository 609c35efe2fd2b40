import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../../errors.ts'
import type { PostedAnswers } from '../../login/posted-answer.ts'
import { counted } from '../../http/request-limits.ts'
import type { Provider } from '../../providers/provider.ts'
import { refuseUnlessNavigation } from '../../http/navigation.ts'
import type { RoutePlugin } from '../../http/route-plugin.ts'
import { answerParameter } from '../../http/schemas.ts'

export interface PostedCallbackOptions {
  providers: Map<string, Provider>
  postedAnswers: PostedAnswers
}

const schema = {
  hide: true, // the GET callback's description speaks of it: which providers have it is a matter of configuration
  body: {
    type: 'object',
    required: ['state'],
    properties: { state: answerParameter, code: answerParameter, iss: answerParameter, error: answerParameter, user: answerParameter }
  }
} as const

/**
 * Where providers with `response_mode=form_post` post their answer to (OAuth 2.0 Form Post Response Mode). It comes from
 * another site, without our cookies, and finishes nothing: the answer goes on, sealed, to the GET callback.
 */
const postedCallback: RoutePlugin<PostedCallbackOptions> = async (app, { providers, postedAnswers }) => {
  for (const { id, formPost } of providers.values()) {
    if (!formPost) continue
    const path = `/${id}/callback`
    app.post(path, { schema, onRequest: refuseOtherBodies, config: { page: true, ...counted('callbacks') } }, async (request, reply) => {
      refuseUnlessNavigation(request)
      const { state, code, iss, error, user } = request.body
      const answer = postedAnswers.seal(id, { state, code, iss, error, user })
      return reply.redirect(`/auth${path}?${new URLSearchParams({ state, answer }).toString()}`, 303)
    })
  }
}

function refuseOtherBodies ({ headers }: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  if (/^application\/x-www-form-urlencoded\b/i.test(String(headers['content-type']))) done()
  else done(new AuthError('unsupported_media_type'))
}

export default postedCallback
