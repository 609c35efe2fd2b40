import type { AuthError } from '../errors.ts'
import { html, type Markup } from './html.ts'
import { page } from './layout.ts'

/** A way to go on. */
export interface Step {
  label: string
  href: string
}

export const signInAgain: Step = { label: 'Sign in again', href: '/auth/login' }

/** A refusal for a person: what happened, how to go on, and what to tell the operator. */
export function errorPage (refusal: AuthError, requestId: string, steps: Step[]): string {
  return page(titleOf(refusal), html`<p>${refusal.detail}</p>
<p>${steps.map(({ label, href }) => html`<a class="choice" href="${href}">${label}</a>
`)}</p>
${reference(refusal, requestId)}`)
}

/** A sign-out that did not happen: the person must not think that it did, and may try again. `fields` are those of the form. */
export function signOutErrorPage (refusal: AuthError, requestId: string, fields: Record<string, string>): string {
  return page('You are still signed in', html`<p>Signing out did not work. ${refusal.detail}</p>
<form method="post" action="/auth/logout">
${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`)}<button class="primary" type="submit">Sign out</button>
</form>
${reference(refusal, requestId)}`)
}

const reference = ({ code }: AuthError, requestId: string): Markup => html`<p><small>${code} · ${requestId}</small></p>`

function titleOf ({ code, statusCode }: AuthError): string {
  if (statusCode === 404 || statusCode === 405) return 'Nothing here'
  if (code === 'rate_limited') return 'Too many attempts'
  return code === 'headers_too_large' ? 'Too many cookies' : 'Sign-in did not work'
}
