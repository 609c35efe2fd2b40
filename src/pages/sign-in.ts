import { html } from './html.ts'
import { page } from './layout.ts'

export interface Choice {
  name: string
  url: string
}

/** The configured providers as plain links. */
export function signInPage (choices: Choice[]): string {
  return page('Sign in', html`<ul>
${choices.map(({ name, url }) => html`<li><a class="choice" href="${url}">Continue with ${name}</a></li>
`)}</ul>`)
}
