import { builtin, type ContextStorage } from '../../crypto/builtin.ts'

/** Remembers which session the running code serves. */
export interface Context<Value> {
  run<Result>(value: Value, work: () => Result): Result
  /** Undefined outside of `run`. */
  get(): Value | undefined
  /** False on a runtime without AsyncLocalStorage, where `get` always answers undefined. */
  readonly available: boolean
}

export function createContext<Value>(): Context<Value> {
  const host = globalThis as { AsyncLocalStorage?: new () => ContextStorage<unknown> }
  const Storage = builtin('async_hooks')?.AsyncLocalStorage ?? host.AsyncLocalStorage
  if (Storage === undefined) return { run: (_, work) => work(), get: () => undefined, available: false }
  const storage = new Storage() as ContextStorage<Value>
  return {
    run: (value, work) => storage.run(value, work),
    get: () => storage.getStore(),
    available: true,
  }
}
