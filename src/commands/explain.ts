import type { ConfigError } from '../config/environment.ts'

/** Every problem of a configuration, for a person at a terminal. */
export function explainProblems ({ problems }: ConfigError): string {
  const lines = problems.map(({ variable, reason, example }) =>
    `  ${variable} ${reason}${example === undefined ? '' : `\n    for example: ${variable}=${example}`}`)
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return `handstamp cannot start: the configuration has ${count}\n\n${lines.join('\n')}\n`
}

/** Said at every start while the development login is on. */
export const devLoginWarning = (publicUrl: string): string =>
  `THE DEVELOPMENT LOGIN IS ON: everyone who can open ${publicUrl} can sign in as any person, without a password. ` +
  'It is for development; configure a provider, or set DEV_LOGIN=false'
