import { html } from './html.ts'
import { page, pageHeaders } from './layout.ts'

/** Loads its own address again, this time from this service's own page; `url` is for a browser that does not. */
export const reloadPage = (url: string): string =>
  page('Signing in', html`<a class="choice" href="${url}">Continue</a>`)

export const reloadHeaders = (): Record<string, string> => ({ ...pageHeaders(), refresh: '0' })
