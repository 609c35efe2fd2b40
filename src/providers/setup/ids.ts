import { list } from '../../env/values.ts'

/** First segments of paths below /auth/ that this service has, or will have by its interface: never the id of a provider. */
export const ownWords: ReadonlySet<string> = new Set(['account', 'activate', 'assets', 'authorize', 'callback', 'device', 'docs',
  'end-session', 'introspect', 'login', 'logout', 'me', 'openapi', 'par', 'providers', 'refresh', 'register', 'revoke', 'sessions',
  'token', 'userinfo', 'verify'])
const takenIds = new Set([...ownWords, 'dev', 'google', 'handstamp'])

/** Ids of configured providers: they become path segments and the first part of `sub`. */
export function providerIds (value: string): string[] {
  const ids = list(value)
  for (const id of ids) {
    if (!/^[a-z][a-z0-9_]{0,31}$/.test(id)) throw new Error(`"${id}" must match [a-z][a-z0-9_]* and be at most 32 long`)
    if (takenIds.has(id)) throw new Error(`"${id}" is a word of ours: choose another id`)
  }
  if (new Set(ids).size !== ids.length) throw new Error('names an id twice')
  return ids
}
