/** What an operation does, once it has opened the session of its token. */
export type Kind =
  /** Begins a session. */
  | 'create'
  /** Looks, and changes nothing. */
  | 'read'
  /** Adds 1 to `count`. */
  | 'increment'
  /** Appends its own id to `log`. */
  | 'push'
  /** Sets the register `name` to its own id. */
  | 'set'
  /** Leaves the one-time message that is named after its own id. */
  | 'leave'
  /** Takes the message `name`. */
  | 'take'
  /** Moves the session to a new token, and appends its own id to `log`. */
  | 'regenerate'
  /** Signs the session's user in, which moves it too, and appends its own id to `log`. */
  | 'login'
  /** Ends the session. */
  | 'destroy'
  /** Looks at the records themselves, from the token's key along the marks of retired keys. Once nothing else runs. */
  | 'audit'

/** What a session holds at one moment, as far as it is watched. */
export interface View {
  /** The id of the operation that began the session; undefined for one that a sign-in had to begin in its stead. */
  readonly tag?: string
  readonly count: number
  readonly log: readonly string[]
  /** The register's values, each the id of the operation that set it. */
  readonly registers: Readonly<Record<string, string>>
  readonly signedIn: boolean
  /** The messages that were looked for, and whether they were there. */
  readonly messages: Readonly<Record<string, boolean>>
}

/**
 * What is known of how an operation ended.
 *
 * `unknown` is one whose process was killed or whose store did not answer: it may have happened, not happened, or
 * happen later. `refused` is one that certainly did not happen: it never got past the look at the session, or was told
 * that the session is gone or too busy.
 */
export type Result = 'done' | 'refused' | 'unknown'

/** One operation of a client: what it asked for, when, and what came of it. All times are ms of one monotonic clock. */
export interface Operation {
  readonly id: string
  readonly client: number
  readonly kind: Kind
  /** A register's name, or the message to take. */
  readonly name?: string
  /** A stand-in for the token that was presented; null for none. */
  readonly token: string | null
  readonly start: number
  /** When it had found out what the token stands for; undefined if it never did, or nobody knows. */
  readonly opened?: number
  /** Infinity for an operation that is not known to have come to an end. */
  readonly end: number
  readonly result: Result
  /** What it found under the token, between `start` and `opened`. Null: nothing. Undefined: nobody knows. */
  readonly saw?: View | null
  /** What it left, between `opened` and `end`; undefined if it changed nothing. */
  readonly left?: View
  /** The commit found that the session had been ended or moved meanwhile. */
  readonly gone?: boolean
  /** It began a session of its own instead of changing the one that it came for. */
  readonly began?: boolean
  /** A stand-in for the token that it was given. */
  readonly issued?: string
  /** The message that a take got; null for none. */
  readonly got?: string | null
}

/** All operations on all sessions of one run. */
export interface History {
  readonly operations: readonly Operation[]
  /** How many live records there are of each session, by its tag, in the end; undefined if the store cannot tell. */
  readonly copies?: Readonly<Record<string, number>>
}

/** What can be wrong with a history. `README.md` describes each. */
export type AnomalyKind =
  | 'lost-update'
  | 'stale-read'
  | 'backwards'
  | 'phantom'
  | 'refused-effect'
  | 'torn-read'
  | 'foreign-data'
  | 'old-token'
  | 'resurrection'
  | 'lost-session'
  | 'fork'
  | 'copies'
  | 'message-twice'
  | 'message-lost'
  | 'message-back'

export interface Anomaly {
  readonly kind: AnomalyKind
  /** The token with which the session began. */
  readonly line: string
  readonly detail: string
  /** The ids of the operations that show it. */
  readonly operations: readonly string[]
}

/** Shows it the way a failed test prints it: with the operations that are its evidence. */
export function describeAnomaly(anomaly: Anomaly, { operations }: History): string {
  const evidence = operations.filter(({ id }) => anomaly.operations.includes(id)).map(describeOperation)
  return [`${anomaly.kind} (${anomaly.line}): ${anomaly.detail}`, ...evidence].join('\n    ')
}

function describeOperation(operation: Operation): string {
  const { id, client, kind, name, token, start, opened, end, result, saw, left, ...rest } = operation
  const times = [start, opened ?? NaN, end].map((time) => time.toFixed(3)).join(' / ')
  const what = `${kind}${name === undefined ? '' : ` ${name}`}`
  const views = `saw ${describeView(saw)}, left ${describeView(left)}`
  return `${id} client ${client} ${what} by ${token} at ${times}: ${result}, ${views}, ${JSON.stringify(rest)}`
}

function describeView(view: View | null | undefined): string {
  if (!view) return view === null ? 'no session' : '-'
  const { log, ...rest } = view
  return `${JSON.stringify(rest)} with ${log.length} in the log, the last: ${log.slice(-3)}`
}
