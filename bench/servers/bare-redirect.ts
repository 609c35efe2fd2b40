// The least that a login start could be: a redirect with a cookie of 200 bytes.
import { fastify, listen } from './fastify.ts'

const app = fastify()
const cookie = 'flow=; Max-Age=600; Path=/; HttpOnly; SameSite=Lax'.replace('=', `=${'x'.repeat(200)}`)
const location = 'https://accounts.google.com/o/oauth2/v2/auth?response_type=code'

app.get('/', (_request, reply) => {
  reply.header('set-cookie', cookie).redirect(location, 302)
})
await listen(app)
