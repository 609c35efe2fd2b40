import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Environment } from './environment.ts'
import { decoded, givenText } from './given.ts'

/** Environment variables that a process reads before it reads any file, or that programs share by inheriting them. */
const isTooLate = (name: string): boolean => /^(NODE|UV)_|^(PATH|TZ)$/.test(name)

/**
 * Name, `=`, and then a text in quotation marks or what stands in the line, with a comment behind it. A # that no blank
 * precedes belongs to the value: #ff0000 is a color, and secrets hold any character.
 */
const setting = new RegExp([
  /(?:^|\n)[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.]*)[^\S\n]*=[^\S\n]*/,
  /(?:(?:"((?:\\.|[^"\\])*)"|'([^']*)'|`([^`]*)`)[^\S\n]*(?=$|\n|#)|([^\n]*?)(?=$|\n|[^\S\n]#|(?<=[=\s])#[^\S\n]))([^\S\n]*#[^\n]*)?(?=$|\n)/
].map(({ source }) => source).join(''), 'gs')

interface Setting {
  name: string
  value: string
  /** A # that other readers of such files take for the beginning of a comment. */
  hasSign: boolean
  /** A comment follows that may be a part of the value. */
  hasComment: boolean
}

function settingsOf (text: string): { settings: Setting[], strays: number[] } {
  const settings: Setting[] = []
  const blanked = text.replace(setting, (whole: string, name: string, double?: string, single?: string, back?: string, bare?: string, comment?: string) => {
    const value = double?.replace(/\\([nr"])/g, (_, letter: string) => ({ n: '\n', r: '\r' })[letter] ?? letter) ?? single ?? back ?? String(bare)
    settings.push({ name, value, hasSign: bare?.includes('#') ?? false, hasComment: Boolean(bare && comment) })
    return whole.replace(/[^\n]/g, '')
  })
  const strays = blanked.split('\n').flatMap((line, index) => /^\s*(#|$)/.test(line) ? [] : [index + 1])
  return { settings, strays }
}

/**
 * The environment with what a `.env` file adds: a variable that the environment has, directly or by its `_FILE`, is left as it is.
 * @returns also what the operator should know of the file, without any value of it
 * @throws Error for a file that is there and cannot be read
 */
export function withEnvFile (env: Environment, path: string): { env: Environment, remarks: string[] } {
  const text = textOf(path)
  if (text === undefined) return { env, remarks: [] }
  const { settings, strays } = settingsOf(text)
  const found = new Map(settings.map(setting => [setting.name, setting]))
  const added: Environment = {}
  const kept: string[] = []
  const late: string[] = []
  const cut: string[] = []
  const ended: string[] = []
  for (const { name, value, hasSign, hasComment } of found.values()) {
    const base = name.replace(/_FILE$/, '')
    const there = env[name]
    if (isTooLate(name)) late.push(name)
    else if (there !== undefined) {
      if (lostItsTail(there, value)) cut.push(name)
    } else if (!env[base] && !env[`${name}_FILE`]) {
      added[name] = value
      if (hasSign) kept.push(name)
      if (hasComment && /SECRET|PASSWORD|KEY|REDIS_URL/.test(name)) ended.push(name)
    }
  }
  return {
    env: { ...env, ...added },
    remarks: [
      ...strays.map(line => `line ${line} is not NAME=value, and counts for nothing`),
      ...remark(kept, 'a # belongs to the value here and begins a comment for some programs: write the value in quotation marks'),
      ...remark(ended, 'what follows the blank and the # is taken for a comment: if it belongs to the secret, write it in quotation marks'),
      ...remark(cut, 'the environment has the value up to its # alone: what read the file has cut off the rest. Write it in quotation marks'),
      ...remark(late, 'counts only in the environment that the process is started with')
    ]
  }
}

const remark = (names: string[], text: string): string[] => names.length === 0 ? [] : [`${names.join(', ')}: ${text}`]

/** The `.env` of the folder that the program's own folder lies in, where package.json is. */
export function envFileOf (program: string): string {
  try {
    return join(dirname(realpathSync(program)), '..', '.env')
  } catch {
    return ''
  }
}

/** What the environment has is the beginning of what the file has, up to a #. */
function lostItsTail (there: string, value: string): boolean {
  const { text } = givenText(there)
  return text !== '' && value.startsWith(text) && /^\s*#/.test(value.slice(text.length))
}

/** undefined where there is none: a folder of that name is Python's. */
function textOf (path: string): string | undefined {
  try {
    return decoded(readFileSync(path)).replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  } catch (error) {
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return undefined
    throw new Error(error instanceof TypeError ? 'it is neither UTF-8 nor UTF-16 text' : 'it cannot be read', { cause: error })
  }
}
