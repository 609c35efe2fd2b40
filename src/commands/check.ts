import { loadConfig, type Config } from '../config/config.ts'
import { ConfigError, type Environment } from '../env/environment.ts'
import { redisAddress, redisPlace } from '../stores/redis/address.ts'
import { spoken } from '../env/values.ts'
import { callbackUrl } from '../providers/callback.ts'
import { devLoginWarning, explainProblems } from './explain.ts'

/** Checks the configuration and prints it without its secrets, with what to register at each provider. */
export async function checkCommand (env: Environment): Promise<number> {
  try {
    const config = loadConfig(env)
    const { publicUrl, listen, providers, token, emails, returnTo, warnings } = config
    const rows: Array<[string, string]> = [
      ['issuer', publicUrl],
      ['listens on', `${listen.host}:${listen.port}`],
      ['audience', [token.audience].flat().join(', ')],
      ['tokens', `${config.signingAlg}, ${token.typ}, live ${spoken(token.ttlSeconds)}`],
      ...row('claims of yours', Object.entries(token.claims).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)),
      ...row('status list', token.status ? [`${publicUrl}/.well-known/token-status/0`] : []),
      ['keys', `change every ${spoken(config.keyRotationSeconds)}`],
      ['sessions', `end after ${spoken(config.sessionIdleSeconds)} without a refresh, and after ${spoken(config.sessionMaxSeconds)} in any case`],
      ['store', config.redisUrl ? redisRow(config.redisUrl) : `embedded in ${config.dataDir}`],
      ['secret', config.secrets ? `given (${config.secrets.length})` : `kept in ${config.dataDir}`],
      ['return to', [publicUrl, ...returnTo.allowedOrigins].join(', ')],
      ['or else to', returnTo.fallback],
      ['who may sign in', emails.allowed || emails.allowedDomains
        ? [...emails.allowed ?? [], ...(emails.allowedDomains ?? []).map(domain => `*@${domain}`)].join(', ')
        : 'everyone with a verified email'],
      ...row('who may not', emails.blocked),
      ...row('cookie for', config.cookieDomain ? [`${config.cookieDomain} and its sub-domains`] : []),
      ['behind', config.trustProxy.join(', ') || 'no proxy'],
      ...proxyRows(config.proxying),
      ['rate limit', config.rateLimit === 0 ? 'none' : `${config.rateLimit} a minute and address`],
      ['idle connection', `closed after ${spoken(config.keepAliveSeconds)}`],
      ['log', config.logLevel],
      ['jwks', `${publicUrl}/.well-known/jwks.json`]
    ]
    const ids = [...providers.map(({ id }) => id), ...(config.devLogin ? ['dev'] : [])]
    process.stdout.write('The configuration is good.\n\n' +
      rows.map(([name, value]) => `  ${name.padEnd(16)} ${value}\n`).join('') +
      '\nCallback URLs to register:\n' +
      ids.map(id => `  ${id.padEnd(16)} ${callbackUrl(publicUrl, id)}\n`).join('') +
      [...warnings, ...(config.devLogin ? [devLoginWarning(publicUrl)] : [])].map(warning => `\nWarning: ${warning}\n`).join(''))
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(explainProblems(error))
    return 1
  }
}

function proxyRows (proxying: Config['proxying']): Array<[string, string]> {
  if (!proxying) return []
  const { proxy: { address, authorization }, except } = proxying
  return [['providers by', `the proxy ${address}${authorization ? ', with credentials' : ''}`], ...row('except', except ? [except.text] : [])]
}

/** Only where there is something to say. */
const row = (name: string, values: string[]): Array<[string, string]> => values.length === 0 ? [] : [[name, values.join(', ')]]

function redisRow (url: string): string {
  const address = redisAddress(url)
  return `redis at ${redisPlace(address)}, database ${address.db}${address.tls ? ', by TLS' : ''}`
}
