import type { FastifyInstance } from 'fastify'

/** What every answer carries, errors included. Routes that are public and cacheable replace the last two. */
export function securityHeaders (secure: boolean): Record<string, string> {
  return {
    ...(secure && { 'strict-transport-security': 'max-age=31536000' }),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'x-robots-tag': 'noindex',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store'
  }
}

export function sendSecurityHeaders (app: FastifyInstance, headers: Record<string, string>): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}
