import type { Exchange } from '../../contract/exchange.ts'

/** The exchange of a Fetch request, whose response does not exist until the handler has returned it. */
export interface FetchExchange extends Exchange {
  /** Goes on with the handler's response, on which everything set so far is set again. */
  bind(response: Response): void
  /** The response with all headers. No header can be set after that. */
  release(): Response
}

type Change = (headers: Headers) => void

/** A Fetch request as the engine sees it. */
export function fetchExchange(request: Request): FetchExchange {
  return new RequestInFetch(request)
}

// A class, because an object literal with a getter of its own costs V8 a hidden class for each request, which also keeps
// the request alive until the next full collection.
class RequestInFetch implements FetchExchange {
  readonly #request: Request
  readonly #changes: Change[] = []
  #response: Response | null = null
  #headers: Headers | null = null
  #released = false

  constructor(request: Request) {
    this.#request = request
  }

  get method(): string {
    return this.#request.method
  }

  get secure(): boolean {
    return this.#request.url.startsWith('https:')
  }

  get headersSent(): boolean {
    return this.#released
  }

  header(name: string): string | null {
    return this.#request.headers.get(name)
  }

  url(): string {
    return this.#request.url
  }

  responseHeader(name: string): string | null {
    return this.#headers?.get(name) ?? null
  }

  setHeader(name: string, value: string): void {
    this.#record((headers) => headers.set(name, value))
  }

  append(name: string, value: string): void {
    this.#record((headers) => headers.append(name, value))
  }

  bind(response: Response): void {
    this.#response = response
    this.#headers = response.headers
    for (const change of this.#changes) this.#make(change)
  }

  release(): Response {
    this.#released = true
    const response = this.#response ?? new Response()
    if (this.#headers === null || this.#headers === response.headers) return response
    const { status, statusText, body } = response
    return new Response(body, { status, statusText, headers: this.#headers })
  }

  #record(change: Change): void {
    this.#changes.push(change)
    this.#make(change)
  }

  #make(change: Change): void {
    this.#headers = changeable(this.#response, this.#headers)
    change(this.#headers)
  }
}

/** The headers to write to: never those of a response that the application could hand out to somebody else. */
function changeable(response: Response | null, headers: Headers | null): Headers {
  if (headers === null || response === null) return headers ?? new Headers()
  // A body can be read only once, so a response that has one belongs to this request. One without may be a constant.
  if (headers !== response.headers || (response.body !== null && isMutable(headers))) return headers
  return new Headers(headers)
}

/** The headers of `fetch()` and of `Response.redirect()` are immutable. */
function isMutable(headers: Headers): boolean {
  try {
    headers.delete('x-coatcheck-probe')
    return true
  } catch {
    return false
  }
}
