// The whole service; with UNCHECKED, it does not ask whether a token's session has ended.
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { logStream } from '../../src/plugins/log.ts'
import { Revocations } from '../../src/tokens/revocations.ts'

const { UNCHECKED: unchecked, ...env } = process.env
if (unchecked !== undefined) Revocations.prototype.has = () => false

const app = await buildApp(loadConfig(env), { log: logStream() })
await app.listen({ port: Number(env['PORT']), host: '127.0.0.1' })
process.on('SIGTERM', () => { app.close().then(() => process.exit(), () => process.exit(1)) })
