import { readFileSync } from 'node:fs'

const issuer = 'http://localhost:3000'

/** What a page shows in a language, in order. */
export const snippetsOf = (page: string, language: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, code = '']) => code)

/** The one that has a word in it. */
export function snippetWith (page: string, language: string, word: string): string {
  const [code, ...others] = snippetsOf(page, language).filter(code => code.includes(word))
  if (code === undefined || others.length > 0) throw new Error(`${page} must have one snippet in ${language} with ${word}`)
  return code
}

/** As a reader would fill it in. */
export const filledIn = (code: string, url: string): string => code.replaceAll(issuer, url)
