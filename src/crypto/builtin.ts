/** The little of node:crypto that is used where the runtime has it. */
interface NodeCrypto {
  hash?(algorithm: 'sha256', data: string, encoding: 'base64url'): string
}

/** The little of node:async_hooks that is used where the runtime has it. */
interface NodeAsyncHooks {
  AsyncLocalStorage: new () => ContextStorage<unknown>
}

/** An AsyncLocalStorage, of which only `run` and `getStore` exist on every runtime. */
export interface ContextStorage<Value> {
  run<Result>(value: Value, work: () => Result): Result
  getStore(): Value | undefined
}

interface Builtins {
  crypto: NodeCrypto
  async_hooks: NodeAsyncHooks
}

/**
 * A built-in module of Node, Bun, Deno or workerd, without an import that other runtimes could not resolve;
 * undefined where there is none.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  const host = globalThis as { process?: { getBuiltinModule?(id: string): unknown } }
  return host.process?.getBuiltinModule?.(name) as Builtins[Name] | undefined
}
