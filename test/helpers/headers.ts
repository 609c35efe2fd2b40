import type { Test } from 'tap'

const everywhere: Record<string, string | RegExp> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': /camera=\(\), geolocation=\(\), microphone=\(\)/,
  'x-robots-tag': 'noindex',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store'
}
const hsts = 'max-age=31536000'

/** That an answer has the headers that all have. */
export function assertHeaders (t: Test, headers: Record<string, unknown>, secure: boolean, what: string): void {
  t.match(headers, everywhere, what)
  t.equal(headers['strict-transport-security'], secure ? hsts : undefined, what)
  for (const name of ['server', 'x-powered-by', 'clear-site-data']) t.notOk(name in headers, `${what}: ${name}`)
}
