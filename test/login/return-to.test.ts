import { posix } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { foreignOrigin, loadReturnTo } from '../../src/login/return-to.ts'
import { buildTestApp } from '../helpers/app.ts'

const rules = {
  publicUrl: 'https://auth.example.com',
  allowedOrigins: ['https://app.example.com', 'http://localhost:5173', 'https://*.preview.example.com'],
  fallback: '/auth/account'
}

// Pieces that parsers disagree about, in any order; then anything at all.
const piece = fc.constantFrom('/', '//', '\\', '.', '..', '/..', '/.', '%2e', '%2f', '%5c', '%09', '%0a', '%00', '%', '?', '#', '@', ':', ';', '&', '=', '*',
  '[', ']', 'http:', 'https:', 'HTTPS:', 'javascript:', 'data:', 'http://', 'https://', 'https:/', 'evil.test', 'auth.example.com', 'app.example.com',
  'a.preview.example.com', 'preview.example.com', 'localhost:5173', '127.0.0.1', ':443', ':8443', 'auth', '/auth', '/auth/account', '/auth/logout', 'logout',
  '%61uth', 'AUTH', 'user', 'x', 'é', '。', '／', '\t', '\n', '\r', ' ', '\u0000', '\u202e', '\ufeff')
const anything = fc.oneof(
  { weight: 8, arbitrary: fc.array(piece, { maxLength: 9 }).map(pieces => pieces.join('')) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('/', 'https://app.example.com/', 'https://auth.example.com/'), fc.array(piece, { maxLength: 6 }))
      .map(([start, pieces]) => start + pieces.join(''))
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  { weight: 1, arbitrary: fc.webUrl({ withQueryParameters: true, withFragments: true }) }
)

const isAllowed = (origin: string): boolean => origin === rules.publicUrl || origin === 'https://app.example.com' || origin === 'http://localhost:5173' ||
  /^https:\/\/[a-z0-9]([a-z0-9-]*[a-z0-9])?\.preview\.example\.com$/.test(origin)

/** As a router in front of us may see a path: decoded as far as it can be, dots resolved again, slashes merged. */
const routed = (pathname: string): string =>
  posix.resolve('/', pathname.replace(/%[2-7][0-9a-f]/gi, escape => decodeURIComponent(escape)).replaceAll('\\', '/'))
const isOurs = (path: string): boolean => /^\/auth(\/|$)/i.test(path)

t.test('R44 whatever is asked for, a browser that follows the answer stays with us or an allowed origin', async t => {
  let accepted = 0
  fc.assert(fc.property(anything, value => {
    const target = loadReturnTo(value, rules)
    if (target === undefined) return
    accepted++
    // As a browser resolves a Location header
    const { origin, pathname, username, password, protocol } = new URL(target, `${rules.publicUrl}/auth/rogue/callback`)
    if (!isAllowed(origin) || username || password || !/^https?:$/.test(protocol)) throw new Error(`${target} leads to ${origin}`)
    if (!/^[\x21-\x7e]+$/.test(target) || target.includes('\\')) throw new Error(`${target} has characters that parsers disagree about`)
    if (target.startsWith('//')) throw new Error(`${target} is scheme-relative`)
    if (origin === rules.publicUrl && [pathname, routed(pathname)].some(isOurs) && !['/auth/account', '/auth/authorize'].includes(pathname)) {
      throw new Error(`${target} is a path of ours that does things`)
    }
  }), { numRuns: 20_000 })
  t.ok(accepted > 500, `${accepted} were accepted: the property says something`)
})

t.test('R44 a path of ours is none for a router that decodes, nor for one that does not', async t => {
  for (const path of ['/auth/..%2f', '/auth%2f..', '/AUTH/..%2fx', '/x/..%2fauth/logout', '/%61uth/logout', '/auth%2flogout', '/x%2f..%2fauth%2flogout']) {
    t.equal(loadReturnTo(path, rules), undefined, path)
  }
  for (const path of ['/x/..%2fy', '/authors', '/x/auth/y', '/auth/account']) t.equal(loadReturnTo(path, rules), path)
})

t.test('R44 a target is in its normal form: judged again, it is the same', async t => {
  fc.assert(fc.property(anything, value => {
    const target = loadReturnTo(value, rules)
    return target === undefined || loadReturnTo(target, rules) === target
  }), { numRuns: 5_000 })
  t.pass('five thousand times')
})

t.test('R44 every path of an allowed origin and of ours may be a target, however it is encoded', async t => {
  const escaped = fc.integer({ min: 0, max: 255 }).map(byte => `%${byte.toString(16).padStart(2, '0')}`)
  const segment = fc.array(fc.oneof(fc.stringMatching(/^[a-z0-9~_:@!$&'()*+,;=-]{1,8}$/), escaped), { minLength: 1, maxLength: 4 })
    .map(parts => parts.join('')).filter(text => !/^(\.|%2e){1,2}$/i.test(text))
  const path = fc.array(segment, { maxLength: 4 }).map(parts => `/${parts.join('/')}`)
  fc.assert(fc.property(path, fc.constantFrom('', '?a=b', '?a=b&c#d', '#x'), (path, rest) => {
    fc.pre(![path, routed(path)].some(isOurs))
    return loadReturnTo(path + rest, rules) === path + rest &&
      loadReturnTo(`https://app.example.com${path}${rest}`, rules) === `https://app.example.com${path}${rest}` &&
      loadReturnTo(rules.publicUrl + path + rest, rules) === path + rest
  }))
  t.pass('a hundred times')
})

t.test('R44 a start that is refused sends nobody anywhere and sets no cookie, whatever was asked for', async t => {
  const { app } = await buildTestApp(t, { ALLOWED_ORIGINS: rules.allowedOrigins.join() })
  const ours = { ...rules, publicUrl: 'http://localhost:3000' }
  await fc.assert(fc.asyncProperty(anything, async value => {
    const answer = await app.inject(`/auth/dev?${new URLSearchParams({ return_to: value }).toString()}`)
    const sent = answer.statusCode === 302 && answer.cookies.length === 1
    const refused = answer.statusCode === 400 && answer.cookies.length === 0 && answer.headers['location'] === undefined
    return loadReturnTo(value.replace(/[\ud800-\udfff]/gu, '\ufffd'), ours) === undefined ? refused : sent
  }), { numRuns: 1_000 })
  t.pass('a thousand times')
})

t.test('a target of another origin is told from one of ours', async t => {
  t.equal(foreignOrigin('/page'), undefined)
  t.equal(foreignOrigin('https://app.example.com/page'), 'https://app.example.com')
})

t.test('R44 a wildcard stands for one label of a host, and for nothing that has a meaning in a header', t => {
  for (const label of ['a', 'pr-12', '0', 'xn--bcher-kva', 'a'.repeat(63)]) t.ok(loadReturnTo(`https://${label}.preview.example.com/x`, rules), label)
  for (const label of ['', 'a.b', 'a;script-src', 'a,b', "a'b", 'a"b', 'a_b', '*', 'a$b', '-a', 'a-', '~', '(', '!', 'a'.repeat(64)]) {
    t.equal(loadReturnTo(`https://${label}.preview.example.com/x`, rules), undefined, label)
  }
  t.end()
})
