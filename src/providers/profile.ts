import type { Api } from './http/api.ts'
import type { Profile, ProfilePaths } from './descriptor.ts'
import { isJson, providerFailure } from './http/outbound.ts'

/** The profile where data alone says where each thing is. */
export async function profileByPaths (api: Api, paths: ProfilePaths): Promise<Profile> {
  const document = await api.document(paths.url)
  const at = (path: string | undefined) => path === undefined ? undefined : valueAt(document, path)
  return {
    subject: at(paths.subject),
    email: at(paths.email),
    emailVerified: paths.emailVerified === 'always' ? !deniesEmail(document, paths.email) : at(paths.emailVerified),
    name: at(paths.name),
    picture: at(paths.picture)
  }
}

const flagNames = ['email_verified', 'emailVerified', 'verified_email', 'is_email_verified', 'email_confirmed']

/** Whether a flag beside the email, or at the top, says that the email is not verified: `always` does not overrule that. */
function deniesEmail (document: unknown, emailPath: string): boolean {
  const beside = emailPath.split('.').slice(0, -1)
  const flags = flagNames.flatMap(name => [valueAt(document, name), valueAt(document, [...beside, name].join('.'))])
  return flags.some(flag => flag !== undefined && flag !== null && ![true, 'true', 1, '1'].includes(flag as never))
}

/** Runs what a descriptor says about answers: it may stumble over any shape of them, and that is the provider's failure. */
export async function readAnswers<Result> (read: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    throw providerFailure(error)
  }
}

/**
 * What a dotted path leads to; numbers count into arrays. A member's own name may have dots in it, as
 * `https://acme.example/email` has: the shortest names that lead to something count.
 */
export const valueAt = (document: unknown, path: string): unknown => valueBehind(document, path.split('.'))

function valueBehind (value: unknown, steps: string[]): unknown {
  const [first, ...others] = steps
  if (first === undefined) return value
  if (Array.isArray(value)) return valueBehind((value as unknown[])[Number(first)], others)
  if (!isJson(value)) return undefined
  for (let length = 1; length <= steps.length; length++) {
    const name = steps.slice(0, length).join('.')
    const found = Object.hasOwn(value, name) ? valueBehind(value[name], steps.slice(length)) : undefined
    if (found !== undefined) return found
  }
  return undefined
}
