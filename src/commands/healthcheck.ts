import { get } from 'node:http'
import type { Environment } from '../config/environment.ts'

const patienceMs = 3_000

/** Asks the service on this machine whether it is up: for a container without curl. */
export async function healthcheckCommand (env: Environment): Promise<number> {
  const listens = env['HOST'] || 'localhost'
  const host = listens === '0.0.0.0' || listens === '::' ? 'localhost' : listens
  return new Promise(resolve => {
    const asking = get({ host, port: Number(env['PORT'] || 3000), path: '/livez', timeout: patienceMs }, response => {
      response.resume()
      resolve(response.statusCode === 200 ? 0 : 1)
    })
    asking.on('timeout', () => asking.destroy()).on('error', () => resolve(1))
  })
}
