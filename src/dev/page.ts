import { html } from '../pages/html.ts'
import { page } from '../pages/layout.ts'

/** The page of the provider `dev`: the visitor becomes the person they type. */
export function devLoginPage (action: string): string {
  return page('Development sign-in', html`<p>Type any email. There is no password: this provider exists on this machine only.</p>
<form method="post" action="${action}">
<label>Email <input type="email" name="email" required autofocus autocomplete="email" value="dev@example.com"></label>
<label>Name <input type="text" name="name" autocomplete="name" maxlength="100" value="Dev User"></label>
<button class="primary" type="submit">Sign in</button>
<button type="submit" name="cancel" value="1" formnovalidate>Cancel</button>
</form>`)
}
