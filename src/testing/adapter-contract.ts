import type { Session } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'

/** A request as the application under test sees it. */
export interface AdapterRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Empty if there is none. */
  readonly body: string
}

/** What the application under test answers, to be sent as it is. */
export interface AdapterAnswer {
  readonly status: number
  /** Several of one name are several headers. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string
}

/** The application: one handler for every method and path. What it throws is the framework's to answer, with a 5xx. */
export type AdapterHandler = (session: Session, request: AdapterRequest) => Promise<AdapterAnswer>

/** An application that is being served. */
export interface ServedAdapter {
  /** `http://127.0.0.1:49152` */
  readonly origin: string
  /** Stops serving, open connections included. */
  close(): Promise<void>
}

/** Serves `handle` through the adapter on a free port, and gives it `sessions.of(request)`. */
export type StartAdapter = (sessions: Sessions, handle: AdapterHandler) => Promise<ServedAdapter>
