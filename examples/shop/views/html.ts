/** Markup that is safe to send as it is. Only the tag `html` makes it. */
export class Html {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

/** What a template may contain. `false`, null and undefined leave nothing behind. */
export type Content = Html | string | number | false | null | undefined | readonly Content[]

/**
 * A template whose every value is escaped, unless it is `Html` itself: forgetting to escape is not possible. Safe for
 * text and for attributes in double quotes.
 */
export function html(parts: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(parts.map((part, at) => part + render(values[at])).join(''))
}

function render(value: Content): string {
  if (value === false || value === null || value === undefined) return ''
  if (value instanceof Html) return value.toString()
  if (typeof value === 'object') return value.map(render).join('')
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
