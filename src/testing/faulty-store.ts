import type { Closing, Listing, Store, Sweeping, UserIndex } from '../contract/store.ts'

/** A method of a store or of one of its abilities. */
export type StoreOperation = Exclude<keyof (Store & Sweeping & Listing & UserIndex & Closing), 'name'>

/** One call that reached a faulty store. */
export interface StoreCall {
  readonly operation: StoreOperation
  /** The key; of `keysOf` the user id; undefined for `sweep`, `list`, `count` and `close`. */
  readonly key: string | undefined
}

/** Which calls a fault befalls. Default: every call of the operation until `clear`. */
export interface FaultOptions {
  /** Only the next so many of them. */
  readonly times?: number
  /** Only those for which this is true. */
  readonly when?: (call: StoreCall) => boolean
  /** Whether the store does its work first: `false` (default) befalls the request, `true` the answer. */
  readonly applied?: boolean
}

/** Which calls fail, and with what. */
export interface FailureOptions extends Omit<FaultOptions, 'applied'> {
  /** Default: an error that says that it was programmed. */
  readonly error?: Error
}

/** Calls that wait until they are let go. */
export interface HeldCalls {
  /** Resolves when the first call has arrived. */
  readonly reached: Promise<void>
  /** Lets the waiting calls go on, and those that come later pass. */
  release(): void
}

/**
 * What can go wrong with a store, to be programmed in a test. `operation` is a method's name, or `'*'` for all.
 *
 * Several faults for one call happen one after the other, in the order in which they were programmed.
 */
export interface StoreFaults {
  /** The call fails before the store has done anything. */
  fail(operation: StoreOperation | '*', options?: FailureOptions): void
  /** The store does its work, but the answer is lost on the way: the call fails. */
  loseReply(operation: StoreOperation | '*', options?: FailureOptions): void
  /** The call never settles, not even when its signal is aborted. */
  hang(operation: StoreOperation | '*', options?: FaultOptions): void
  /** The call takes so many ms longer. */
  delay(operation: StoreOperation | '*', ms: number, options?: FaultOptions): void
  /** The call waits to be released: two requests can be interleaved exactly, without timers. */
  hold(operation: StoreOperation | '*', options?: FaultOptions): HeldCalls
  /** Ends all faults for later calls; calls that wait or hang already go on doing so. */
  clear(): void
}

/** A store with the same abilities whose calls are recorded and can be made to fail. */
export type FaultyStore<Wrapped extends Store> = Wrapped & {
  readonly faults: StoreFaults
  /** Every call in the order of arrival, failed ones included. Empty it with `calls.length = 0`. */
  readonly calls: StoreCall[]
}

interface Fault extends FaultOptions {
  readonly operation: StoreOperation | '*'
  left: number
  happen(): Promise<void>
}

const operations: Record<StoreOperation, { readonly keyed: boolean }> = {
  read: { keyed: true },
  create: { keyed: true },
  replace: { keyed: true },
  touch: { keyed: true },
  delete: { keyed: true },
  keysOf: { keyed: true },
  sweep: { keyed: false },
  list: { keyed: false },
  count: { keyed: false },
  close: { keyed: false },
}

/**
 * Wraps a store so that a test can make its calls fail, hang, wait or lose their answers, and count them.
 *
 * @example
 * ```ts
 * import { faultyStore, memoryStore } from 'coatcheck/testing'
 *
 * const store = faultyStore(memoryStore())
 * store.faults.loseReply('replace', { times: 1 })
 * store.faults.fail('read', { error: new Error('connection reset'), when: ({ key }) => key === 'the-one-that-fails' })
 * await store.read('a-key-that-is-there')
 * console.log(store.calls) // [{ operation: 'read', key: 'a-key-that-is-there' }]
 * store.faults.clear()
 * ```
 */
export function faultyStore<Wrapped extends Store>(store: Wrapped): FaultyStore<Wrapped> {
  const calls: StoreCall[] = []
  let active: Fault[] = []

  function add(operation: StoreOperation | '*', options: FaultOptions, happen: () => Promise<void>): void {
    active.push({ ...options, operation, left: options.times ?? Number.POSITIVE_INFINITY, happen })
  }

  function faultsOf(call: StoreCall): Fault[] {
    const matching = active.filter(
      ({ operation, left, when }) =>
        (operation === '*' || operation === call.operation) && left > 0 && (when?.(call) ?? true),
    )
    for (const fault of matching) fault.left--
    return matching
  }

  async function perform(call: StoreCall, work: () => Promise<unknown>): Promise<unknown> {
    calls.push(call)
    const faults = faultsOf(call)
    for (const fault of faults) if (fault.applied !== true) await fault.happen()
    const answer = await work()
    for (const fault of faults) if (fault.applied === true) await fault.happen()
    return answer
  }

  const wrapped: Record<string, unknown> = {}
  for (const [operation, { keyed }] of Object.entries(operations)) {
    const method: unknown = Reflect.get(store, operation)
    if (typeof method !== 'function') continue
    wrapped[operation] = (...given: unknown[]) => {
      const key = keyed ? String(given[0]) : undefined
      return perform({ operation: operation as StoreOperation, key }, async () => Reflect.apply(method, store, given))
    }
  }

  const faults: StoreFaults = {
    fail(operation, { error = new Error('a programmed fault: the store failed'), ...options } = {}) {
      add(operation, options, () => Promise.reject(error))
    },
    loseReply(
      operation,
      { error = new Error('a programmed fault: the answer of the store was lost'), ...options } = {},
    ) {
      add(operation, { ...options, applied: true }, () => Promise.reject(error))
    },
    hang(operation, options = {}) {
      add(operation, options, () => new Promise(() => undefined))
    },
    delay(operation, ms, options = {}) {
      add(operation, options, () => new Promise((resolve) => setTimeout(resolve, ms)))
    },
    hold(operation, options = {}) {
      const arrival = signal()
      const gate = signal()
      add(operation, options, () => {
        arrival.give()
        return gate.given
      })
      return { reached: arrival.given, release: gate.give }
    },
    clear() {
      active = []
    },
  }

  return { ...store, name: store.name, ...wrapped, faults, calls }
}

/** Something that happens once and can be waited for. */
function signal(): { readonly given: Promise<void>; give(): void } {
  let give: () => void = () => undefined
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}
