import { setFlagsFromString } from 'node:v8'
import closeWithGrace from 'close-with-grace'
import { buildApp } from '../app.ts'
import { ConfigError, type Environment } from '../env/environment.ts'
import { loadConfig, type Config } from '../config/config.ts'
import { Drain } from '../http/drain.ts'
import { drained, logStream, serviceLog } from '../http/log.ts'
import { callbackUrl } from '../providers/callback.ts'
import { devLoginWarning, explainFailure, explainProblems } from './explain.ts'
import { listen } from '../http/listen.ts'
import { countAtSupervisor, isWorker, onStopWord, speaksForAll, stopSignals, superviseWorkers, tellReady } from './workers.ts'

/** How long proxies have to let go of their connections, and how long a stop takes at most. */
const drainMs = 5_000
const graceMs = 14_000

/** Starts the service and stays until SIGTERM or SIGINT: then finishes what is under way and exits 0. */
export async function serveCommand (env: Environment): Promise<number | undefined> {
  let config: Config
  try {
    config = loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(explainProblems(error))
    return 1
  }

  if (config.workers > 1 && !isWorker) return supervise(config)

  const log = logStream(isWorker)
  try {
    const drain = new Drain()
    const running: { app?: Awaited<ReturnType<typeof buildApp>> } = {} // none yet while the start waits for its store
    const { close } = closeWithGrace({ delay: graceMs, ...(isWorker && { skip: [...stopSignals] }) }, async ({ err, signal }) => {
      const { app } = running
      const said = app?.log ?? serviceLog(log, config.logLevel)
      if (err) said.fatal({ err }, 'stopping after an error nobody caught')
      else said.info('stopping')
      // A person at a terminal waits for no proxy, and after an error nothing more is served.
      if (app && !err) await drain.run(signal === 'SIGINT' ? 0 : drainMs)
      await app?.close()
      said.info('stopped')
      await drained(log)
    })
    if (isWorker) onStopWord(close)
    const app = running.app = await buildApp(config, { log, drain, ...(isWorker && { countRequest: countAtSupervisor() }) })
    if (speaksForAll) for (const warning of config.warnings) app.log.warn(warning)
    if (speaksForAll && config.devLogin) sayLoudly(app.log, config, devLoginWarning(config.publicUrl))
    await listen(app, drain, config)
    expectShortLives()
    const ids = [...config.providers.map(({ id }) => id), ...(config.devLogin ? ['dev'] : [])]
    if (speaksForAll) for (const id of ids) app.log.info({ provider: id, callback_url: callbackUrl(config.publicUrl, id) }, 'provider ready')
    if (speaksForAll) app.log.info({ url: `${config.publicUrl}/auth/login`, issuer: config.publicUrl }, 'ready')
    if (isWorker) tellReady()
    if (speaksForAll && process.stdout.isTTY) process.stdout.write(`\n  Handstamp is ready: ${config.publicUrl}/auth/login\n\n`)
    return undefined
  } catch (error) {
    process.stderr.write(`handstamp cannot start: ${explainFailure(error)}\n`)
    process.exit(1)
  }
}

/** A warning that is seen at every LOG_LEVEL. */
function sayLoudly (log: { warn: (message: string) => void }, { logLevel }: Config, warning: string): void {
  if (['error', 'fatal', 'silent'].includes(logLevel)) process.stderr.write(`handstamp: ${warning}\n`)
  else log.warn(warning)
}

/** Starts the workers and stays until they have ended; a signal to stop is handed on to them. */
async function supervise (config: Config): Promise<number> {
  const log = logStream(true)
  const supervisor = superviseWorkers(config.workers, serviceLog(log, config.logLevel))
  for (const signal of stopSignals) process.on(signal, () => { supervisor.stop() })
  const code = await supervisor.ended
  await drained(log)
  return code
}

/**
 * Almost everything a request allocates is short-lived. V8 sometimes allocates it in the old generation, which lengthens pauses;
 * the first flag stops that. So little is alive at each collection that sharing the work with other threads takes longer; the
 * second flag stops that. They are set after the start, as Node's own code cache is for the flags that it began with.
 */
export function expectShortLives (): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--no-parallel-scavenge')
}
