/** Text that is markup already. Everything else that enters a template is escaped. */
export class Markup {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

const rendered = (value: unknown): string => value instanceof Markup
  ? value.text
  : Array.isArray(value)
    ? value.map(rendered).join('')
    : value === undefined || value === false
      ? ''
      : String(value).replace(/[&<>"']/g, character => String(escapes[character]))

/** A template whose values are escaped for text and for quoted attributes. */
export function html (strings: TemplateStringsArray, ...values: unknown[]): Markup {
  return new Markup(strings.map((string, index) => string + rendered(values[index])).join(''))
}
