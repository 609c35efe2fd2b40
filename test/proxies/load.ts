import type { Test } from 'tap'
import { Browser, devSignIn } from '../helpers/browser.ts'

/** One request and how it was answered: its status, or why there was no answer. */
export type Send = (method: string, path: string, headers: Record<string, string>) => Promise<{ status: number, headers: Record<string, unknown> }>

const people = 12

/**
 * People at work until `whileThis` is done: each reads, refreshes and starts logins, over and over. Every answer that is not
 * the right one fails the test, and so does a request without an answer.
 */
export async function underLoad (t: Test, url: string, send: Send, whileThis: () => Promise<void>): Promise<void> {
  const load = { isOver: false, answered: 0 }
  const wrong: string[] = []
  const person = async (cookies: Map<string, string>) => {
    const ask = async (method: string, path: string, expected: number) => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      try {
        const { status, headers } = await send(method, path, { cookie, origin: url, accept: 'application/json' })
        if (status !== expected) wrong.push(`${method} ${path}: ${status}`)
        for (const line of [headers['set-cookie'] ?? []].flat().map(String)) {
          const [, name = '', value = ''] = /^(handstamp(?:-refresh)?)=([^;]+)/.exec(line) ?? []
          if (name) cookies.set(name, value)
        }
        load.answered++
      } catch (error) {
        wrong.push(`${method} ${path}: ${(error as Error).message}`)
      }
    }
    while (!load.isOver && wrong.length === 0) { // one that is lost brings others after it
      await ask('GET', '/auth/me', 200)
      await ask('POST', '/auth/refresh', 200)
      await ask('GET', '/auth/dev', 302)
      await ask('GET', '/.well-known/jwks.json', 200)
    }
  }
  const jars = await Promise.all(Array.from({ length: people }, async (_, number) => {
    const browser = new Browser(undefined, url)
    const { status, body } = await devSignIn(browser, `person-${number}@example.com`)
    t.equal(status, 303, body)
    return new Map(browser.cookies)
  }))
  const loaded = Promise.all(jars.map(person))
  await whileThis()
  load.isOver = true
  await loaded
  t.same(wrong, [])
  t.ok(load.answered > 500, `${load.answered} answers`)
}
