import type { FastifyRequest } from 'fastify'
import { AuthError } from '../errors.ts'

/** What a provider's answer may carry: never empty, never twice, never long. */
export const answerParameter = { type: 'string', minLength: 1, maxLength: 4096 } as const

/** A callback is where a person arrives: not a frame, not an image, not what a browser fetches ahead. */
export function refuseUnlessNavigation ({ headers }: FastifyRequest): void {
  const destination = headers['sec-fetch-dest']
  const ahead = `${String(headers['sec-purpose'] ?? '')} ${String(headers['purpose'] ?? '')}`.includes('prefetch')
  const framed = typeof destination === 'string' && !['document', 'empty'].includes(destination)
  if (framed || ahead) throw new AuthError('cross_site_request')
}
