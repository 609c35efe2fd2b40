import fc from 'fast-check'
import t, { type Test } from 'tap'
import { readCookieHeader } from '../../src/sessions/sent-cookies.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'
import { listeningApp, overTheWire, raw, type Answer } from '../helpers/wire.ts'

const PUBLIC_URL = 'https://localhost:3000'
const blanks = [' ', '\t']
const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
const shown = (byte: string): string => `0x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`

async function scene (t: Test, env = {}) {
  const built = await listeningApp(t, { PUBLIC_URL, DEV_LOGIN: 'true', ...env })
  const browser = new Browser(built.app, built.url)
  return { ...built, browser }
}

/** One request for each byte, a few at a time. */
async function forEachByte (ask: (byte: string) => Promise<Answer>, judge: (byte: string, answer: Answer) => void): Promise<void> {
  for (let from = 0; from < bytes.length; from += 16) {
    const some = bytes.slice(from, from + 16)
    const answers = await Promise.all(some.map(ask))
    for (const [index, answer] of answers.entries()) judge(some[index] ?? '', answer)
  }
}

/** Ways to write a byte around a name: where it may be stripped, the name is ours. */
const places: Array<[place: string, write: (name: string, byte: string) => string, harmless: string[]]> = [
  ['before', (name, byte) => byte + name, [...blanks, ';']],
  ['behind', (name, byte) => name + byte, blanks],
  ['inside', (name, byte) => `${name.slice(0, 5)}${byte}${name.slice(5)}`, []],
  ['before, after a blank,', (name, byte) => ` ${byte}${name}`, [...blanks, ';']],
  ['behind, before a blank,', (name, byte) => `${name}${byte} `, blanks]
]

for (const PUBLIC_URL of ['http://localhost:3000', 'https://localhost:3000']) {
  const prefix = PUBLIC_URL.startsWith('https') ? '__Host-' : ''

  for (const [place, write, harmless] of places) {
    t.test(`R60 any byte ${place} the name of a session cookie of ${PUBLIC_URL} belongs to the name, but SP and HTAB`, async t => {
      const { address, browser, url } = await scene(t, { PUBLIC_URL })
      await devSignIn(browser)
      const token = browser.cookies.get(`${prefix}handstamp`) ?? ''
      const refresh = browser.cookies.get(`${prefix}handstamp-refresh`) ?? ''
      t.ok(token && refresh)
      const isRead = (byte: string) => harmless.includes(byte)

      await forEachByte(
        byte => overTheWire(address, raw('GET /auth/me HTTP/1.1', `Cookie: a=b;${write(`${prefix}handstamp`, byte)}=${token}`)),
        (byte, { status }) => t.equal(status === 200, isRead(byte), `${shown(byte)} ${place} the access cookie: ${status}`))
      // A refresh token that was never issued: if it is read, its refusal clears the cookies. An = behind the name begins the value.
      const forged = refresh.slice(0, -4) + (refresh.endsWith('AAAA') ? 'BBBB' : 'AAAA')
      await forEachByte(
        byte => overTheWire(address, raw('POST /auth/refresh HTTP/1.1', `Origin: ${url}`, 'Content-Length: 0',
          `Cookie: ${write(`${prefix}handstamp-refresh`, byte)}=${forged}`)),
        (byte, { headers }) => {
          const expected = isRead(byte) || (byte === '=' && place.startsWith('behind'))
          t.equal('set-cookie' in headers, expected, `${shown(byte)} ${place} the refresh cookie`)
        })
    })

    t.test(`R60 any byte ${place} the name of a flow cookie of ${PUBLIC_URL} belongs to the name, but SP and HTAB`, async t => {
      const { address, browser } = await scene(t, { PUBLIC_URL })
      const start = await browser.visit('/auth/dev')
      const state = new URL(String(start.headers['location']), PUBLIC_URL).searchParams.get('state') ?? ''
      const [[name = '', value = ''] = []] = [...browser.cookies]
      t.match(name, `${prefix}handstamp-flow-`)
      await forEachByte(
        byte => overTheWire(address, raw(`GET /auth/dev/callback?state=${state}&iss=x HTTP/1.1`, `Cookie: ${write(name, byte)}=${value}`)),
        (byte, { status, body }) => {
          const code = status === 400 && body.startsWith('{') ? String(JSON.parse(body).code) : ''
          if (harmless.includes(byte)) t.match(code, /^issuer_mismatch$/, `${shown(byte)} ${place}`)
          else t.match(code, /^(flow_not_found|invalid_request)$/, `${shown(byte)} ${place}`)
        })
    })
  }
}

