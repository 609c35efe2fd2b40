import { parse } from 'node:querystring'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'
import { requestLimits } from './request-limits.ts'

/** More of these in a JSON body, and the parser does more work than for any request that means something. */
const maxJsonPieces = 1_000

/**
 * Reads JSON and forms, and refuses any other body. An empty body is an absent one, whatever its media type says:
 * libraries for calls name JSON for every request.
 */
export function readBodies (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') return done(null)
    if (piecesOf(body) > maxJsonPieces) return done(new AuthError('invalid_request'))
    return parseJson(request, body, done)
  })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body: string, done) => {
    done(null, parse(body, '&', '=', { maxKeys: requestLimits.parameters + 1 }))
  })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    done(body.length === 0 ? null : new AuthError('unsupported_media_type'))
  })
  // Fastify refuses a media type that it cannot read at all before it looks for a body.
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
    if (encoding === undefined && Number(length) === 0 && !isForm(headers['content-type'])) delete headers['content-type']
    done()
  })
}

/**
 * An answer that leaves a body unread ends the connection, unless the body's length says that little of it is to come: Node would
 * read on, and a body of small chunks that never ends keeps it busy.
 */
export function endUnreadBody ({ raw }: Pick<FastifyRequest, 'raw'>, reply: Pick<FastifyReply, 'header'>): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = raw.headers
  if (raw.complete || (encoding === undefined && Number(length) <= requestLimits.bodyBytes)) return
  raw.pause()
  reply.header('connection', 'close')
}

/** Whether a body is a form, as a page's own `<form>` sends it. */
export const isForm = (contentType: string | undefined): boolean => /^application\/x-www-form-urlencoded(?:[\s;]|$)/i.test(contentType ?? '')

/** How many members and elements a JSON text can have at most. */
function piecesOf (text: string): number {
  let pieces = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x2c || code === 0x5b || code === 0x7b) pieces++ // , [ {
  }
  return pieces
}
