import { createHash } from 'node:crypto'
import { STATUS_CODES, type OutgoingHttpHeaders } from 'node:http'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Injectable } from '../helpers/browser.ts'
import { masks, type Masks } from './masks.ts'

/** An answer of the service, however it came. */
export interface Answered {
  status: number
  headers: OutgoingHttpHeaders
  body: string
}

/** A request to the service as it is shown. */
export interface Asked {
  method: string
  url: string
  /** Whole lines, as one may come twice. */
  headers: string[]
  body: string
}

/** Writes down what goes in and comes out, in the order it happens. */
export interface Recorder {
  masks: Masks
  /** A heading over the exchanges that follow. */
  chapter (title: string): void
  /** Text of its own below the last exchange. */
  note (text: string): void
  exchange (asked: Asked, answered: Answered): void
  /** An app whose exchanges are written down; `after` each of them comes what else happened. */
  listening (app: Injectable, after?: () => void): Injectable
  /** From now on answers are shown without their bodies, as other tests say what is in them. */
  leaveOutBodies (): void
  text (): string
}

export function recorder (title: string): Recorder {
  const parts = [`# ${title}`]
  const known = masks()
  const lengths = new Map<string, number>()
  let showsBodies = true

  function exchange ({ method, url, headers, body }: Asked, answered: Answered): void {
    const tokens = learn(known, answered)
    if (method === 'GET') lengths.set(url, Buffer.byteLength(answered.body))
    const lengthOfGet = method === 'HEAD' ? lengths.get(url) : undefined
    const lines = [
      `> ${method} ${shortened(url)}`,
      ...headers.map(line => `> ${shortened(line)}`),
      ...(body === '' ? [] : ['', shortened(body), '']),
      `< ${answered.status} ${STATUS_CODES[answered.status]}`,
      ...linesOf(withNames(answered, lengthOfGet)).map(line => `< ${line}`),
      ...(answered.body === '' ? [] : ['', showsBodies ? shownBody(answered) : '(a body)']),
      ...tokens.flatMap(token => ['', shownToken(token)])
    ]
    // What we call them is sorted, not what they are.
    parts.push(sorted(known.apply(lines.join('\n'))))
  }

  return {
    masks: known,
    chapter: heading => { parts.push(`## ${heading}`) },
    note: text => { parts.push(known.apply(text)) },
    exchange,
    leaveOutBodies: () => { showsBodies = false },
    listening: (app, after = () => {}) => ({
      async inject (request: InjectOptions): Promise<LightMyRequestResponse> {
        const response = await app.inject(request)
        const { statusCode: status, headers, body } = response
        const { method = 'GET', url, headers: sent = {}, payload = '' } = request
        const asked = {
          method,
          url: String(url),
          headers: linesOf(sent as OutgoingHttpHeaders),
          body: typeof payload === 'string' ? payload : JSON.stringify(payload)
        }
        exchange(asked, { status, headers, body })
        after()
        return response
      }
    }),
    text: () => parts.join('\n\n') + '\n'
  }
}

const linesOf = (headers: OutgoingHttpHeaders): string[] => Object.entries(headers).flatMap(([name, value]) =>
  [value].flat().map(each => shortened(`${name}: ${String(each)}`)))

/** Headers mean the same in any order; so do cookies that are set. */
function sorted (exchange: string): string {
  const lines = exchange.split('\n')
  const from = lines.findIndex(line => line.startsWith('< ')) + 1
  const end = lines.findIndex((line, index) => index >= from && !line.startsWith('< '))
  const headers = lines.slice(from, end < 0 ? lines.length : end)
  return [...lines.slice(0, from), ...headers.sort(), ...lines.slice(from + headers.length)].join('\n')
}

