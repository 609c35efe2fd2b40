import type { ConfigError } from '../env/environment.ts'
import { describeError, type ErrorForLog } from '../http/log.ts'

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

/**
 * Why a start or a command failed, with its causes: "the store cannot be made: no space left on device (ENOSPC)". A cause
 * whose code the text has already is left out.
 */
export function explainFailure (error: unknown): string {
  let text = ''
  for (let found: ErrorForLog | undefined = describeError(error); found; found = found.cause) {
    const { message, code, type } = found
    const word = typeof code === 'string' ? code : /^[A-Z]{3,}\b/.exec(message)?.[0]
    if (text !== '' && word !== undefined && text.includes(word)) continue
    const shown = message || type
    text += `${text && ': '}${shown}${typeof code === 'string' && !shown.includes(code) ? ` (${code})` : ''}`
  }
  return text
}
