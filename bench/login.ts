import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificate } from '../test/helpers/certificates.ts'
import { redisServer } from '../test/helpers/redis-server.ts'
import { handstamp, publicUrl, warmDataDir } from './handstamp.ts'
import { compareCpu, median, noise, numbersOf, ratios, type Effort, type Entry } from './harness/compare.ts'
import { server, startContestant, type Script } from './harness/contestant.ts'
import type { Dialogue } from './harness/load.ts'
import type { Finding } from './harness/table.ts'
import { signatureMicros } from './refresh.ts'

const secret = 'a-secret-of-a-bench-that-nobody-else-needs-to-know'
/** More than are ever under way. */
const browsers = 256

/** Where a contestant has the two requests of a login, and what it answers to them. */
interface Routes {
  start: string
  callback: string
  finished: number
}

const ours: Routes = { start: '/auth/bench', callback: '/auth/bench/callback', finished: 303 }
const parts: Routes = { start: '/start', callback: '/callback', finished: 303 }
const oauth2Proxy: Routes = { start: '/oauth2/start?rd=%2F', callback: '/oauth2/callback', finished: 302 }

/**
 * A whole login: start, provider over TLS, callback, cookies. Beside one by oauth2-proxy, which signs nothing, where it is
 * installed, and beside the parts that no login can do without.
 */
export async function login (effort: Effort): Promise<Finding[]> {
  const cleaning: Array<() => unknown> = []
  try {
    const dataDir = await warmDataDir()
    const [esDir, authority] = [await warmDataDir({ SIGNING_ALG: 'ES256' }), certificate()]
    const trusted = join(dataDir, 'authority.pem')
    writeFileSync(trusted, authority.cert)
    const { key, cert } = certificate({ hosts: ['localhost'], by: authority })
    /** A provider of its own for each, so that connections can be told apart. */
    const atProvider = async () => {
      const provider = await startContestant({ name: 'provider', path: server('provider'), env: { CERT: cert, KEY: key } })
      cleaning.push(() => provider.stop())
      const asked = async () => await (await fetch(`http://127.0.0.1:${provider.port}/`)).json() as { issuer: string, connections: number }
      return { asked, issuer: (await asked()).issuer }
    }
    const redis = await redisServer({ teardown: clean => { cleaning.push(clean) } })

    const handstampAt = async (name: string, folder: string, env: Record<string, string>) => {
      const { issuer, asked } = await atProvider()
      const client = { OIDC_BENCH_ISSUER: issuer, OIDC_BENCH_CLIENT_ID: 'bench', OIDC_BENCH_CLIENT_SECRET: 'bench' }
      const script = handstamp(folder, { NODE_EXTRA_CA_CERTS: trusted, OIDC_PROVIDERS: 'bench', ...client, ...env }, name)
      return { ...entry(script, ours), asked }
    }
    const partsAt = async (alg: string) => {
      const { issuer, asked } = await atProvider()
      const env = { ISSUER: issuer, ALG: alg, NODE_EXTRA_CA_CERTS: trusted }
      return { ...entry({ name: `parts, ${alg}`, path: server('login-parts'), env }, parts), asked }
    }
    const byRedis = (database: number) => ({ REDIS_URL: `${redis.url}/${database}`, SECRET: secret })
    const [rs, es, rsRedis, esRedis] = ['RS256', 'ES256', 'RS256 and Redis', 'ES256 and Redis'] as const
    const entries = [
      await handstampAt(rs, dataDir, {}),
      await handstampAt(es, esDir, { SIGNING_ALG: 'ES256' }),
      await handstampAt(rsRedis, dataDir, byRedis(0)),
      await handstampAt(esRedis, dataDir, { ...byRedis(1), SIGNING_ALG: 'ES256' }),
      await partsAt('RS256'),
      await partsAt('ES256')
    ]
    const { issuer, asked } = await atProvider()
    const peer = oauth2ProxyScript(issuer, trusted)
    if (peer) entries.push({ ...entry(peer, oauth2Proxy), asked })

    const logins = { ...effort, requestsPerRound: effort.requestsPerRound / 2, warmUpRequests: effort.warmUpRequests / 4 }
    const measured = await compareCpu(entries, logins)
    const opened = await Promise.all(entries.map(async ({ script, asked }) => [script.name, (await asked()).connections] as const))
    const count = (logins.rounds * logins.requestsPerRound + logins.warmUpRequests) / 2 // and once more of the first, for the noise
    const bare = await signatureMicros()
    const micros = (name: string) => 2 * median(numbersOf(measured, name)) // two requests
    const against = (one: string, other: string, atMost?: number): Finding => ({
      what: `${one} : ${other}`,
      values: ratios(measured, one, other),
      noise: noise(measured),
      ...(atMost !== undefined && { atMost }),
      how: `CPU a login: ${micros(one).toFixed(0)} against ${micros(other).toFixed(0)} us`
    })
    const signatures = (name: string, atMost?: number): Finding => ({
      what: `${name} : a bare RS256 signature`,
      values: numbersOf(measured, name).map(number => 2 * number / bare),
      noise: noise(measured),
      ...(atMost !== undefined && { atMost }),
      how: `CPU a login: ${micros(name).toFixed(0)} us, a signature: ${bare.toFixed(0)}`
    })
    return [
      signatures(rs, 4.3),
      signatures(es, 2.85),
      signatures(rsRedis),
      signatures(esRedis),
      against(rs, 'parts, RS256'),
      against(es, 'parts, ES256'),
      ...(peer ? [against(rs, peer.name, 0.9), against(es, peer.name, 0.9)] : []),
      ...opened.map(([name, connections]) => ({
        what: `connections, ${name}`,
        values: [connections],
        how: `for ${count.toFixed(0)} logins, 32 at a time`
      }))
    ]
  } finally {
    for (const clean of cleaning.reverse()) await clean()
  }
}

