import { Agent, request } from 'node:http'
import t from 'tap'
import { freePort } from '../helpers/app.ts'
import { haproxy, nginx } from '../helpers/proxy.ts'
import { instances, type Instances } from './instances.ts'
import { underLoad, type Send } from './load.ts'

t.jobs = 1

/** Each of the two in turn. */
async function rollingRestart ({ restart }: Instances): Promise<void> {
  for (const number of [0, 1]) await restart(number)
}

/** Sends what browsers send, through the proxy. */
function through (port: number): Send {
  const agent = new Agent({ keepAlive: true })
  return (method, path, headers) => new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers, agent }, answer => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }))
    }).on('error', reject).end()
  })
}

t.test('L23 nginx: a rolling restart behind an upstream with keepalive loses no request', async t => {
  const port = await freePort()
  const both = await instances(t, port)
  const { url } = both
  await nginx(t, port, `
  upstream handstamp {
    ${both.ports.map(port => `server 127.0.0.1:${port} max_fails=0;`).join('\n    ')}
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://handstamp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }`)
  await underLoad(t, url, through(port), () => rollingRestart(both))
})

const checks: Record<string, [check: string, option: string]> = {
  'which asks for readiness': ['check inter 200ms', 'option httpchk GET /readyz\n  timeout check 5s'],
  'which asks nothing': ['', '']
}
for (const [what, [check, option]] of Object.entries(checks)) {
  t.test(`L23 HAProxy ${what}: a rolling restart behind connections that it keeps loses no request`, async t => {
    const port = await freePort()
    const both = await instances(t, port)
    const { url } = both
    await haproxy(t, port, `
  option redispatch
  option forwardfor
  http-reuse always
frontend public
  bind 127.0.0.1:${port}
  default_backend handstamp
backend handstamp
  balance roundrobin
  ${option}
  ${both.ports.map((port, number) => `server handstamp${number} 127.0.0.1:${port} ${check}`).join('\n  ')}`)
    await underLoad(t, url, through(port), () => rollingRestart(both))
  })
}

t.test('L23 Traefik\'s keep-alive: who reuses idle connections and repeats nothing that was written loses no request', async t => {
  const both = await instances(t)
  await underLoad(t, both.url, goTransport(both.ports), () => rollingRestart(both))
})

/**
 * Go's http.Transport, as Traefik uses it: the last connection that became idle serves the next request; where a connection
 * cannot be had the other server is asked, and a request that was written is never sent again.
 */
function goTransport (ports: number[]): Send {
  const agents = ports.map(() => new Agent({ keepAlive: true, scheduling: 'lifo' }))
  let turn = 0
  const once = (target: number, method: string, path: string, headers: Record<string, string>): ReturnType<Send> => new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: ports[target], path, method, headers, agent: agents[target] }, answer => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers })).on('error', reject)
    }).on('error', reject).end()
  })
  return async (method, path, headers) => {
    const target = turn++ % ports.length
    try {
      return await once(target, method, path, headers)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
      return once((target + 1) % ports.length, method, path, headers)
    }
  }
}
