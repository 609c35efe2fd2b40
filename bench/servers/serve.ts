import { buildApp } from '../../src/app.ts'
import { expectShortLives } from '../../src/commands/serve.ts'
import { loadConfig } from '../../src/config/config.ts'
import { logStream } from '../../src/http/log.ts'

/** The whole service as it was compiled, for a bench that has changed a part of it. */
export async function serve (env: NodeJS.ProcessEnv): Promise<void> {
  const app = await buildApp(loadConfig(env), { log: logStream() })
  await app.listen({ port: Number(env['PORT']), host: '127.0.0.1' })
  expectShortLives()
  process.on('SIGTERM', () => { app.close().then(() => process.exit(), () => process.exit(1)) })
}
