import { html } from './html.ts'
import { page } from './layout.ts'

/** One operation of the API description. */
export interface Operation {
  method: string
  path: string
  tag: string
  summary: string
  description?: string
  /** status -> what it means */
  answers: Array<[status: string, meaning: string]>
}

/** The API description, to read. */
export function apiPage (operations: Operation[]): string {
  const tags = [...new Set(operations.map(({ tag }) => tag))]
  return page('The API', html`<p>The same as <a href="/auth/openapi.yaml">openapi.yaml</a> and <a href="/auth/openapi.json">openapi.json</a>.</p>
${tags.map(tag => html`<h2>${tag}</h2>
${operations.filter(operation => operation.tag === tag).map(({ method, path, summary, description, answers }) => html`<h3><code>${method} ${path}</code></h3>
<p>${summary}.${description && ` ${description}`}</p>
<dl>${answers.map(([status, meaning]) => html`<dt>${status}</dt><dd>${meaning}</dd>`)}</dl>
`)}`)}`)
}
