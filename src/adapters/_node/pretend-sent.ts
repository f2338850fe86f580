import type { PatchableResponse } from './response.ts'

/** Makes a response look as if its header had been sent, as it would have been without the wait. */
export function pretendSent(res: PatchableResponse): PretendedResponse {
  return new PretendedResponse(res)
}

/**
 * A response that looks begun.
 *
 * With plain properties, removed in the reverse order, so that V8 finds the same hidden classes in every response: an
 * accessor of its own for each, or a property removed from the middle, made a request three times as expensive.
 */
export class PretendedResponse {
  readonly #res: object
  readonly #names: readonly string[]
  /** What the response had of its own under these names; most have nothing. */
  readonly #own: ReadonlyArray<PropertyDescriptor | undefined>

  constructor(res: PatchableResponse) {
    this.#res = res
    this.#names = '_implicitHeader' in res ? namesInHttp1 : namesInHttp2
    this.#own = this.#names.map((name) => Object.getOwnPropertyDescriptor(res, name))
    for (const name of this.#names) override(res, name, overrides[name])
  }

  /** Looks ended as well. */
  end(): void {
    override(this.#res, 'writableEnded', true)
    override(this.#res, 'finished', true)
    override(this.#res, 'writableNeedDrain', false)
  }

  /** Asks the writer to pause. */
  needDrain(): void {
    override(this.#res, 'writableNeedDrain', true)
  }

  /** Looks as it is again. */
  restore(): void {
    for (let index = this.#names.length - 1; index >= 0; index--) {
      const own = this.#own[index]
      const name = this.#names[index] ?? ''
      if (own === undefined) Reflect.deleteProperty(this.#res, name)
      else Object.defineProperty(this.#res, name, own)
    }
  }
}

const overrides: Readonly<Record<string, unknown>> = {
  headersSent: true,
  writableEnded: false,
  finished: false,
  writableNeedDrain: false,
  setHeader: () => refuse('set'),
  appendHeader: () => refuse('append'),
  removeHeader: () => refuse('remove'),
  // Wrappers of `write` and `end` call this when they find no header yet; it is on its way.
  _implicitHeader: () => undefined,
}

const namesInHttp1 = Object.keys(overrides)
const namesInHttp2 = namesInHttp1.filter((name) => name !== '_implicitHeader')

/** Assigning would call the setter of the prototype, where there is one. */
function override(res: object, name: string, value: unknown): void {
  Object.defineProperty(res, name, { value, writable: true, enumerable: false, configurable: true })
}

/** What Node throws for a header that comes too late. */
export function headersSent(action: string): Error {
  const error = new Error(`Cannot ${action} headers after they are sent to the client`)
  return Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' })
}

function refuse(action: string): never {
  throw headersSent(action)
}
