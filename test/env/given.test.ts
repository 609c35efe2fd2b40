import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import { ConfigError, type Environment } from '../../src/env/environment.ts'
import { temporaryFolder } from '../helpers/app.ts'

// Values as people, their env files and Kubernetes give them.

const secret = '0123456789abcdef0123456789abcdef'
const google = { GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret' }

const problems = (env: Environment): string[] => {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    return (error as ConfigError).problems.map(({ variable, reason }) => `${variable} ${reason}`)
  }
}

t.test('what an env file leaves around a value is not a part of it, and quotation marks are told once', async t => {
  const plain = {
    PUBLIC_URL: 'https://auth.example.com',
    HOST: '::1',
    PORT: '3001',
    SECRET: secret,
    GOOGLE_CLIENT_ID: 'id',
    GOOGLE_CLIENT_SECRET: 's"e\'c#r=t\\',
    ALLOWED_EMAILS: 'ada@example.com,eve@example.com',
    TOKEN_CLAIMS: '{"a":"b # c"}',
    TOKEN_TTL: '5m',
    LOG_LEVEL: 'warn',
    TRUST_PROXY: 'loopback'
  }
  const { warnings, ...meant } = loadConfig(plain)
  t.same(warnings, [])
  const ways: Array<[wrap: (value: string) => string, quoted: boolean]> = [
    [value => `'${value.replaceAll("'", "\\'")}'`, true],
    [value => `"${value.replaceAll('"', '\\"')}"`, true],
    [value => `${value}\r`, false], [value => `${value}\n`, false], [value => `\uFEFF${value}`, false], [value => ` \t${value}\u00a0 `, false],
    [value => ` "${value.replaceAll('"', '\\"')} "\r\n`, true], [value => `“${value}”`, true], [value => `\`${value}\``, true]
  ]
  for (const [wrap, quoted] of ways) {
    const { GOOGLE_CLIENT_SECRET, ...others } = plain
    const env = Object.fromEntries(Object.entries(others).map(([name, value]) => [name, wrap(value)]))
    const { warnings, ...found } = loadConfig({ ...env, GOOGLE_CLIENT_SECRET })
    t.same(found, meant, JSON.stringify(wrap('x')))
    t.equal(warnings.length, quoted ? 1 : 0, JSON.stringify(wrap('x')))
    if (quoted) t.match(warnings, [/quotation marks.*PUBLIC_URL, HOST, PORT, SECRET, /])
  }
})

t.test('marks inside a value, and marks that are no pair, are its own', async t => {
  const read = (value: string) => loadConfig({ ...google, GOOGLE_CLIENT_SECRET: value }).providers[0]?.clientSecret
  for (const value of ['a"b"c', '"a","b"', '"', "it's", 'a#b', '#ab', 'a=b#', "'a\"", 'a\\"b', 'ab"']) t.equal(read(value), value)
  for (const value of ['"a', "'a\"", '"']) {
    t.match(loadConfig({ ...google, GOOGLE_CLIENT_SECRET: value }).warnings, [/^GOOGLE_CLIENT_SECRET begins with a quotation mark that does not end it/], value)
  }
  t.equal(read('"a # b"'), 'a # b')
})

t.test('R78 nothing in quotation marks is nothing, also where it restricts', async t => {
  t.same(problems({ PORT: '""', SECRET: "''", TRUST_PROXY: ' ', GOOGLE_CLIENT_ID: '" "' }), [])
  for (const ALLOWED_EMAILS of ['""', ' ', "''", '" "', '\r']) t.match(problems({ ALLOWED_EMAILS }), [/^ALLOWED_EMAILS is set but empty/])
})

