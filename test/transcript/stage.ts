import type { Environment } from '../../src/env/environment.ts'
import { buildTestApp, type Teardown, type TestApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import type { FakeProvider } from '../helpers/fake-provider.ts'
import type { RogueProvider } from '../helpers/rogue-provider.ts'
import type { Recorder } from './recorder.ts'

/** One flow, as it is played: what it needs is closed when the test ends. */
export type Play = (t: Teardown, record: Recorder) => Promise<void>

type Method = 'GET' | 'POST' | 'HEAD' | 'DELETE' | 'OPTIONS' | 'PUT'

/** The service with a clock that moves by travels alone; what it is asked and answers is written down. */
export interface Stage extends TestApp {
  /** Another browser. */
  browser (): Browser
  /** A request of a program, with the headers that are named and no more. */
  ask (method: Method, url: string, headers?: Record<string, string>, payload?: string): Promise<void>
}

/** 2026-01-01T00:00:00Z */
const startedAt = Date.UTC(2026, 0, 1)

/** `after` is called below each exchange. */
export async function stage (
  t: Teardown, record: Recorder, env: Environment = {}, after?: () => void
): Promise<Stage> {
  let traveled = 0
  const clock = () => startedAt + traveled * 1000
  const built = await buildTestApp(t, env, {}, { clock })
  const app = record.listening(built.app, after)
  return {
    ...built,
    travel: seconds => { traveled += seconds },
    browser: () => new Browser(app, built.url),
    async ask (method, url, headers = {}, payload) {
      await app.inject({ method, url, headers, ...(payload !== undefined && { payload }) })
    }
  }
}

const ofTransport = new Set(['host', 'connection', 'content-length'])

/** Writes down what a provider is asked, below the exchange that it is asked for. */
function asked (record: Recorder, line: string, headers: object, form = new URLSearchParams()): void {
  record.masks.hide('code-verifier', form.get('code_verifier') ?? '')
  const sent = Object.entries(headers).filter(([name]) => !ofTransport.has(name))
  const lines = sent.map(([name, value]) => `  ${name}: ${String(value)}`).sort()
  const body = form.size > 0 ? ['', `  ${form.toString()}`] : []
  record.note([`  the provider is asked: ${line}`, ...lines, ...body].join('\n'))
}

/** The service with the rogue provider beside it. Both clocks move together. */
export async function rogueStage (
  t: Teardown, record: Recorder, rogue: RogueProvider, env: Environment = {}
): Promise<Stage> {
  nameHost(record, rogue.issuer)
  let [told, forms] = [0, 0]
  const built = await stage(t, record, { ...rogue.env, ...env }, () => {
    for (; told < rogue.requests.length; told++) {
      const path = String(rogue.requests[told])
      const form = path === '/token' ? rogue.tokenForms[forms++] : undefined
      asked(record, path, rogue.headers[told] ?? {}, form)
    }
  })
  rogue.travel(Math.round((startedAt - Date.now()) / 1000))
  return {
    ...built,
    travel (seconds) {
      built.travel(seconds)
      rogue.travel(seconds)
    }
  }
}

/** The service with a fake provider beside it. */
export async function fakeStage (
  t: Teardown, record: Recorder, fake: FakeProvider, env: Environment
): Promise<Stage> {
  nameHost(record, fake.url)
  let told = 0
  return stage(t, record, env, () => {
    for (const { method, path, query, headers, form } of fake.requests.slice(told)) {
      const { authorization = '' } = headers
      for (const name of ['nonce', 'signature']) {
        const [, value = ''] = new RegExp(`oauth_${name}="([^"]*)"`).exec(authorization) ?? []
        record.masks.hide(`oauth-${name}`, value)
      }
      const [, state = ''] = /%3Fstate%3D([\w-]+)/.exec(authorization) ?? []
      record.masks.number('state', state)
      record.masks.hide('appsecret-proof', query.get('appsecret_proof') ?? '')
      asked(record, `${method} ${path}${query.size > 0 ? `?${query.toString()}` : ''}`, headers, form)
    }
    told = fake.requests.length
  })
}

/** A provider listens on another port each time. */
function nameHost (record: Recorder, url: string): void {
  const { host } = new URL(url)
  record.masks.hide('provider', host)
  record.masks.hide('provider', encodeURIComponent(host))
}
