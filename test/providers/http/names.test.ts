import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Names, type NamesOptions } from '../../../src/providers/http/names.ts'
import { temporaryFolder, type Teardown } from '../../helpers/app.ts'
import { dnsServer } from '../../helpers/dns-server.ts'

/** What the system's look-up does is up to each test: it is the C library's, and a test must not depend on the machine's. */
async function scene (t: Teardown, options: Partial<NamesOptions> = {}, { hosts = '', resolver = '' } = {}) {
  const dns = await dnsServer(t)
  const folder = temporaryFolder(t)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const settings = { hostsFile: file('hosts', hosts), resolverFile: file('resolv.conf', resolver), servers: [dns.address] }
  return { dns, names: new Names({ dns: settings, ...options }) }
}

const hangs = () => new Promise<never>(() => {})
const unknown = (name: string) => Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }))

async function timed<Value> (promise: Promise<Value>): Promise<{ ms: number, value?: Value, code?: string }> {
  const from = performance.now()
  const settled = await promise.then(value => ({ value }), (error: { code: string }) => ({ code: error.code }))
  return { ...settled, ms: performance.now() - from }
}

t.test('a name means what the machine says it means', async t => {
  const { names, dns } = await scene(t, { system: async name => name === 'keycloak' ? ['172.18.0.4', 'fd00::4'] : unknown(name) })
  t.same(await names.addresses('keycloak'), ['172.18.0.4', 'fd00::4'])
  await t.rejects(names.addresses('nowhere'), { code: 'ENOTFOUND' })
  t.same(dns.questions, [], 'and nobody else is asked')
})

t.test('all that want a name share one look-up, and its answer for some seconds', async t => {
  let asked = 0
  const { names } = await scene(t, { system: async () => [`192.0.2.${++asked}`] })
  const found = await Promise.all(Array.from({ length: 24 }, () => names.addresses('provider.test')))
  t.same(new Set(found.flat()), new Set(['192.0.2.1']))
  t.same(await names.addresses('provider.test'), ['192.0.2.1'])
  t.equal(asked, 1)
})

t.test('R82 names that hang hold two threads at most, and no other name up', async t => {
  const held: string[] = []
  const { names, dns } = await scene(t, { system: name => { held.push(name); return hangs() } }, { hosts: '192.0.2.7 listed.test # ours\n' })
  dns.names = { 'other.test': ['192.0.2.8', '2001:db8::8'] }
  const hanging = ['one.test', 'two.test', 'three.test', 'four.test']
  for (const name of hanging) dns.silent.add(name)
  const late = hanging.map(name => timed(names.addresses(name)))
  const answered = { 'listed.test': ['192.0.2.7'], 'other.test': ['192.0.2.8', '2001:db8::8'], 'a.localhost': ['127.0.0.1', '::1'] }
  for (const [name, addresses] of Object.entries(answered)) {
    const { ms, value } = await timed(names.addresses(name))
    t.same(value, addresses)
    t.ok(ms < 1_000, `${name}: ${ms} ms`)
  }
  for (const { ms, code } of await Promise.all(late)) {
    t.match(code, /^E?TIMED?OUT$/)
    t.ok(ms < 2_500)
  }
  t.same(held, ['one.test', 'two.test'])

  const again = await timed(names.addresses('one.test'))
  t.equal(again.code, 'ETIMEDOUT')
  t.ok(again.ms < 500, 'what was slow just now is not waited for')
})

t.test('a pool of one thread is left to signatures', async t => {
  const { names, dns } = await scene(t, { threads: 0, system: () => t.fail('asked') as never })
  dns.names = { 'provider.test': ['192.0.2.8'] }
  t.same(await names.addresses('provider.test'), ['192.0.2.8'])
})

t.test('L10 a first name server that is dead delays a look-up by less than a second', async t => {
  const { names, dns } = await scene(t, { system: hangs })
  dns.names = { 'provider.test': ['192.0.2.8'] }
  const { ms, value } = await timed(names.addresses('provider.test'))
  t.same(value, ['192.0.2.8'])
  t.ok(ms < 1_000, `${ms} ms`)
})

t.test('L10 a name server that never answers for IPv6 does not cost the IPv4 addresses, nor the other way round', async t => {
  const { names, dns } = await scene(t, { threads: 0 })
  dns.names = { 'four.test': ['192.0.2.8'], 'six.test': ['2001:db8::8'], 'neither.test': [] }
  for (const silent of ['four.test AAAA', 'six.test A', 'mute.test A']) dns.silent.add(silent)
  t.same(await names.addresses('four.test'), ['192.0.2.8'])
  t.same(await names.addresses('six.test'), ['2001:db8::8'])
  await t.rejects(names.addresses('neither.test'), { code: 'ENODATA' })
  t.match((await timed(names.addresses('mute.test'))).code, /^E?TIMED?OUT$/, 'the limit of DNS and that of the look-up end together')
})

