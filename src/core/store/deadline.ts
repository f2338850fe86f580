import type { Eventually, Listing, ListPage, Store, StoreCallOptions, UserIndex } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'

/** A call that has not been answered. Its signal exists only if the store asks for it: making one costs a microsecond. */
class Call implements StoreCallOptions {
  readonly operation: string
  due = 0
  fail: ((error: SessionError) => void) | null = null
  previous: Call | null = null
  next: Call | null = null
  #controller: AbortController | null = null

  constructor(operation: string) {
    this.operation = operation
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  abort(error: SessionError): void {
    this.#controller?.abort(error)
    this.fail?.(error)
  }
}

/** Longer timers fire at once: their delay is a signed 32-bit number of ms. */
const longestTimer = 2 ** 31 - 1

const left = new WeakMap<SessionError, number>()

/** How much of its time a call had left when it failed, in ms. A request is promised an answer within that time. */
export function timeLeft(error: SessionError): number {
  return left.get(error) ?? 0
}

/** What became of a failed call. */
export type FaultListener = (operation: string, error: SessionError) => void

/**
 * Puts a deadline on store calls and turns what they throw into `STORE_FAILED` and `STORE_TIMEOUT`.
 *
 * All calls have the same time, so those under way form a queue by deadline, which one timer serves.
 */
export class Guard {
  readonly #storeName: string
  readonly #timeoutMs: number
  readonly #onFault: FaultListener
  #first: Call | null = null
  #last: Call | null = null
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(storeName: string, timeoutMs: number, onFault: FaultListener) {
    this.#storeName = storeName
    this.#timeoutMs = Math.min(timeoutMs, longestTimer)
    this.#onFault = onFault
  }

  /** The store's answer, at once if the store has it at hand. */
  call<Result>(operation: string, start: (options: StoreCallOptions) => Eventually<Result>): Eventually<Result> {
    const call = new Call(operation)
    try {
      const answer = start(call)
      return isThenable(answer) ? this.#wait(call, answer) : answer
    } catch (cause) {
      return Promise.reject(this.#failure(operation, cause, this.#timeoutMs))
    }
  }

  #wait<Result>(call: Call, answer: PromiseLike<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      call.due = performance.now() + this.#timeoutMs
      call.fail = reject
      this.#enter(call)
      answer.then(
        (result) => {
          // Too late: the caller has got STORE_TIMEOUT, so the outcome counts as unknown.
          if (this.#leave(call)) resolve(result)
        },
        (cause) => {
          if (this.#leave(call)) reject(this.#failure(call.operation, cause, call.due - performance.now()))
        },
      )
    })
  }

  #failure(operation: string, cause: unknown, msLeft: number): SessionError {
    const error = new SessionError(
      'STORE_FAILED',
      `The store "${this.#storeName}" failed to ${operation}: the cause says why.`,
      { cause },
    )
    left.set(error, msLeft)
    this.#onFault(operation, error)
    return error
  }

  #enter(call: Call): void {
    call.previous = this.#last
    if (this.#last === null) this.#first = call
    else this.#last.next = call
    this.#last = call
    if (this.#timer === null) this.#timer = setTimeout(this.#expire, this.#timeoutMs)
    else if (this.#first === call) hold(this.#timer)
  }

  /** False if the call had left before. */
  #leave(call: Call): boolean {
    if (call.previous === null && this.#first !== call) return false
    if (call.previous === null) this.#first = call.next
    else call.previous.next = call.next
    if (call.next === null) this.#last = call.previous
    else call.next.previous = call.previous
    call.previous = call.next = null
    // An idle timer must not keep the process alive; clearing it would cost more than it is worth.
    if (this.#first === null && this.#timer !== null) release(this.#timer)
    return true
  }

  readonly #expire = (): void => {
    this.#timer = null
    const now = performance.now()
    while (this.#first !== null && this.#first.due <= now) {
      const call = this.#first
      this.#leave(call)
      const error = new SessionError(
        'STORE_TIMEOUT',
        `The store "${this.#storeName}" did not ${call.operation} within ${this.#timeoutMs} ms (storeTimeout).`,
      )
      this.#onFault(call.operation, error)
      call.abort(error)
    }
    if (this.#first !== null) this.#timer = setTimeout(this.#expire, Math.ceil(this.#first.due - now))
  }
}

/** Promises of other libraries and realms too. */
function isThenable<Result>(answer: Eventually<Result>): answer is Promise<Result> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function'
}

// Timers are numbers outside of Node, where nothing waits for them either.
type Holdable = { ref?(): void; unref?(): void }

function hold(timer: unknown): void {
  ;(timer as Holdable).ref?.()
}

function release(timer: unknown): void {
  ;(timer as Holdable).unref?.()
}

/** The five operations of a store, each under the guard. */
export function guardStore(store: Store, guard: Guard): Store {
  return {
    name: store.name,
    read: (key) => guard.call('read', (options) => store.read(key, options)),
    create: (key, record) => guard.call('create', (options) => store.create(key, record, options)),
    replace: (key, record, version) => guard.call('replace', (options) => store.replace(key, record, version, options)),
    touch: (key, expiresAt, version) => guard.call('touch', (options) => store.touch(key, expiresAt, version, options)),
    delete: (key) => guard.call('delete', (options) => store.delete(key, options)),
  }
}

/** A listing, its calls under the guard. */
export function guardListing(listing: Listing, guard: Guard): Listing {
  return {
    list: async (query): Promise<ListPage> => guard.call('list', (options) => listing.list(signalled(query, options))),
    count: async () => guard.call('count', (options) => listing.count(options)),
  }
}

/** A user index, its calls under the guard. */
export function guardUserIndex(index: UserIndex, guard: Guard): UserIndex {
  return { keysOf: async (userId) => guard.call('keysOf', (options) => index.keysOf(userId, options)) }
}

function signalled<Query extends object>(query: Query, options: StoreCallOptions): Query & StoreCallOptions {
  return options.signal === undefined ? query : { ...query, signal: options.signal }
}
