import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'

const aheadHeaders = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'] as const

/** Whether a browser or a program only looks ahead of a person who may never come: by HEAD, a prefetch, a prerendering or a preview. */
export const isAhead = ({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean =>
  method === 'HEAD' || aheadHeaders.some(name => /prefetch|prerender|preview/i.test(String(headers[name] ?? '')))

const notNavigation = 'A sign-in is a page of its own: it cannot be fetched by a script, framed or loaded ahead.'

/**
 * A callback is where a person arrives: not a frame, not an image, not what a browser fetches ahead.
 * @throws AuthError cross_site_request
 */
export function refuseUnlessNavigation (request: FastifyRequest): void {
  const destination = request.headers['sec-fetch-dest']
  const framed = typeof destination === 'string' && !['document', 'empty'].includes(destination)
  if (framed || isAhead(request)) throw new AuthError('cross_site_request', { detail: notNavigation })
}

/**
 * A start is where a person leaves from: not a script's fetch either, which cannot follow to the provider and would leave
 * a flow behind. A service worker that passes a navigation on has the destination `empty` as a fetch has, but keeps its mode.
 * @throws AuthError cross_site_request
 */
export function refuseUnlessLeaving (request: FastifyRequest): void {
  refuseUnlessNavigation(request)
  const { 'sec-fetch-dest': destination, 'sec-fetch-mode': mode } = request.headers
  if (destination === 'empty' && mode !== 'navigate') throw new AuthError('cross_site_request', { detail: notNavigation })
}
