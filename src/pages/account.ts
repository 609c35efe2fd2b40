import type { AccessTokenClaims } from '../tokens/claims.ts'
import { html } from './html.ts'
import { page } from './layout.ts'

/** Who is signed in, and the way out. */
export function accountPage ({ email, name, sub, provider }: AccessTokenClaims, providerName: string | undefined): string {
  return page('You are signed in', html`<dl>
${name && html`<dt>Name</dt><dd>${name}</dd>
`}<dt>Email</dt><dd>${email}</dd>
<dt>Signed in with</dt><dd>${providerName ?? provider}</dd>
<dt>Subject</dt><dd>${sub}</dd>
</dl>
<form method="post" action="/auth/logout">
<button type="submit">Sign out</button>
</form>`)
}
