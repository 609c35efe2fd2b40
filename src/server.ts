#!/usr/bin/env node
import packageJson from '../package.json' with { type: 'json' }
import { checkCommand } from './commands/check.ts'
import { healthcheckCommand } from './commands/healthcheck.ts'
import { serveCommand } from './commands/serve.ts'

const usage = `handstamp ${packageJson.version}

Usage: handstamp [command]

  (none)        start the service
  check         check the configuration and print it without its secrets
  healthcheck   exit 0 if the service on this machine is up
  --help        this text
  --version     the version

Configuration comes from environment variables: see the README.
`

process.umask(0o077) // what we write is for us alone
delete process.env['DEBUG'] // simple-oauth2 prints secrets and codes under it

const commands: Record<string, (env: NodeJS.ProcessEnv) => Promise<number | undefined>> = {
  serve: serveCommand,
  check: checkCommand,
  healthcheck: healthcheckCommand,
  '--help': async () => { process.stdout.write(usage); return 0 },
  '--version': async () => { process.stdout.write(`${packageJson.version}\n`); return 0 }
}

const [name = 'serve', ...rest] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) && rest.length === 0 ? commands[name] : undefined
if (command) {
  process.exitCode = await command(process.env)
} else {
  process.stderr.write(`handstamp: no such command: ${[name, ...rest].join(' ')}\n\n${usage}`)
  process.exitCode = 2
}
