/** The little of node:crypto that is used where the runtime has it. */
interface NodeCrypto {
  hash?(algorithm: 'sha256', data: string, encoding: 'base64url'): string
  createCipheriv(
    algorithm: 'aes-256-ecb' | 'aes-256-gcm',
    key: Uint8Array,
    iv: Uint8Array | null,
  ): Cipher & {
    getAuthTag(): Uint8Array
  }
  createDecipheriv(
    algorithm: 'aes-256-gcm',
    key: Uint8Array,
    iv: Uint8Array,
  ): Cipher & {
    setAuthTag(tag: Uint8Array): unknown
  }
  hkdfSync(digest: 'sha256', key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): ArrayBuffer
}

interface Cipher {
  setAAD(data: Uint8Array): unknown
  update(data: Uint8Array): Uint8Array
  final(): Uint8Array
}

/** The little of node:buffer that is used where the runtime has it. */
interface NodeBuffer {
  Buffer: {
    from(bytes: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64url'): string }
    from(text: string, encoding: 'base64url'): Uint8Array
  }
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
  buffer: NodeBuffer
}

/**
 * A built-in module of Node, Bun, Deno or workerd, without an import that other runtimes could not resolve;
 * undefined where there is none.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  const host = globalThis as { process?: { getBuiltinModule?(id: string): unknown } }
  return host.process?.getBuiltinModule?.(name) as Builtins[Name] | undefined
}
