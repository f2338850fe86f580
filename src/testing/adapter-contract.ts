import type { Session } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'

/** A request as the application under test sees it. */
export interface AdapterRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Empty if there is none. */
  readonly body: string
  /** The objects that a handler of this framework holds, with each of which it can ask for its session. Default: none. */
  readonly carriers?: readonly object[]
}

/** What the application under test answers, to be sent as it is. */
export interface AdapterAnswer {
  readonly status: number
  /** Several of one name are several headers. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  /** A text, or bytes to be sent as they come: piped into the response, or handed over as its body. */
  readonly body?: string | ReadableStream<Uint8Array>
}

/** The application: one handler for every method and path. What it throws is the framework's to answer, with a 5xx. */
export type AdapterHandler = (session: Session, request: AdapterRequest) => Promise<AdapterAnswer>

/** How an application is to be served. */
export interface AdapterServing {
  /** Over TLS, with a certificate of any kind. Only asked for when the facts say that it can be. */
  readonly tls: boolean
  /** How often the adapter stands before the handler, one inside of the other: once, and twice in one case. */
  readonly mounts: number
}

/** An application that is being served. */
export interface ServedAdapter {
  /** `http://127.0.0.1:49152` */
  readonly origin: string
  /** Sends a request to it, where `fetch` alone would not: to a certificate that nobody has signed. Default: `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Stops serving, open connections included. */
  close(): Promise<void>
}

/** What is true of an adapter and its start. */
export interface AdapterFacts {
  /** `start` serves over TLS when it is asked to, so that the cases for it are listed. Default: false. */
  readonly tls?: boolean
}

/** Serves `handle` through the adapter on a free port, and gives it `sessions.of(request)`. */
export type StartAdapter = (
  sessions: Sessions,
  handle: AdapterHandler,
  serving: AdapterServing,
) => Promise<ServedAdapter>