const entry = (script: Script, routes: Routes): Entry =>
  ({ script, requests: Array.from({ length: browsers }, (_, browser) => signingIn(routes, browser)) })

/** A browser that signs in again and again, each time as another person; what the provider would ask it is answered here. */
function signingIn ({ start, callback, finished }: Routes, browser: number): Dialogue {
  let [target, cookie, expected, person] = [start, '', 302, browser]
  return {
    request: () => `GET ${target} HTTP/1.1\r\nHost: localhost:3000\r\n${cookie === '' ? '' : `Cookie: ${cookie}\r\n`}\r\n`,
    status: () => expected,
    heard (answer) {
      if (target !== start) {
        [target, cookie, expected] = [start, '', 302]
        return
      }
      const [, location = ''] = /\r\nlocation: (\S+)/i.exec(answer) ?? []
      const { searchParams } = new URL(location)
      person += browsers
      const code = Buffer.from(JSON.stringify({ nonce: searchParams.get('nonce'), person })).toString('base64url')
      target = `${callback}?${new URLSearchParams({ code, state: String(searchParams.get('state')) }).toString()}`
      cookie = [...answer.matchAll(/\r\nset-cookie: ([^;]+)/gi)].map(([, pair]) => pair).join('; ')
      expected = finished
    }
  }
}

/** oauth2-proxy as its documentation sets it up for an OpenID provider, if it is on the path. */
function oauth2ProxyScript (issuer: string, trusted: string): Script | undefined {
  let path: string
  try {
    const find = 'command -v oauth2-proxy || ls "$(go env GOPATH)/bin/oauth2-proxy"'
    path = execFileSync('sh', ['-c', find], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
  return {
    name: 'oauth2-proxy',
    path,
    probe: '/ping',
    program: port => [
      `--http-address=127.0.0.1:${port}`,
      '--provider=oidc',
      `--oidc-issuer-url=${issuer}`,
      `--provider-ca-file=${trusted}`,
      '--client-id=bench',
      '--client-secret=bench',
      '--code-challenge-method=S256',
      `--redirect-url=${publicUrl}/oauth2/callback`,
      `--cookie-secret=${secret.slice(0, 32)}`,
      '--cookie-secure=false',
      '--email-domain=*',
      '--upstream=static://202'
    ]
  }
}
