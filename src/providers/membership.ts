import { epochSeconds, type Clock } from '../clock.ts'
import type { Api } from './http/api.ts'
import type { Descriptor } from './descriptor.ts'
import { readAnswers } from './profile.ts'
import type { Grant } from './provider.ts'
import type { TokenAnswer } from './oauth2/token-endpoint.ts'

export type Own = Record<string, unknown>

/** Whether the operator restricted who may come by something that is asked of the provider's API. */
export const isRestricted = ({ membership, variables = {} }: Descriptor, own: Own): boolean =>
  membership !== undefined && Object.entries(variables).some(([name, { restricts }]) => restricts && own[name] !== undefined)

/** @throws AuthError email_not_allowed for a person who does not belong; provider failures */
export async function checkMembership (descriptor: Descriptor, own: Own, api: Api): Promise<void> {
  if (isRestricted(descriptor, own)) await readAnswers(() => descriptor.membership?.(api, own))
}

export function grantOf ({ accessToken, refreshToken, expiresIn }: TokenAnswer, clock: Clock): Grant {
  return {
    accessToken,
    ...(refreshToken !== undefined && { refreshToken }),
    ...(expiresIn !== undefined && { expiresAt: epochSeconds(clock) + Math.floor(expiresIn) })
  }
}

const marginSeconds = 30

/** The grant with an access token that still works, as far as we can tell. @throws AuthError */
export async function livingGrant (grant: Grant, renew: (refreshToken: string) => Promise<TokenAnswer>, clock: Clock): Promise<Grant> {
  const over = grant.expiresAt !== undefined && grant.expiresAt - marginSeconds <= epochSeconds(clock)
  if (!over || grant.refreshToken === undefined) return grant
  // RFC 6749 section 6: an answer without another refresh token leaves the old one valid.
  return { refreshToken: grant.refreshToken, ...grantOf(await renew(grant.refreshToken), clock) }
}
