import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder, type Teardown } from './app.ts'
import { certificate } from './certificates.ts'
import { eventually } from './eventually.ts'

/** The first block of this language in a page that contains `sign`. */
export function documentedConfig (language: string, sign: string, page = 'docs/operations.md'): string {
  const blocks = [...readFileSync(page, 'utf8').matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))]
  const found = blocks.map(([, text = '']) => text).find(text => text.includes(sign))
  if (found === undefined) throw new Error(`${page} has no ${language} with ${sign}`)
  return found
}

/** A certificate for localhost in two files, and the authority that a client has to trust. */
export function localhostCertificate (t: Teardown) {
  const folder = temporaryFolder(t)
  const authority = certificate()
  const { key, cert } = certificate({ hosts: ['localhost'], by: authority })
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), both: join(folder, 'both.pem') }
  writeFileSync(files.certificate, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  writeFileSync(files.both, cert + key, { mode: 0o600 })
  return { ...files, authority: authority.cert }
}

/** A real nginx with these lines inside its `http`, once it listens on `port`. */
export async function nginx (t: Teardown, port: number, lines: string): Promise<void> {
  const folder = temporaryFolder(t)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${join(folder, name)};`).join('\n')
  const file = join(folder, 'nginx.conf')
  const user = process.getuid?.() === 0 ? 'user root;' : '' // its folder is for its owner alone
  writeFileSync(file, `${user} daemon off; pid ${join(folder, 'proxy.pid')}; error_log stderr;
events {}
http {
access_log off;
${temporary}
${lines}
}
`)
  await running(t, port, 'nginx', ['-e', 'stderr', '-c', file])
}

/** A real HAProxy with these sections, once it listens on `port`. */
export async function haproxy (t: Teardown, port: number, sections: string): Promise<void> {
  const file = join(temporaryFolder(t), 'haproxy.cfg')
  writeFileSync(file, `defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
${sections}
`)
  await running(t, port, 'haproxy', ['-db', '-f', file])
}

/** A proxy that runs until the test ends. */
async function running (t: Teardown, port: number, program: string, args: string[]): Promise<void> {
  const proxy = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  proxy.stderr.on('data', chunk => { said += String(chunk) })
  const ended = once(proxy, 'exit').then(() => { throw new Error(`${program} ended: ${said}`) })
  t.teardown(async () => {
    ended.catch(() => {})
    proxy.kill()
    await ended.catch(() => {})
  })
  await Promise.race([ended, eventually(`${program} listens`, () => listens(port))])
}

const listens = (port: number): Promise<boolean> => new Promise(resolve => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) }).on('error', () => resolve(false))
})

/** `fetch` that trusts an authority of ours, and follows no redirect. */
export const fetchTrusting = (authority: string): typeof fetch => async (address, { method = 'GET', headers, body } = {}) => {
  const asked = httpsRequest(String(address), { method, headers: headers as Record<string, string>, ca: authority, agent: false })
  asked.end(body as string | undefined)
  const [answer] = await once(asked, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  const found = new Headers()
  for (let index = 0; index < answer.rawHeaders.length; index += 2) found.append(answer.rawHeaders[index], answer.rawHeaders[index + 1])
  const text = Buffer.concat(chunks)
  return new Response(text.length > 0 ? text : null, { status: answer.statusCode, headers: found })
}