t.test('R60 a cookie that only looks like ours neither replaces ours nor makes two of it', async t => {
  const { address, browser } = await scene(t)
  await devSignIn(browser, 'ada@example.com')
  const mine = browser.cookies.get('__Host-handstamp') ?? ''
  const other = 'x.y.z'
  for (const planted of ['\xa0__Host-handstamp', '__Host-handstamp\xa0', '\xc2\xa0__Host-handstamp', '\x85__Host-handstamp', '__host-handstamp',
    '__HOST-handstamp', '"__Host-handstamp"', '=__Host-handstamp', '__Host-handstamp;', '$__Host-handstamp', '__Host-handstamp[]',
    '%5F_Host-handstamp', 'handstamp', '__Secure-handstamp', '__Host-handstamp.', '__Host-__Host-handstamp']) {
    const cookie = [`${planted}=${other}`, `__Host-handstamp=${mine}`]
    for (const order of [cookie, [...cookie].reverse()]) {
      const answer = await overTheWire(address, raw('GET /auth/me HTTP/1.1', `Cookie: ${order.join('; ')}`))
      t.equal(answer.status, 200, JSON.stringify(planted))
    }
  }
})

t.test('R66 two of one name are none, however they are written and in however many headers', async t => {
  const { address, browser } = await scene(t)
  await devSignIn(browser)
  const token = browser.cookies.get('__Host-handstamp') ?? ''
  const name = '__Host-handstamp'
  for (const headers of [
    [`Cookie: ${name}=${token}; ${name}=${token}`],
    [`Cookie: ${name}=${token};${name}=`],
    [`Cookie: ${name}=${token};\t${name}\t=x`],
    [`Cookie: ${name}=${token}`, `Cookie: ${name}=${token}`],
    [`Cookie: ${`${name}=${token}; `.repeat(12)}`]
  ]) t.equal((await overTheWire(address, raw('GET /auth/me HTTP/1.1', ...headers))).status, 401, headers[0]?.slice(0, 40) ?? '')
  t.equal((await overTheWire(address, raw('GET /auth/me HTTP/1.1', 'Cookie: a=1', `Cookie: ${name}=${token}`))).status, 200)
})

t.test('a header is read as a plain reading of it says, whatever is in it', async t => {
  const plain = (header: string): Record<string, string[]> => {
    const found: Record<string, string[]> = {}
    for (const pair of header.split(';')) {
      const [name = '', ...value] = pair.split('=')
      const strip = (text: string) => text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')
      if (value.length > 0 && /^(__Host-|__Secure-)?handstamp/.test(strip(name))) (found[strip(name)] ??= []).push(strip(value.join('=')))
    }
    return found
  }
  const word = fc.constantFrom('handstamp', '__Host-', '__Secure-', '-refresh', '-flow-', '=', ';', ' ', '\t', '\xa0', 'x', '', 'handstam', '__proto__', '"')
  fc.assert(fc.property(fc.array(word, { maxLength: 40 }), words => {
    const read = readCookieHeader(words.join(''))
    for (const values of Object.values(plain(words.join('')))) fc.pre(values.length <= 8)
    t.same(Object.fromEntries(read), plain(words.join('')), JSON.stringify(words.join('')))
  }), { numRuns: 2_000 })
})

t.test('of more cookies of ours than any browser sends, none counts', async t => {
  const named = (count: number) => Array.from({ length: count }, (_, index) => `handstamp-flow-${index}=a`).join(';')
  t.equal(readCookieHeader(named(200)).size, 200)
  t.equal(readCookieHeader(named(201)).size, 0)
  t.equal(readCookieHeader(`${'x=y;'.repeat(5_000)}handstamp=a`).size, 1, 'of others there may be any number')
})

t.test('R66 of more cookies of one name than a browser can have for a host, none has a value', async t => {
  t.same(readCookieHeader('__Secure-handstamp=a;'.repeat(8)).get('__Secure-handstamp'), Array(8).fill('a'))
  t.same(readCookieHeader('__Secure-handstamp=a;'.repeat(9)).get('__Secure-handstamp'), Array(8).fill(''))
})