t.test('an answer that comes late is there for the next login, and serves for ten minutes while look-ups are slow', async t => {
  let [now, asked] = [0, 0]
  let answer: (addresses: string[]) => void = () => {}
  const { names, dns } = await scene(t, { now: () => now, system: () => { asked++; return new Promise(resolve => { answer = resolve }) } })
  dns.silent.add('provider.test')
  t.equal((await timed(names.addresses('provider.test'))).code, 'ETIMEDOUT')
  now += 30_000
  answer(['192.0.2.9'])
  t.same(await names.addresses('provider.test'), ['192.0.2.9'])
  now += 6_000
  const second = await timed(names.addresses('provider.test'))
  t.same(second.value, ['192.0.2.9'])
  t.ok(second.ms < 1_500, 'what has addresses of a while ago waits less')
  t.equal(asked, 2)
  await new Promise(resolve => setTimeout(resolve, 2_000 - second.ms)) // until that look-up is given up
  t.ok((await timed(names.addresses('provider.test'))).ms < 300)
  now += 11 * 60_000
  t.equal((await timed(names.addresses('provider.test'))).code, 'ETIMEDOUT')
})

t.test('addresses of a while ago serve while name servers fail, and not once there is no such name', async t => {
  let [now, failure] = [0, '']
  const system = async (name: string) => {
    if (failure !== '') throw Object.assign(new Error(`getaddrinfo ${failure} ${name}`), { code: failure })
    return ['192.0.2.9']
  }
  const { names } = await scene(t, { system, now: () => now })
  await names.addresses('provider.test')
  now += 60_000
  failure = 'EAI_AGAIN'
  t.same(await names.addresses('provider.test'), ['192.0.2.9'])
  failure = 'ENOTFOUND'
  await t.rejects(names.addresses('provider.test'), { code: 'ENOTFOUND' })
})

t.test('of very many names those not asked for longest are forgotten', async t => {
  let asked = 0
  const { names } = await scene(t, { system: async () => { asked++; return ['192.0.2.1'] } })
  for (let name = 0; name < 300; name++) await names.addresses(`n${name}.test`)
  await names.addresses('n299.test')
  t.equal(asked, 300)
  await names.addresses('n0.test')
  t.equal(asked, 301)
})

t.test('search domains count as resolv.conf(5) has it', async t => {
  const kubernetes = 'search auth.svc.cluster.local svc.cluster.local. cluster.local\noptions ndots:5 timeout:1\n'
  const { names, dns } = await scene(t, { threads: 0 }, { resolver: kubernetes })
  dns.names = { 'keycloak.auth.svc.cluster.local': ['10.96.0.7'], 'login.example.com': ['192.0.2.8'] }
  t.same(await names.addresses('keycloak'), ['10.96.0.7'])
  t.same(await names.addresses('keycloak.auth'), ['10.96.0.7'])
  t.same(await names.addresses('login.example.com'), ['192.0.2.8'])
  t.equal(dns.questions.indexOf('login.example.com.auth.svc.cluster.local A') < dns.questions.indexOf('login.example.com A'), true)
  t.same(await names.addresses('login.example.com.'), ['192.0.2.8'])
  await t.rejects(names.addresses('nowhere.example.com'), { code: 'ENOTFOUND' })

  const plain = await scene(t, { threads: 0 }, { resolver: 'domain example.com\n' })
  const bare = new Names({ threads: 0, dns: { hostsFile: '/nowhere', resolverFile: '/nowhere', servers: [dns.address] } })
  t.same(await bare.addresses('login.example.com'), ['192.0.2.8'], 'a machine without these files has no search domains')
  plain.dns.names = { 'login.example.com': ['192.0.2.8'] }
  t.same(await plain.names.addresses('login.example.com'), ['192.0.2.8'])
  t.same(plain.dns.questions.filter(question => question !== 'login.example.com A'), ['login.example.com AAAA'], 'a name with dots is tried as it is')
  t.same(await plain.names.addresses('login'), ['192.0.2.8'])

  const odd = await scene(t, { threads: 0 }, { resolver: 'search example.com\noptions ndots:many\n' })
  odd.dns.names = { login: ['192.0.2.8'], 'login.example.com': ['192.0.2.9'] }
  t.same(await odd.names.addresses('login'), ['192.0.2.8'], 'ndots that is no number is none')
})
