import { isRefusalCode, refusals } from '../errors.ts'
import { html, type Markup } from './html.ts'

/** A line above a page that says what went wrong before, in this service's words; nothing for an unknown code. */
export const notice = (code: string): Markup | false =>
  isRefusalCode(code) && html`<p class="notice" role="status">${refusals[code][1]}</p>
`
