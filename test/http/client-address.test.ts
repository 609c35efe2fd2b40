import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { addressBucket, canonicalAddress, clientOf, trustOf } from '../../src/http/client-address.ts'
import { audited, buildTestApp, temporaryFolder } from '../helpers/app.ts'
import { Browser, devSignIn } from '../helpers/browser.ts'

t.test('R71 an address is written once, whatever ports, brackets and zones it comes with', async t => {
  for (const [text, address] of [
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:5000', '203.0.113.7'],
    [' 203.0.113.7:1 ', '203.0.113.7'],
    ['\t203.0.113.7', '203.0.113.7'],
    ['[203.0.113.7]', undefined],
    ['[2001:db8::1]:5000', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:1:2:3:4:5:6:5000', '2001:db8:1:2:3:4:5:6'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['[::ffff:203.0.113.7]:443', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['::1', '::1']
  ] as const) t.equal(canonicalAddress(text), address, text)
})

t.test('R71 what is no address is none', async t => {
  for (const text of ['', ' ', 'unknown', '_hidden', 'localhost', '203.0.113', '203.0.113.256', '203.0.113.7:', '203.0.113.7:x', '203.0.113.7:65536',
    '203.0.113.7:-1', '203.0.113.7:80:80', '0203.0.113.7', '203.0.113.7/24', '203.0.113.7 203.0.113.8', '[2001:db8::1', '2001:db8::1]', '[]', '[]:80',
    '[2001:db8::1]80', '2001:db8', ':::', 'for=203.0.113.7', '"203.0.113.7"', '203.0.113.7%eth0', '203.0.113.7\n203.0.113.8', '\xa0203.0.113.7x',
    '1'.repeat(200), ':'.repeat(200), `${'0:'.repeat(60)}:1`]) {
    t.equal(canonicalAddress(text), undefined, text.slice(0, 40))
  }
})

t.test('R71 no text makes an address of itself that is written otherwise the next time', async t => {
  const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ maxLength: 60 }), fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([ip, port]) => `[${ip}]:${port}`))
  fc.assert(fc.property(text, text => {
    const address = canonicalAddress(text)
    if (address !== undefined) t.equal(canonicalAddress(address), address, text)
  }), { numRuns: 1_000 })
})

t.test('R71 forwarded addresses are read from the right, as far as proxies are trusted', async t => {
  const trusts = trustOf(['loopback', '10.0.0.0/8', '2001:db8:ffff::/48', '::ffff:192.168.0.0/112', '198.51.100.1'])
  for (const [peer, forwarded, address, problem] of [
    ['10.1.1.1', undefined, '10.1.1.1'],
    ['10.1.1.1', '203.0.113.7', '203.0.113.7'],
    ['127.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['::1', '203.0.113.7', '203.0.113.7'],
    ['198.51.100.1', '203.0.113.7', '203.0.113.7'],
    ['198.51.100.2', '203.0.113.7', '198.51.100.2', 'stranger'],
    ['192.168.0.9', '203.0.113.7', '203.0.113.7'],
    ['10.1.1.1', '192.0.2.9, 203.0.113.7', '203.0.113.7'],
    ['10.1.1.1', '203.0.113.7:5000, 10.2.2.2:6000', '203.0.113.7'],
    ['10.1.1.1', '192.0.2.9,203.0.113.7,[2001:db8:ffff::1]:80', '203.0.113.7'],
    ['10.1.1.1', ['192.0.2.9', '203.0.113.7'], '203.0.113.7'],
    ['10.1.1.1', '10.2.2.2, 10.3.3.3', '10.2.2.2'],
    ['10.1.1.1', '[2001:DB8::5]:5000', '2001:db8::5'],
    ['10.1.1.1', 'unknown', '10.1.1.1', 'garbage'],
    ['10.1.1.1', '', '10.1.1.1', 'garbage'],
    ['10.1.1.1', '203.0.113.7,', '10.1.1.1', 'garbage'],
    ['10.1.1.1', '203.0.113.7, unknown, 10.2.2.2', '10.2.2.2', 'garbage'],
    ['', '203.0.113.7', '', 'stranger']
  ] as const) {
    t.same(clientOf(peer, forwarded as string | undefined, trusts), { address, ...(problem && { problem }) }, `${peer} < ${String(forwarded)}`)
  }
  t.match(clientOf('10.1.1.1', '10.1.1.2,'.repeat(4_000) + '10.1.1.3', trusts), { address: '10.1.1.2' }, 'and no further than there are proxies')
})

t.test('R71 addresses fall into buckets by person', async t => {
  for (const [address, bucket] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8::5:6:7:8', '2001:db8:0:0'],
    ['1::4:5:6:7:8', '1:0:0:4'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['unknown', 'unknown'],
    ['203.0.113.7:5000', '203.0.113.7'],
    ['[2001:db8:1:2::9]:5000', '2001:db8:1:2'],
    ['', '']
  ] as const) t.equal(addressBucket(address), bucket, address)
})

t.test('R71 a proxy that adds the port of each connection has one count a client, and the audit the right address', async t => {
  const { app, log } = await buildTestApp(t, { RATE_LIMIT: '3', TRUST_PROXY: 'loopback' })
  const start = async (forwarded: string) => (await app.inject({ url: '/auth/dev', headers: { 'x-forwarded-for': forwarded } })).statusCode
  for (let port = 5_000; port < 5_003; port++) t.equal(await start(`203.0.113.7:${port}`), 302)
  t.equal(await start('203.0.113.7:5003'), 429)
  t.equal(await start('203.0.113.7'), 429)
  t.equal(await start('::ffff:203.0.113.7'), 429)
  t.equal(await start('203.0.113.8:5003'), 302)
  for (let host = 1; host <= 3; host++) t.equal(await start(`[2001:db8:1:2::${host}]:${5_000 + host}`), 302)
  t.equal(await start('[2001:db8:1:2:ffff::1]:80'), 429)

  for (let time = 0; time < 3; time++) t.equal(await start(`unknown-${time}`), 302)
  t.equal(await start('unknown-3'), 429, 'they count as the proxy')
  t.equal(log().split('names no address in X-Forwarded-For').length - 1, 1, 'and the log says so once')
})

t.test('R77 the audit names the client that a proxy forwards, not its port nor its spelling', async t => {
  const { app, url, log } = await buildTestApp(t, { TRUST_PROXY: 'loopback' })
  await devSignIn(new Browser(app, url), 'ada@example.com', { headers: { 'x-forwarded-for': '[2001:DB8::7]:5000' } })
  t.match(audited(log()).at(-1), { audit: 'login_succeeded', ip: '2001:db8::7' })
})

t.test('R71 a caller without an address, as on a Unix socket, is one client, whatever it forwards', async t => {
  const { app } = await buildTestApp(t, { RATE_LIMIT: '3', TRUST_PROXY: 'loopback' })
  const socketPath = join(temporaryFolder(t), 'socket')
  await app.listen({ path: socketPath })
  const start = async (forwarded: string) => {
    const asking = request({ socketPath, path: '/auth/dev', headers: { 'x-forwarded-for': forwarded, host: 'localhost' }, agent: false }).end()
    const [answer] = await once(asking, 'response') as [IncomingMessage]
    return answer.resume().statusCode
  }
  for (let host = 1; host <= 3; host++) t.equal(await start(`203.0.113.${host}`), 302)
  t.equal(await start('203.0.113.4'), 429)
})
