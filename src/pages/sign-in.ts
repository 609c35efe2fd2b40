import { html } from './html.ts'
import { page } from './layout.ts'
import { notice } from './notice.ts'

export interface Choice {
  name: string
  url: string
}

/** The configured providers as plain links; `code` is of a login that failed, if one did. */
export function signInPage (choices: Choice[], code: string): string {
  return page('Sign in', html`${notice(code)}<ul>
${choices.map(({ name, url }) => html`<li><a class="choice" href="${url}">Continue with ${name}</a></li>
`)}</ul>`)
}
