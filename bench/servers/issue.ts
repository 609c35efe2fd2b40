// What a finished login does last: signs an access token and sets the session's cookies.
import cookie from '@fastify/cookie'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { sessionCookies } from '../../src/sessions/cookies.ts'
import { openState } from '../../src/core.ts'
import { AccessTokens } from '../../src/tokens/access-tokens.ts'
import { fastify, listen } from './fastify.ts'
import { ada } from './ada.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'handstamp-bench-'))
process.on('SIGTERM', () => { rmSync(dataDir, { recursive: true }); process.exit() })
const config = loadConfig({ DATA_DIR: dataDir })
const { keys, sessions } = await openState(config, { clock: Date.now, admits: () => true, onStore () {}, onProblem () {}, onEvent () {} })
const accessTokens = new AccessTokens(keys, config, Date.now)
const session = await sessions.start(ada, 0)

const app = fastify()
await app.register(cookie, { hook: false })
const cookies = sessionCookies(config, app.serializeCookie, Date.now, () => true)
app.get('/', async (_request, reply) => {
  const issued = await accessTokens.issue(session)
  cookies.set(reply, issued, session)
  return reply.send({ access_token: issued.token, token_type: 'Bearer', expires_in: issued.expiresIn })
})
await listen(app)
