import t from 'tap'
import { otherSiteWarnings } from '../../src/config/sites.ts'

t.test('an allowed origin on another site than ours is warned of, with what to do', async t => {
  for (const [publicUrl, origin, expected] of [
    ['http://localhost:3000', 'http://127.0.0.1:5173', /use one name for both: 127\.0\.0\.1 and localhost are two sites/],
    ['http://127.0.0.1:3000', 'http://localhost:5173', /two sites/],
    ['http://[::1]:3000', 'http://localhost:5173', /two sites/],
    ['https://auth.example.com', 'https://shop.example', /https:\/\/shop\.example is another site.*common domain/],
    ['https://auth.example.com', 'https://*.example.org', /another site/],
    ['https://auth.example.com', 'http://localhost:5173', /another site/],
    ['http://localhost:3000', 'http://localhost:5173', undefined],
    ['https://auth.example.com', 'https://app.example.com', undefined],
    ['https://auth.example.com', 'https://*.preview.example.com', undefined],
    ['https://example.com', 'https://app.example.com', undefined]
  ] as const) {
    const warnings = otherSiteWarnings(publicUrl, [origin])
    if (expected === undefined) t.same(warnings, [], origin)
    else t.match(warnings, [expected], origin)
  }
})
