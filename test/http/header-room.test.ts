import { request } from 'node:http'
import t from 'tap'
import { Browser } from '../helpers/browser.ts'
import { rogueProvider } from '../helpers/rogue-provider.ts'
import { listeningApp } from '../helpers/wire.ts'

// nginx and others keep 4 KiB for the header block of an answer, unless they are told otherwise.

const small = 4_096

/** A browser over the network, and the header blocks of the answers it got, in bytes as they came. */
function measured (address: string, home: string) {
  const blocks: number[] = []
  const network = (async (asked: URL, { method, headers, body }: RequestInit) => new Promise((resolve, reject) => {
    const { pathname, search } = new URL(asked)
    request(address + pathname + search, { method, headers: headers as Record<string, string>, agent: false }, answer => {
      const { statusCode = 0, statusMessage = '', rawHeaders } = answer
      const lines = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0) // `: ` or the end of a line
      blocks.push(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n`.length + lines + '\r\n'.length)
      const found = new Headers()
      for (let index = 0; index < rawHeaders.length; index += 2) found.append(String(rawHeaders[index]), String(rawHeaders[index + 1]))
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => resolve(new Response(chunks.length > 0 ? Buffer.concat(chunks) : null, { status: statusCode, headers: found })))
    }).on('error', reject).end(body as string | undefined)
  })) as typeof fetch
  return { browser: new Browser(undefined, home, network), blocks }
}

for (const [bytes, lengths] of [[0, [1, 900, 1_500, 2_000]], [700, [1, 900, 2_000]], [1_500, [1, 200, 900, 2_000]]] as const) {
  t.test(`with ${bytes} bytes of claims, the answers of a session take less than 4 KiB of headers, however long the return_to`, async t => {
    const rogue = await rogueProvider(t)
    const claims = JSON.stringify(bytes === 0 ? {} : { x: 'y'.repeat(bytes - '{"x":""}'.length) })
    const { address, url } = await listeningApp(t, { ...rogue.env, PUBLIC_URL: 'https://localhost:3000', TOKEN_CLAIMS: claims, SIGNING_ALG: 'RS256' })
    for (const length of lengths) {
      const returnTo = `/${'x'.repeat(length - 1)}`
      const { browser, blocks } = measured(address, url)
      const start = await browser.visit(`/auth/rogue?return_to=${returnTo}`)
      blocks.length = 0
      const callback = `/auth/rogue/callback?${new URLSearchParams(rogue.consent(String(start.headers['location']))).toString()}`
      const done = await browser.follow(callback, {}, location => new URL(location).pathname === returnTo)
      t.same([done.status, done.headers['location']], [303, returnTo], `a return_to of ${length}`)
      t.equal((await browser.visit('/auth/me')).status, 200)
      const sent = await browser.follow(`/auth/login?return_to=${returnTo}`, {}, location => new URL(location).pathname === returnTo)
      t.same([sent.status, sent.headers['location']], [303, returnTo], 'by the sign-in page')
      t.equal((await browser.visit('/auth/refresh', { method: 'POST', json: {} })).status, 200)
      t.equal((await browser.visit('/auth/account')).status, 200)
      t.equal((await browser.visit('/auth/logout', { method: 'POST', json: {} })).status, 204)
      t.ok(blocks.length >= 6)
      t.ok(blocks.every(block => block < small), `${blocks.join(', ')} bytes`)
    }
  })
}
