import { get } from 'node:http'
import type { Environment } from '../env/environment.ts'
import { givenValues } from '../env/given.ts'

const patienceMs = 3_000
/** Where a service that listens everywhere, or at `localhost`, can be asked. A machine may have one of them alone. */
const loopback = ['127.0.0.1', '::1']
const everywhere = ['', 'localhost', '0.0.0.0', '::']

/** Asks the service on this machine whether it is up: for a container without curl. */
export async function healthcheckCommand (env: Environment): Promise<number> {
  const { values } = givenValues(env)
  const host = values.get('HOST')?.text.toLowerCase().replace(/^\[(.*)\]$/, '$1') ?? ''
  const port = Number(values.get('PORT')?.text || 3000)
  const answers = (everywhere.includes(host) ? loopback : [host]).map(host => isUp(host, port))
  return Promise.any(answers).then(() => 0, () => 1)
}

/** Rejects unless the service says so. */
async function isUp (host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = get({ host, port, path: '/livez', timeout: patienceMs }, response => {
      response.resume()
      if (response.statusCode === 200) resolve()
      else reject(new Error(`the answer is ${response.statusCode}`))
    })
    asking.on('timeout', () => asking.destroy()).on('error', reject)
  })
}
