import type { Operation } from './history.ts'

/** Where a client process finds its store, and through what. */
export interface Target {
  readonly through: 'file' | 'pg' | 'postgres' | 'redis' | 'ioredis'
  /** A directory for files, a port for clients of servers. */
  readonly at: string | number
  /** A fault of the store that the check has to find. */
  readonly planted?: Planted | undefined
  readonly storeTimeoutMs: number
  /** Where the common clock starts, in ns of `process.hrtime`, which all processes of a machine share. */
  readonly epoch: string
}

/** The faults that can be planted: in the store, or (`resending`) in how its client is set up. */
export type Planted = 'blind-upsert' | 'stale-read' | 'revival' | 'resending'

/** What a client process is asked to do. */
export interface Job extends Pick<Operation, 'id' | 'name'> {
  readonly number: number
  readonly kind: Operation['kind'] | 'survey'
  /** The real one. */
  readonly token: string | null
  /** Messages to look for. */
  readonly messages: readonly string[]
  /** Saves in the middle of the request, not at its end. */
  readonly save: boolean
}

/** What came of a job; in the words of `Operation`, but with the real token. */
export interface Reply extends Pick<Operation, 'start' | 'end' | 'result' | 'saw' | 'left'> {
  readonly number: number
  readonly opened?: number | undefined
  readonly gone?: boolean
  readonly began?: boolean
  readonly issued?: string
  readonly got?: string | null
  readonly copies?: Readonly<Record<string, number>> | undefined
  /** An error that no client should ever see. */
  readonly fault?: string
}
