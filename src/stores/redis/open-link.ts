import type { LoadedPackage, TlsOptions } from '../_open/client.ts'
import type { RedisTarget } from './open-target.ts'

/** A client of Redis that was made for a connection string. */
export interface RedisConnection {
  readonly client: object
  /** Resolves when the first attempt to connect has succeeded or failed. It goes on trying either way. */
  readonly firstAttempt: Promise<void>
  /** Why there is no connection, as far as that is known. */
  fault(): Error | undefined
  end(): Promise<void>
}

/** Makes a client with one of the packages. */
export type RedisConnector = (
  exports: LoadedPackage['exports'],
  target: RedisTarget,
  tls: TlsOptions | undefined,
) => RedisConnection

/** How long to wait before the next attempt to connect, in ms: up to 1 s, with jitter, for all processes lost it at once. */
export function backoff(attempts: number): number {
  return Math.min(1_000, 50 * 2 ** Math.min(attempts, 10)) * (0.75 + Math.random() / 4)
}

/** Remembers what an event said about a connection, until there is one again, or until it is too old to explain much. */
export interface LastFault {
  note(error: unknown): void
  clear(): void
  get(): Error | undefined
}

/** Attempts to connect follow each other within seconds, and each has something to say. */
const freshMs = 5_000

/** A memory for the errors of one client. */
export function lastFault(): LastFault {
  let last: { readonly error: Error; readonly at: number } | undefined
  return {
    note(error) {
      if (error instanceof Error) last = { error, at: performance.now() }
    },
    clear() {
      last = undefined
    },
    get() {
      return last !== undefined && performance.now() - last.at < freshMs ? last.error : undefined
    },
  }
}
