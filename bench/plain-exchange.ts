import type { Exchange } from 'coatcheck'

/** A request and its response as plain objects: headers in, headers out, no server around them. */
export class PlainExchange implements Exchange {
  readonly method = 'GET'
  readonly secure = true
  readonly headersSent = false
  readonly response: Record<string, string> = {}
  readonly #request: Readonly<Record<string, string>>

  constructor(request: Readonly<Record<string, string>>) {
    this.#request = request
  }

  header(name: string): string | null {
    return this.#request[name] ?? null
  }

  url(): string {
    return '/'
  }

  responseHeader(name: string): string | null {
    return this.response[name] ?? null
  }

  setHeader(name: string, value: string): void {
    this.response[name] = value
  }

  append(name: string, value: string): void {
    this.response[name] = value
  }
}