/** Finds in an answer what another run will have otherwise. Gives back the access tokens that are new. */
function learn (known: Masks, { headers, body }: Answered): string[] {
  const tokens: string[] = []
  const { location } = headers
  if (location !== undefined) {
    const { searchParams } = new URL(String(location), 'http://localhost')
    for (const [name, value] of searchParams) learnParameter(known, name, value)
  }
  for (const line of [headers['set-cookie'] ?? []].flat().map(String)) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const [, flow] = /handstamp-flow-(.+)$/.exec(name) ?? []
    if (flow !== undefined) {
      known.number('flow', flow)
      known.number('sealed-flow', value)
    } else if (name.endsWith('handstamp-refresh')) known.number('refresh-token', value)
    else if (known.number('access-token', value)) tokens.push(value)
  }
  for (const [, name = '', value = ''] of body.matchAll(/"(\w+)":"([^"]*)"/g)) {
    if (name === 'access_token' && known.number('access-token', value)) tokens.push(value)
    if (name === 'request_id' && value.length === 12) known.hide('request-id', value)
    if (name === 'id' && value.length > 20) known.number('session', value)
    if (name === 'kid') known.number('kid', value)
    if (name === 'x' || name === 'y' || name === 'n') known.hide(`public-key-${name}`, value)
  }
  const isList = typeOf(headers).startsWith('application/statuslist')
  if (isList && known.number('status-list', body)) tokens.push(body)
  const style = styleDigestOf(body)
  if (String(headers['content-security-policy']).includes(style)) known.hide('digest-of-the-style', style)
  for (const [, id = ''] of body.matchAll(/ · ([\w-]{12})<\/small>/g)) known.hide('request-id', id)
  for (const token of tokens) {
    const { kid = '', sid = '', jti = '' } = Object.assign({}, ...membersOf(token)) as Record<string, string>
    known.number('kid', kid)
    known.number('session', sid)
    known.hide('jti', jti)
  }
  return tokens
}

function learnParameter (known: Masks, name: string, value: string): void {
  if (name === 'state') {
    known.number('state', value)
    known.number('flow', value.slice(0, 16))
  }
  if (name === 'nonce') known.number('nonce', value)
  if (name === 'code_challenge') known.hide('code-challenge', value)
  if (name === 'code' && value.length > 40) known.hide('sealed-code', value)
  if (name === 'answer') known.hide('sealed-answer', value)
}

/** Headers that say something about the moment or the body, in words. */
function withNames ({ status, headers, body }: Answered, lengthOfGet?: number): OutgoingHttpHeaders {
  const { date, etag, 'content-length': length, 'retry-after': wait } = headers
  const isPage = typeOf(headers).startsWith('text/html')
  const isRateLimited = status === 429 && Number(wait) >= 1 && Number(wait) <= 60
  return {
    ...headers,
    ...(date !== undefined && !Number.isNaN(Date.parse(String(date))) && { date: '<date>' }),
    ...(etag !== undefined && { etag: String(etag).replace(/^"[\w-]{22}"$/, '"<etag>"') }),
    ...(Number(length) > 0 && { 'content-length': lengthInWords(Number(length), body, lengthOfGet, isPage) }),
    ...(isRateLimited && { 'retry-after': '<seconds of the minute that are left>' })
  }
}

/** A length that is as it must be is no news when a text changes. */
function lengthInWords (
  length: number, body: string, lengthOfGet: number | undefined, isPage: boolean
): string {
  if (length === Buffer.byteLength(body)) return '<of the body>'
  if (length === lengthOfGet) return '<of the body of GET>'
  return isPage && body === '' && lengthOfGet === undefined ? '<of a page>' : String(length)
}

const typeOf = (headers: OutgoingHttpHeaders): string => String(headers['content-type'] ?? '')
const styleOf = (page: string): string => /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? ''
const styleDigestOf = (page: string): string =>
  `sha256-${createHash('sha256').update(styleOf(page)).digest('base64')}`

/** JSON with its members in their order, each on a line; pages without their style, which pages.txt shows. */
function shownBody ({ headers, body }: Answered): string {
  const isJson = /\bjson\b/.test(typeOf(headers)) && isCompactJson(body)
  if (isJson) return JSON.stringify(JSON.parse(body), null, 2)
  return shortened(body.replace(/<style>.*?<\/style>/s, '<style>(as in pages.txt)</style>'))
}

function isCompactJson (body: string): boolean {
  try {
    return JSON.stringify(JSON.parse(body)) === body
  } catch {
    return false
  }
}

/** What fills a request up to a limit: how often it comes says enough. */
const shortened = (text: string): string =>
  text.replace(/(\w&?)\1{99,}/g, (run, piece: string) => `<${run.length / piece.length} times ${piece}>`)

/** Header and claims. */
const membersOf = (token: string): Array<Record<string, unknown>> => token.split('.').slice(0, 2)
  .map(part => JSON.parse(String(Buffer.from(part, 'base64url'))) as Record<string, unknown>)

/** What the service says in a token. A session's place in a status list is drawn by lot. */
function shownToken (token: string): string {
  const [header, claims] = membersOf(token)
  const shown = JSON.stringify(claims, null, 2)
    .replace(/"idx": \d+/, '"idx": <place>')
    .replace(/"lst": "[^"]*"/, '"lst": <bits>')
  return `${token} =\n${JSON.stringify(header)}\n${shown}`
}
