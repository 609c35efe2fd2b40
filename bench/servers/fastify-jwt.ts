// @fastify/jwt with @fastify/cookie as their READMEs show it.
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import { fastify, listen } from './fastify.ts'

const app = fastify()
await app.register(jwt, {
  secret: { public: process.env['PUBLIC_KEY'] ?? '' },
  verify: { algorithms: ['RS256'] },
  cookie: { cookieName: 'handstamp', signed: false }
})
await app.register(cookie)
app.get('/auth/me', {
  onRequest: async (request, reply) => {
    try {
      await request.jwtVerify()
    } catch (error) {
      reply.send(error)
    }
  }
}, async request => request.user)
await listen(app)
