import { deviceName } from '../sessions/device.ts'
import type { AccessTokenClaims } from '../tokens/claims.ts'
import type { SessionPage } from '../sessions/sessions.ts'
import { html } from './html.ts'
import { page } from './layout.ts'
import { notice } from './notice.ts'

/** Who is signed in, where else, and the way out; `code` is of another login that failed, if one did. */
export function accountPage (
  { email, name, sub, sid, provider }: AccessTokenClaims, providerName: string | undefined, { sessions, next }: SessionPage, code: string
): string {
  return page('You are signed in', html`${notice(code)}<dl>
${name && html`<dt>Name</dt><dd>${name}</dd>
`}<dt>Email</dt><dd>${email}</dd>
<dt>Signed in with</dt><dd>${providerName ?? provider}</dd>
<dt>Subject</dt><dd>${sub}</dd>
</dl>
${sessions.length > 0 && html`<h2>Your sessions</h2>
<ul>${sessions.map(({ id, device, lastUsedAt }) =>
  html`<li>${deviceName(device)}<small> · ${id === sid ? 'this one' : `last used ${dateOf(lastUsedAt)}`}</small></li>
`)}</ul>
${next !== undefined && html`<p>There are more.</p>
`}`}<form method="post" action="/auth/logout">
<button type="submit">Sign out</button>
${sessions.length > 1 && html`<button type="submit" name="everywhere" value="true">Sign out everywhere</button>
`}</form>`)
}

const dateOf = (epochSeconds: number): string => new Date(epochSeconds * 1000).toISOString().slice(0, 16).replace('T', ' ') + ' UTC'
