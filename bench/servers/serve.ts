import { setFlagsFromString } from 'node:v8'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { logStream } from '../../src/plugins/log.ts'

/** The whole service as it was compiled, for a bench that has changed a part of it. */
export async function serve (env: NodeJS.ProcessEnv): Promise<void> {
  setFlagsFromString('--no-allocation-site-pretenuring') // as dist/server.js does
  const app = await buildApp(loadConfig(env), { log: logStream() })
  await app.listen({ port: Number(env['PORT']), host: '127.0.0.1' })
  process.on('SIGTERM', () => { app.close().then(() => process.exit(), () => process.exit(1)) })
}
