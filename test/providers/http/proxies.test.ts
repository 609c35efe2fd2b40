import t from 'tap'
import { loadConfig, type Config } from '../../../src/config/config.ts'
import { ConfigError, type Environment } from '../../../src/env/environment.ts'

const load = (env: Environment): Config => loadConfig({ GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret', ...env }, path => `text of ${path}`)

function problemsOf (env: Environment): string[] {
  try {
    load(env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ variable, reason }) => `${variable} ${reason}`)
  }
}

t.test('a proxy is named as other programs have it named', async t => {
  for (const [text, expected] of Object.entries({
    'http://proxy.example.com:3128': { address: 'http://proxy.example.com:3128', secure: false, host: 'proxy.example.com', port: 3128 },
    'http://proxy.example.com:3128/': { host: 'proxy.example.com', port: 3128 },
    'HTTP://Proxy.Example.com': { host: 'proxy.example.com', port: 80 },
    'https://proxy.example.com': { secure: true, port: 443 },
    'proxy:8080': { address: 'http://proxy:8080', host: 'proxy', port: 8080 },
    '10.0.0.7:8080': { host: '10.0.0.7', port: 8080 },
    'http://[fd00::7]:8080': { host: 'fd00::7', port: 8080 },
    'http://me:p%40ss@proxy:8080': { address: 'http://proxy:8080', authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}` },
    'me@proxy:8080': { authorization: `Basic ${Buffer.from('me:').toString('base64')}` }
  })) t.match(load({ HTTPS_PROXY: text }).proxying?.proxy, expected, text)
})

t.test('what cannot be a proxy is a problem that does not show it', async t => {
  for (const text of ['socks5://proxy:1080', 'ftp://proxy', 'http://', 'http://proxy:99999', 'http://proxy:0', 'http://proxy/path', 'http://proxy?x=y',
    'http://me:se#cret@proxy', 'http://me:100%@proxy', 'http://a proxy', 'http://me:s3cr3t@']) {
    for (const name of ['HTTPS_PROXY', 'http_proxy']) {
      const problems = problemsOf({ [name]: text })
      t.equal(problems.length, 1, text)
      t.match(problems[0], new RegExp(`^${name.toUpperCase()} must|^${name.toUpperCase()} has a "%"`), text)
      t.notMatch(problems[0], /s3cr3t|se#cret|100%@/)
    }
  }
})

t.test('the proxy for https counts before the other, the documented name before the lower case one, and an empty one not at all', async t => {
  const proxyOf = (env: Environment) => load(env).proxying?.proxy.host
  t.equal(proxyOf({}), undefined)
  t.equal(proxyOf({ HTTPS_PROXY: '', NO_PROXY: '*' }), undefined)
  t.equal(proxyOf({ HTTP_PROXY: 'a' }), 'a')
  t.equal(proxyOf({ HTTP_PROXY: 'a', https_proxy: 'b' }), 'b')
  t.equal(proxyOf({ HTTPS_PROXY: 'a', https_proxy: 'b' }), 'a')
  t.equal(proxyOf({ HTTPS_PROXY: '', https_proxy: 'b' }), 'b')
  t.equal(loadConfig({ GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 's', HTTPS_PROXY_FILE: '/x', https_proxy: 'b' }, () => 'c\n').proxying?.proxy.host, 'c')
  t.match(load({ HTTPS_PROXY: 'a', https_proxy: 'b' }).warnings.join(), 'HTTPS_PROXY and https_proxy differ: HTTPS_PROXY counts')
  t.notMatch(load({ HTTPS_PROXY: 'a', https_proxy: 'a' }).warnings.join(), 'differ')
  t.match(load({ HTTPS_PROXY: 'http://me:s3cr3t@a' }).warnings.join(), /through the proxy http:\/\/a:/)
})

t.test('names of proxies for other things are nobody\'s misspelling', async t => {
  t.same(problemsOf({ FTP_PROXY: 'x', GOPROXY: 'x', ALL_PROXY: 'x', all_proxy: 'x', NPROXY: 'x', HTTP_PROXY_PORT: 'tcp://10.0.0.1:80' }), [])
})

t.test('hosts without the proxy are named as curl and most programs have it', async t => {
  const cases: Array<[text: string, called: string[], throughProxy: string[]]> = [
    ['example.com', ['example.com', 'a.example.com', 'a.b.EXAMPLE.com.', 'example.com 8443'], ['notexample.com', 'example.com.evil.test', 'example.org']],
    ['.example.com', ['example.com', 'a.example.com'], ['notexample.com']],
    ['*.example.com', ['example.com', 'a.example.com'], ['notexample.com']],
    ['Example.COM.', ['example.com'], []],
    ['example.com:8443', ['example.com 8443', 'a.example.com 8443'], ['example.com', 'example.com 84']],
    ['*', ['anything.test', '192.0.2.1', '2001:db8::1'], []],
    ['keycloak', ['keycloak', 'keycloak 8080'], ['keycloak.test']],
    [' a.test , b.test  c.test,,', ['a.test', 'b.test', 'c.test'], ['d.test']],
    ['bücher.example', ['xn--bcher-kva.example'], []],
    ['10.0.0.0/8', ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1', 'ten.test']],
    ['169.254/16', ['169.254.7.7'], ['169.253.0.1']],
    ['192.0.2.7', ['192.0.2.7', '192.0.2.7 8443'], ['192.0.2.70']],
    ['192.0.2.7:443', ['192.0.2.7'], ['192.0.2.7 8443']],
    ['fd00::/8', ['fd12::1'], ['2001:db8::1']],
    ['2001:db8::1', ['2001:db8:0::1'], ['2001:db8::2']],
    ['[2001:db8::1]:8443,[2001:db8::2]', ['2001:db8::1 8443', '2001:db8::2'], ['2001:db8::1']],
    ['', [], ['example.com']]
  ]
  for (const [text, called, throughProxy] of cases) {
    const { except } = load({ HTTPS_PROXY: 'proxy', NO_PROXY: text }).proxying ?? {}
    const isCalled = (target: string) => {
      const [host = '', port = '443'] = target.split(' ')
      return except?.includes(host, Number(port)) ?? false
    }
    for (const target of called) t.equal(isCalled(target), true, `${text}: ${target}`)
    for (const target of throughProxy) t.equal(isCalled(target), false, `${text}: ${target}`)
  }
})

t.test('what cannot be such a host is a problem', async t => {
  for (const text of ['https://example.com', 'example.com/path', '10.0.0.0/33', '10.0.0.0/x', 'fd00::/129', 'example/8', '10.0.0.0/8/8', 'example.com:0',
    'example.com:70000', '[example.com]', '*example.com', '*:8080', 'a?b', '<local>', '[::1', '.']) {
    t.match(problemsOf({ NO_PROXY: text }), [/^NO_PROXY ".*" is neither/], text)
  }
})
