import type { Surroundings } from '../../src/app.ts'
import type { Environment } from '../../src/env/environment.ts'
import { buildTestApp, type Teardown, type TestApp } from './app.ts'
import { Browser, type Page } from './browser.ts'
import { rogueProvider, type Json, type RogueProvider } from './rogue-provider.ts'

/** An app whose provider is the rogue one, and a browser in front of it; `travel` moves both clocks. */
export interface RogueScene extends TestApp {
  rogue: RogueProvider
  browser: Browser
}

export async function rogueScene (t: Teardown, env: Environment = {}, rogue?: RogueProvider, surroundings: Surroundings = {}): Promise<RogueScene> {
  const provider = rogue ?? await rogueProvider(t)
  const built = await buildTestApp(t, { ...provider.env, SIGNING_ALG: 'ES256', ...env }, {}, surroundings) // the key that is quickest to make
  const travel = (seconds: number) => {
    built.travel(seconds)
    provider.travel(seconds)
  }
  return { ...built, travel, rogue: provider, browser: new Browser(built.app, built.url) }
}

interface Options {
  browser?: Browser
  /** What the start is asked with. */
  path?: string
  /** Claims of this login alone. */
  claims?: Json
  /** Changes to the callback's query. */
  query?: Record<string, string>
}

/** Starts a login and consents: the address that the provider sends the browser back to. */
export async function callbackOf (scene: RogueScene, options: Options = {}): Promise<string> {
  const { browser = scene.browser, path = '/auth/rogue', claims = {}, query = {} } = options
  const start = await browser.visit(path)
  const answer = scene.rogue.consent(String(start.headers['location']), claims)
  return `${path.split('?')[0]}/callback?${new URLSearchParams({ ...answer, ...query }).toString()}`
}

/** A whole login by a program: 200 with the token response, or the refusal's status and code. */
export async function login (scene: RogueScene, options: Options = {}): Promise<Page> {
  const { browser = scene.browser } = options
  return browser.visit(await callbackOf(scene, options), { headers: { accept: 'application/json' } })
}

/** The outcome of a login in a word: `ok` or the refusal's code. */
export async function outcome (scene: RogueScene, options: Options = {}): Promise<string> {
  const { status, json } = await login(scene, options)
  return status === 200 ? 'ok' : String(json().code)
}