t.test('a comment behind a value is never guessed away: it is named, and nothing of a secret is shown', async t => {
  for (const value of ['3000 # the port', '3000\t#x', '"3000" # the port']) {
    t.match(problems({ PORT: value }), [/^PORT must be a whole number.*has a blank and a # in it.*line of its own/], value)
  }
  t.match(problems({ ALLOWED_EMAILS: 'ada@example.com # the boss' }), [/^ALLOWED_EMAILS /])
  const { warnings, providers } = loadConfig({ ...google, GOOGLE_CLIENT_SECRET: 'hush-hush #1 of two' })
  t.equal(providers[0]?.clientSecret, 'hush-hush #1 of two')
  t.match(warnings, [/^GOOGLE_CLIENT_SECRET has a blank and a # in it/])
  t.notMatch(JSON.stringify(warnings), /hush|of two/)
  t.same(loadConfig({ TOKEN_CLAIMS: '{"team":"a #1"}' }).warnings, [])
})

t.test('a name keeps neither a byte order mark nor blanks', async t => {
  t.equal(loadConfig({ '\uFEFFPORT': '3001' }).listen.port, 3001)
  t.equal(loadConfig({ 'PORT ': '3001' }).listen.port, 3001)
  t.equal(loadConfig({ 'PORT ': '3001', PORT: '3002' }).listen.port, 3002)
})

t.test('a _FILE may be what Windows writes: UTF-8 with its mark, UTF-16 in both orders, CRLF', async t => {
  const path = join(temporaryFolder(t), 'file')
  const swapped = (text: string) => Buffer.from(text, 'utf16le').swap16()
  const files = [
    `\uFEFF${secret}\r\n`, `${secret}\r\n\r\n`, ` ${secret} \n`, Buffer.from(`\uFEFF${secret}\r\n`, 'utf16le'), Buffer.from(secret, 'utf16le'),
    swapped(`\uFEFF${secret}\r\n`), swapped(secret)
  ]
  for (const [index, file] of files.entries()) {
    writeFileSync(path, file)
    for (const SECRET_FILE of [path, `"${path}"`, `${path}\r`]) t.same(loadConfig({ SECRET_FILE }).secrets, [secret], String(index))
  }
  writeFileSync(path, Buffer.from([0xc3, 0x28, ...Buffer.from(secret)]))
  t.match(problems({ SECRET_FILE: path }), [/^SECRET_FILE names a file that is neither UTF-8 nor UTF-16 text/])
  writeFileSync(path, '\uFEFF \r\n')
  t.match(problems({ SECRET_FILE: path }), [/^SECRET_FILE names an empty file/])
})

/** What Kubernetes sets in every container for a Service of that name. */
const linksOf = (service: string, ip = '10.96.0.1', proto = 'tcp'): Environment => {
  const url = `${proto}://${ip.includes(':') ? `[${ip}]` : ip}:80`
  const port = `${service}_PORT_80_${proto.toUpperCase()}`
  return {
    [`${service}_SERVICE_HOST`]: ip,
    [`${service}_SERVICE_PORT`]: '80',
    [`${service}_SERVICE_PORT_HTTP_WEB`]: '80',
    [`${service}_PORT`]: url,
    [port]: url,
    [`${port}_PROTO`]: proto,
    [`${port}_PORT`]: '80',
    [`${port}_ADDR`]: ip
  }
}

t.test('what Kubernetes sets for Services that are called as our variables begin is not ours', async t => {
  const acme = { OIDC_PROVIDERS: 'acme', OIDC_ACME_ISSUER: 'https://login.example.com', OIDC_ACME_CLIENT_ID: 'id', OIDC_ACME_CLIENT_SECRET: 'secret' }
  const services = [
    'CLIENT', 'CLIENT_WEB', 'CLIENTS', 'OIDC', 'OIDC_ACME', 'OAUTH2', 'OAUTH1', 'RESOURCE', 'ROLE', 'POLICY', 'GOOGLE', 'GITHUB_GHE', 'REDIS', 'HANDSTAMP',
    'PUBLIC', 'RATE', 'HOST', 'SECRET', 'TOKEN', 'PORT', 'METRICS'
  ]
  for (const service of services) {
    const env = { ...acme, ...linksOf(service), ...linksOf(service, 'fd00::1', 'udp') }
    t.same(problems(env), [], service)
    t.same(loadConfig(env).warnings.filter(warning => !warning.startsWith('METRICS_PORT counts as not set')), [], service)
  }
})

t.test('a PORT that Kubernetes sets counts as not set, said once', async t => {
  for (const PORT of ['tcp://10.96.0.1:80', ' udp://[fd00::1]:53', '"tcp://10.96.0.1:80"'.slice(1, -1)]) {
    const { listen, publicUrl, warnings } = loadConfig({ PORT })
    t.same([listen.port, publicUrl], [3000, 'http://localhost:3000'])
    t.match(warnings, [/^PORT counts as not set.*Kubernetes/])
  }
})

t.test('R78 beside them, an unknown name of a group and a near miss are problems as ever', async t => {
  const env = { ...linksOf('OIDC'), ...linksOf('CLIENT') }
  t.match(problems({ ...env, OIDC_ACME_ISSUER: 'x' }), [/^OIDC_ACME_ISSUER belongs to an id/])
  t.match(problems({ ...env, OIDC_PORT: '3000' }), [/^OIDC_PORT is not a variable of ours/])
  t.match(problems({ ...env, CLIENT_WEB_SECRET: 'x' }), [/^CLIENT_WEB_SECRET /])
  t.match(problems({ ...env, PORTS: 'tcp://10.0.0.1:80' }), [/^PORTS is not a variable of ours; did you mean PORT/])
  t.match(problems({ ...env, TOKEN_TLL: '5m' }), [/did you mean TOKEN_TTL/])
})
