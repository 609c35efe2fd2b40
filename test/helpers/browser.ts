import type { InjectOptions, LightMyRequestResponse } from 'fastify'

export interface Page {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  /** The address that gave this answer. */
  url: string
  json (): any
}

interface Options {
  method?: 'GET' | 'POST' | 'HEAD' | 'DELETE' | 'OPTIONS' | 'PUT'
  headers?: Record<string, string>
  /** Sent as a form. */
  form?: Record<string, string>
  /** Sent as JSON. */
  json?: unknown
}

/** What takes a request without a network: an app, or what listens in front of it. */
export interface Injectable {
  inject (request: InjectOptions): Promise<LightMyRequestResponse>
}

/**
 * As much of a browser as a login needs: a cookie jar, redirects that are followed when asked, forms. Requests to the
 * app's PUBLIC_URL go in by `inject`, all others over the network: without an app, all.
 */
export class Browser {
  readonly #app: Injectable | undefined
  readonly #home: string
  readonly #fetch: typeof fetch
  readonly #jars = new Map<string, Map<string, string>>()

  constructor (app: Injectable | undefined, home: string, network = fetch) {
    this.#app = app
    this.#home = home
    this.#fetch = network
  }

  /** Cookies that would be sent home. */
  get cookies (): Map<string, string> {
    return this.#jar(this.#home)
  }

  async visit (address: string, { method = 'GET', headers = {}, form, json }: Options = {}): Promise<Page> {
    const url = new URL(address, this.#home)
    const jar = this.#jar(url.origin)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const body = form ? new URLSearchParams(form).toString() : json === undefined ? undefined : JSON.stringify(json)
    const sent: Record<string, string> = {
      accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
      ...(cookie && { cookie }),
      ...(form && { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin }),
      ...(json !== undefined && { 'content-type': 'application/json', origin: url.origin }),
      ...headers
    }
    const page = this.#app && url.origin === this.#home
      ? fromInject(await this.#app.inject({ method, url: url.pathname + url.search, headers: sent, ...(body !== undefined && { payload: body }) }), url.href)
      : await fromFetch(await this.#fetch(url, { method, headers: sent, redirect: 'manual', ...(body !== undefined && { body }) }), url.href)
    for (const line of [page.headers['set-cookie'] ?? []].flat()) this.#keep(jar, line)
    return page
  }

  /** Visits and follows redirects to the end, or to the first answer whose Location `until` accepts. */
  async follow (address: string, options: Options = {}, until: (location: string) => boolean = () => false): Promise<Page> {
    let page = await this.visit(address, options)
    for (let hops = 0; hops < 15 && page.status >= 300 && page.status < 400; hops++) {
      const location = new URL(String(page.headers['location']), page.url).href
      if (until(location)) return page
      page = await this.visit(location, { headers: options.headers ?? {} })
    }
    return page
  }

  /** Sends the first form of a page with these fields over its own hidden ones. */
  async submit (page: Page, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    const [[, action = page.url] = []] = page.body.matchAll(/<form[^>]*action="([^"]*)"/g)
    const hidden = [...page.body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)]
      .map(([, name = '', value = '']) => [name, unescapeHtml(value)] as const)
    return this.visit(new URL(unescapeHtml(action), page.url).href, { method: 'POST', form: { ...Object.fromEntries(hidden), ...fields }, headers })
  }

  #jar (origin: string): Map<string, string> {
    const jar = this.#jars.get(origin) ?? new Map<string, string>()
    this.#jars.set(origin, jar)
    return jar
  }

  #keep (jar: Map<string, string>, line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    const over = attributes.some(attribute => /^(max-age=0$|expires=Thu, 01 Jan 1970)/i.test(attribute))
    if (over) jar.delete(name)
    else jar.set(name, value)
  }
}

export const unescapeHtml = (text: string): string =>
  text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&amp;/g, '&')

function fromInject (response: LightMyRequestResponse, url: string): Page {
  return { status: response.statusCode, headers: response.headers as Page['headers'], body: response.body, url, json: () => response.json() }
}

async function fromFetch (response: Response, url: string): Promise<Page> {
  const body = await response.text()
  const headers: Page['headers'] = Object.fromEntries(response.headers)
  headers['set-cookie'] = response.headers.getSetCookie()
  return { status: response.status, headers, body, url, json: () => JSON.parse(body) }
}

/** Signs in through the provider `dev` and gives back the answer of the callback. */
export async function devSignIn (
  browser: Browser,
  email = 'ada@example.com',
  { returnTo, headers = {} }: { returnTo?: string, headers?: Record<string, string> } = {}
): Promise<Page> {
  const start = await browser.visit(`/auth/dev${returnTo === undefined ? '' : `?return_to=${encodeURIComponent(returnTo)}`}`)
  const page = await browser.visit(String(start.headers['location']))
  const answer = await browser.submit(page, { email, name: 'Ada' })
  return browser.visit(String(answer.headers['location']), { headers })
}
