import { freePort, temporaryFolder, type Teardown } from '../helpers/app.ts'
import { run, type Child } from '../helpers/child.ts'
import { eventually } from '../helpers/eventually.ts'

/** The built service, twice on one store, as behind a proxy that spreads requests over both. */
export interface Instances {
  url: string
  ports: number[]
  /** Ends one by SIGTERM and starts it again on its port. */
  restart (number: number): Promise<void>
}

/** @param port of the proxy; absent: the first of the two is asked without one */
export async function instances (t: Teardown, port?: number): Promise<Instances> {
  const ports = [await freePort(), await freePort()]
  const url = `http://localhost:${port ?? ports[0]}`
  const DATA_DIR = temporaryFolder(t)
  const start = async (port: number): Promise<Child> => {
    const env = { HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: url, DATA_DIR, SIGNING_ALG: 'ES256', RATE_LIMIT: '0', TRUST_PROXY: 'loopback' }
    const child = run(t, env, { program: 'dist/server.js' })
    let over = false
    child.ended.then(() => { over = true }, () => {})
    await eventually('it is ready', () => over || child.stdout().includes('"msg":"ready"'))
    if (over) throw new Error(`it ended: ${child.stderr()}`)
    return child
  }
  const running: Child[] = []
  for (const port of ports) running.push(await start(port))
  return {
    url,
    ports,
    async restart (number) {
      running[number]?.process.kill('SIGTERM')
      const code = await running[number]?.ended
      if (code !== 0) throw new Error(`it ended with ${code}: ${running[number]?.stderr()} ${running[number]?.stdout().slice(-1000)}`)
      running[number] = await start(ports[number] ?? 0)
    }
  }
}
