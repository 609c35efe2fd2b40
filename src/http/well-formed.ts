import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { AuthError } from '../errors.ts'

/** Browsers send twenty, proxies add ten. */
const maxHeaders = 200

/** What Node's server leaves to `refuseMalformed`, instead of answering by itself. */
export function leaveToUs (server: Server): void {
  server.maxHeadersCount = maxHeaders + 1 // of more, Node makes no object of headers
  // RFC 9110 section 10.1.1: an unknown expectation may be ignored.
  server.on('checkExpectation', (request, response) => { server.emit('request', request, response) })
}

/**
 * Refuses what Node would answer without our headers, or let pass: a request with too many headers, and one that names no
 * host or two (RFC 9112 section 3.2), as a proxy in front may have gone by the other.
 */
export function refuseMalformed (app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw: { rawHeaders, httpVersion } }, _reply, done) => {
    if (rawHeaders.length > maxHeaders * 2) return done(new AuthError('headers_too_large'))
    let hosts = 0
    for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts++
    const isFit = hosts === 1 || (hosts === 0 && httpVersion === '1.0')
    done(isFit ? undefined : new AuthError('invalid_request'))
  })
}
