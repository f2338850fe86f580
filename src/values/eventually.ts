import type { Eventually } from '../contract/store.ts'

/** Goes on with a value: at once if it is at hand, else when it has come. */
export function andThen<Value, Result>(
  value: Eventually<Value>,
  next: (value: Value) => Eventually<Result>,
): Eventually<Result> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Does work whose failure, now or later, `failed` answers for. */
export function attempt<Result, Instead>(
  work: () => Eventually<Result>,
  failed: (error: unknown) => Eventually<Instead>,
): Eventually<Result | Instead> {
  try {
    const result = work()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (error) {
    return failed(error)
  }
}
