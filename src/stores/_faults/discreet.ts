import type { Store } from '../../contract/store.ts'
import { cleaned } from './cleaned.ts'

/**
 * The store, with errors that show no key, payload or user id, whatever its client puts into them: the row that was
 * refused (`pg`), the parameters (`postgres`, PGlite), the command with its arguments (`ioredis`), the value that is there
 * already (`mongodb`, `mysql2`), the id of the document (`couchbase`).
 *
 * Of an error stay its class, its numbers, flags and short texts, with what was sent in them hidden, and its causes. An
 * object in a property may hold anything and goes.
 */
export function discreet<Kind extends Store>(store: Kind): Kind {
  return cleaned(store, (error, sent) => clean(error, hiding(sent), deepest))
}

/** Texts that quote a row, the parameters or an id, of a record perhaps that the operation did not name. */
const quoting: ReadonlySet<unknown> = new Set(['detail', 'where', 'id', 'key'])
/** Causes further down go: an error may be its own cause. */
const deepest = 8
/** Shorter texts would be found in half of all messages. A key has at least 16 characters. */
const leastHidden = 8
/** Servers cut what they quote, so a beginning is enough to know it by. */
const beginning = 16

type Hide = (text: string) => string

interface ErrorLike {
  readonly message: string
  readonly stack?: unknown
}

function clean(error: unknown, hide: Hide, depth: number): unknown {
  if (!isErrorLike(error)) return error
  const stack = typeof error.stack === 'string' ? hide(error.stack) : error.stack
  let isClean = stack === error.stack
  const kept: PropertyDescriptorMap = {}
  for (const name of Reflect.ownKeys(error)) {
    const descriptor = Object.getOwnPropertyDescriptor(error, name)
    // A stack is a value or is computed, as the engine likes.
    if (name === 'stack' || descriptor === undefined || !('value' in descriptor)) continue
    const value = cleanProperty(name, descriptor.value, hide, depth - 1)
    if (value !== descriptor.value) isClean = false
    if (value !== undefined) kept[name as string] = { ...descriptor, value }
  }
  if (isClean) return error
  const copy = Object.setPrototypeOf(new Error(''), Reflect.getPrototypeOf(error)) as Error
  Object.defineProperties(copy, kept)
  return Object.defineProperty(copy, 'stack', { value: stack, configurable: true, writable: true })
}

/** Undefined for what may not stay. */
function cleanProperty(name: string | symbol, value: unknown, hide: Hide, depth: number): unknown {
  if (typeof value === 'string') return quoting.has(name) ? undefined : hide(value)
  // The labels of an error of MongoDB, which its methods look at.
  if (typeof value !== 'object' || value === null || value instanceof Set) return value
  if (depth === 0) return undefined
  if (!Array.isArray(value)) return isErrorLike(value) ? clean(value, hide, depth) : undefined
  if (!value.every(isErrorLike)) return undefined
  // Those of an `AggregateError`.
  const errors = value.map((each) => clean(each, hide, depth))
  return errors.some((each, index) => each !== value[index]) ? errors : value
}

/** By its message: some come from another realm. */
function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
}

function hiding(sent: readonly string[]): Hide {
  const forms = sent.flatMap((text) => [text, JSON.stringify(text).slice(1, -1)])
  const secrets = [...new Set(forms)].filter((text) => text.length >= leastHidden)
  return (text) => secrets.reduce(hidden, text)
}

/** The text without the secret or a beginning of it. */
function hidden(text: string, secret: string): string {
  const head = secret.slice(0, beginning)
  let rest = text
  let shown = ''
  for (let at = rest.indexOf(head); at >= 0; at = rest.indexOf(head)) {
    let length = head.length
    while (length < secret.length && rest[at + length] === secret[length]) length++
    shown += `${rest.slice(0, at)}***`
    rest = rest.slice(at + length)
  }
  return shown + rest
}
