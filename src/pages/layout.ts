import { createHash } from 'node:crypto'
import { html, Markup } from './html.ts'

const style = `
:root { color-scheme: light dark; --line: #8884; --accent: #2156d9; --on-accent: #fff }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 24rem; padding: 2rem; border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 1rem; font-size: 1.4rem; line-height: 1.2 }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
p.notice { padding: .7rem 1rem; border: 1px solid var(--line); border-radius: .5rem }
ul { list-style: none; margin: 0; padding: 0 }
a.choice, button { display: block; width: 100%; margin: .5rem 0 0; padding: .7rem 1rem; border: 1px solid var(--line);
  border-radius: .5rem; background: none; color: inherit; font: inherit; text-align: center; text-decoration: none; cursor: pointer }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
a.choice:hover, button:hover { border-color: currentColor }
a:focus-visible, button:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
label { display: block; margin: 0 0 .75rem }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; border: 1px solid var(--line);
  border-radius: .5rem; background: none; color: inherit; font: inherit }
dl { margin: 0 0 1rem; display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem }
dd { margin: 0; overflow-wrap: anywhere }
dt, small { opacity: .7 }
`
const styleHash = createHash('sha256').update(style).digest('base64')

/** A whole page. No script anywhere. */
export function page (title: string, body: Markup): string {
  return '<!doctype html>\n' + html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.text
}

/**
 * Headers of every page. Browsers apply form-action to the redirects after a POST too, so a page whose form
 * leads on to another, already checked origin names it.
 */
export function pageHeaders (formTarget?: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; ` +
      `form-action 'self'${formTarget ? ` ${formTarget}` : ''}; base-uri 'none'; frame-ancestors 'none'`,
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin'
  }
}
