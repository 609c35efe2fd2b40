import Fastify from 'fastify'
import t from 'tap'
import { validateRequests } from '../../src/http/validation.ts'

const querystring = { type: 'object', required: ['count'], properties: { count: { type: 'string', pattern: '^\\d+$' } } }

function appWith (schema: object) {
  const app = Fastify()
  validateRequests(app)
  app.get('/', { schema }, async () => 'yes')
  app.setErrorHandler((error: { statusCode?: number, validation?: Array<{ instancePath: string }> }, _request, reply) =>
    reply.code(error.validation ? 400 : error.statusCode ?? 200).send(error.validation?.[0]?.instancePath ?? 'ours'))
  return app
}

t.test('a request that does not fit is refused: the first, those that came with it, and all later ones', async t => {
  const app = appWith({ querystring })
  const ask = async (url: string) => { const { statusCode, body } = await app.inject(url); return `${statusCode} ${body}` }
  t.same(await Promise.all(['/?count=x', '/?count=7', '/?count=y'].map(ask)), ['400 /count', '200 yes', '400 /count'])
  t.same([await ask('/?count=x'), await ask('/?count=7'), await ask('/')], ['400 /count', '200 yes', '400 '])
})

t.test('nothing is bent until it fits, and nothing is taken away', async t => {
  const app = Fastify()
  validateRequests(app)
  const body = { type: 'object', additionalProperties: false, properties: { count: { type: 'number' } } }
  app.post('/', { schema: { body } }, async () => 'yes')
  const post = async (payload: object) => (await app.inject({ method: 'POST', url: '/', payload })).statusCode
  for (let time = 0; time < 2; time++) t.same([await post({ count: 7 }), await post({ count: '7' }), await post({ count: 7, more: 1 })], [200, 400, 400])
})

t.test('a schema that cannot be compiled is our fault, and lets nothing through', async t => {
  const app = appWith({ querystring: { type: 'object', properties: { count: { type: 'no such type' } } } })
  for (let time = 0; time < 2; time++) t.same((await app.inject('/?count=7')).statusCode, 500)
})
