import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { buildApp, type Surroundings } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { Environment } from '../../src/env/environment.ts'
import { catalogue, type Catalogue } from '../../src/providers/catalogue/index.ts'

/** What tap's test objects have and our helpers use. */
export interface Teardown {
  teardown (clean: () => unknown): void
}

export interface TestApp {
  app: FastifyInstance
  /** PUBLIC_URL: on loopback, the app listens there. */
  url: string
  dataDir: string
  /** Every log line so far, as text. */
  log (): string
  /** Moves the app's clock. */
  travel (seconds: number): void
}

export function temporaryFolder (t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'handstamp-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return folder
}

/**
 * The service as an operator configures it, not listening: drive it by `app.inject`. Rate limits are off unless asked for.
 * `more` are providers besides those of the catalogue.
 */
export async function buildTestApp (t: Teardown, env: Environment = {}, more: Catalogue = {}, surroundings: Surroundings = {}): Promise<TestApp> {
  const dataDir = env['DATA_DIR'] ?? temporaryFolder(t)
  const lines: string[] = []
  let traveled = 0
  // An RSA key takes long to make: tests that are about the default say so.
  const usual = { DATA_DIR: dataDir, RATE_LIMIT: '0', LOG_LEVEL: 'trace', SIGNING_ALG: 'ES256' }
  const config = loadConfig({ ...usual, ...env }, undefined, { ...catalogue, ...more })
  const app = await buildApp(config, {
    log: { write: line => { lines.push(line) } },
    clock: () => Date.now() + traveled * 1000,
    ...surroundings
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, url: config.publicUrl, dataDir, log: () => lines.join(''), travel: seconds => { traveled += seconds } }
}

/** A free port on loopback. */
export async function freePort (): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** The service listening on its PUBLIC_URL on loopback, for tests that need real connections. */
export async function listeningTestApp (t: Teardown, env: Environment = {}, more: Catalogue = {}): Promise<TestApp> {
  const port = await freePort()
  const built = await buildTestApp(t, { PUBLIC_URL: `http://localhost:${port}`, PORT: String(port), ...env }, more)
  await built.app.listen({ port, host: '127.0.0.1' })
  return built
}

/** The lines of a log that are audit events about people. */
export const audited = (log: string): Array<Record<string, unknown>> =>
  log.split('\n').filter(line => /"audit":"(?!key_)/.test(line)).map(line => JSON.parse(line) as Record<string, unknown>)
