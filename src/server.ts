import packageJson from '../package.json' with { type: 'json' }
import { checkCommand } from './commands/check.ts'
import { healthcheckCommand } from './commands/healthcheck.ts'
import { keysCommand, keysUsage } from './commands/keys.ts'
import { serveCommand } from './commands/serve.ts'
import { sessionsCommand, sessionsUsage } from './commands/sessions.ts'
import { isWorker } from './commands/workers.ts'
import { envFileOf, withEnvFile } from './env/env-file.ts'
import type { Environment } from './env/environment.ts'

const usage = `handstamp ${packageJson.version}

Usage: handstamp [command]

  (none)        start the service
  check         check the configuration and print it without its secrets
  keys          ${keysUsage.replace('handstamp keys ', '')}
  sessions      ${sessionsUsage.replace('handstamp sessions ', '')}
  healthcheck   exit 0 if the service on this machine is up
  --help        this text
  --version     the version

Configuration comes from environment variables, and from the file .env beside package.json: see the README.
`

process.umask(0o077) // what we write is for us alone
const inherited = { ...process.env }
delete process.env['DEBUG'] // simple-oauth2 prints secrets and codes under it
delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'] // certificates are checked: config.ts says so at the start
process.env['MSGPACKR_NATIVE_ACCELERATION_DISABLED'] = 'true' // lmdb loads it, our store does not use it

type Command = (env: Environment, args: string[]) => Promise<number | undefined>

const withoutWords: Record<string, Command> = {
  serve: serveCommand,
  check: checkCommand,
  healthcheck: healthcheckCommand,
  '--help': async () => { process.stdout.write(usage); return 0 },
  '--version': async () => { process.stdout.write(`${packageJson.version}\n`); return 0 }
}
const withWords: Record<string, Command> = { keys: keysCommand, sessions: sessionsCommand }

const [name = 'serve', ...words] = process.argv.slice(2)
const known = words.length === 0 ? { ...withoutWords, ...withWords } : withWords
const command = Object.hasOwn(known, name) ? known[name] : undefined
if (command) {
  start(command).then(code => { process.exitCode = code }, (unforeseen: unknown) => { throw unforeseen })
} else {
  process.stderr.write(`handstamp: no such command: ${[name, ...words].join(' ')}\n\n${usage}`)
  process.exitCode = 2
}

async function start (command: Command): Promise<number | undefined> {
  const place = envFileOf(String(process.argv[1]))
  try {
    const { env, remarks } = withEnvFile(inherited, place)
    if (!isWorker) for (const remark of remarks) process.stderr.write(`handstamp: ${place}: ${remark}\n`)
    return command(env, words)
  } catch (error) {
    process.stderr.write(`handstamp cannot start: ${place}: ${(error as Error).message}\n`)
    return 1
  }
}
