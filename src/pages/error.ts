import type { AuthError } from '../errors.ts'
import { html } from './html.ts'
import { page } from './layout.ts'

/** A refusal for a person: what happened, how to go on, and what to tell whoever runs this. */
export function errorPage (refusal: AuthError, requestId: string, goOn: string): string {
  const title = refusal.statusCode === 404 ? 'Nothing here' : 'Sign-in did not work'
  return page(title, html`<p>${refusal.detail}</p>
<p><a class="choice" href="${goOn}">Sign in again</a></p>
<p><small>${refusal.code} · ${requestId}</small></p>`)
}
