// What a finished login does last: signs an access token and sets the session's cookies.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { secretBox } from '../../src/keys/secret-box.ts'
import { KeyRing } from '../../src/keys/key-ring.ts'
import { sessionCookies } from '../../src/login/cookies.ts'
import { openStore } from '../../src/stores/index.ts'
import { AccessTokens } from '../../src/tokens/access-tokens.ts'
import { fastify, listen } from './fastify.ts'
import { ada, session } from './login.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'handstamp-bench-'))
process.on('SIGTERM', () => { rmSync(dataDir, { recursive: true }); process.exit() })
const config = loadConfig({ DATA_DIR: dataDir })
const store = await openStore(config, Date.now)
const keys = await KeyRing.open(store, secretBox(['bench'], 'signing-keys'), config.signingAlg, Date.now)
const accessTokens = new AccessTokens(keys, config, Date.now)
const cookies = sessionCookies(config)

const app = fastify()
app.get('/', async (_request, reply) => {
  const issued = await accessTokens.issue(ada, session)
  cookies.set(reply, issued)
  return reply.send({ access_token: issued.token, token_type: 'Bearer', expires_in: issued.expiresIn })
})
await listen(app)
