import { AuthError } from '../../errors.ts'
import type { ApiAuth } from '../descriptor.ts'
import { ask, isJson, jsonOf, limits, type OutboundAnswer, type Reach } from './outbound.ts'

export type Json = Record<string, unknown>

/**
 * A provider's API as the person who signed in sees it. Paths begin with a slash and lie below the API's base address.
 * Everything is bounded as outbound.ts has it; only GETs are tried again. @throws AuthError
 */
export interface Api {
  get (path: string, query?: Record<string, string>): Promise<Json>
  /** For what answers an array of objects. */
  list (path: string, query?: Record<string, string>): Promise<Json[]>
  /** Undefined where the provider says that there is no such thing, or not for this person (404, 403). */
  find (path: string, query?: Record<string, string>): Promise<Json | undefined>
  post (path: string, form?: Record<string, string>): Promise<Json>
  /** For GraphQL and its like. */
  postJson (path: string, body: Json): Promise<Json>
  /** Whatever JSON there is. */
  document (path: string, query?: Record<string, string>): Promise<unknown>
  /** What is no JSON. */
  text (path: string, query?: Record<string, string>): Promise<string>
  /** The same API with another token. */
  as (token: string): Api
}

export interface ApiRequest {
  method: 'GET' | 'POST'
  url: URL
  form: Record<string, string>
}

/** Adds to a request what proves who calls: parameters to its URL, headers to its others. */
export type Authenticate = (request: ApiRequest) => Record<string, string>

export interface ApiOptions {
  baseUrl: string
  headers?: Record<string, string>
  reach: (url: string) => Reach
  authenticate: (token: string) => Authenticate
}

interface Call {
  query?: Record<string, string>
  form?: Record<string, string>
  /** In place of a form. */
  json?: Json
  maxBytes?: number
}

export function providerApi (options: ApiOptions, token: string): Api {
  const { baseUrl, reach, headers } = options
  const authenticate = options.authenticate(token)

  function call (method: 'GET' | 'POST', path: string, { query = {}, form = {}, json, maxBytes }: Call = {}): Promise<OutboundAnswer> {
    const url = new URL(path.startsWith('/') ? baseUrl.replace(/\/$/, '') + path : path)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const proof = authenticate({ method, url, form })
    const body = json ? JSON.stringify(json) : method === 'POST' ? new URLSearchParams(form).toString() : undefined
    const type = json ? 'application/json' : 'application/x-www-form-urlencoded'
    return ask({
      url: url.href,
      reach: reach(url.href),
      method,
      headers: { ...headers, ...(body && { 'content-type': type }), ...proof },
      ...(body !== undefined && { body }),
      ...(maxBytes !== undefined && { maxBytes })
    })
  }

  return {
    get: async (path, query = {}) => object(jsonOf(await call('GET', path, { query }))),
    post: async (path, form = {}) => object(jsonOf(await call('POST', path, { form }))),
    postJson: async (path, json) => object(jsonOf(await call('POST', path, { json }))),
    document: async (path, query = {}) => jsonOf(await call('GET', path, { query })),
    async text (path, query = {}) {
      const { status, body } = await call('GET', path, { query })
      if (status !== 200) throw new AuthError('provider_error', { cause: new Error(`status ${status}`) })
      return new TextDecoder('utf-8', { fatal: true }).decode(body)
    },
    async find (path, query = {}) {
      const answer = await call('GET', path, { query })
      return answer.status === 404 || answer.status === 403 ? undefined : object(jsonOf(answer))
    },
    async list (path, query = {}) {
      const document = jsonOf(await call('GET', path, { query, maxBytes: limits.documentBytes }))
      if (Array.isArray(document) && document.every(isJson)) return document
      throw new AuthError('provider_error', { cause: new Error('not an array of JSON objects') })
    },
    as: other => providerApi(options, other)
  }
}

function object (document: unknown): Json {
  if (isJson(document)) return document
  throw new AuthError('provider_error', { cause: new Error('not a JSON object') })
}

/** RFC 6750 section 2, and what providers made of it. */
export const bearing = (way: ApiAuth) => (token: string): Authenticate => ({ url }) => {
  const [kind, name = ''] = way.split(':', 2)
  if (kind === 'query') {
    url.searchParams.set(name, token)
    return {}
  }
  return { authorization: `${kind === 'scheme' ? name : 'Bearer'} ${token}` }
}
