import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'

/** Whether a browser fetches ahead of a person who may never come. */
export const isAhead = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  `${String(headers['sec-purpose'] ?? '')} ${String(headers['purpose'] ?? '')}`.includes('prefetch')

/**
 * A callback is where a person arrives: not a frame, not an image, not what a browser fetches ahead.
 * @throws AuthError cross_site_request
 */
export function refuseUnlessNavigation (request: FastifyRequest): void {
  const destination = request.headers['sec-fetch-dest']
  const framed = typeof destination === 'string' && !['document', 'empty'].includes(destination)
  if (framed || isAhead(request)) throw new AuthError('cross_site_request')
}
