import type { AnomalyKind, History, Kind, Operation, Result, View } from './history.ts'

/** One look at a session: at some moment between `start` and `end` it held what `view` says. */
export interface Look {
  readonly operation: Operation
  readonly start: number
  readonly end: number
  readonly view: View
  /** It is what a change left, not what somebody found. */
  readonly own: boolean
}

/** A change that was asked for: if it happened, then between `start` and `end`. */
export interface Effect {
  readonly operation: Operation
  readonly start: number
  readonly end: number
  readonly result: Result
}

/** One session through all its tokens. */
export interface Line {
  /** The token with which it began. */
  readonly name: string
  readonly birth: Operation
  /** In the order in which they were issued. */
  readonly tokens: readonly string[]
  /** Those that presented one of its tokens. */
  readonly visits: readonly Operation[]
  readonly looks: readonly Look[]
  readonly effects: readonly Effect[]
}

const changing: ReadonlySet<Kind> = new Set([
  ...(['create', 'increment', 'push', 'set', 'leave', 'take', 'regenerate', 'login', 'destroy'] as const),
])
const moving: ReadonlySet<Kind> = new Set(['regenerate', 'login'])

/** Follows each session from the operation that began it through all its moves. */
export function linesOf({ operations }: History): Line[] {
  const lines: Array<Line & { tokens: string[]; visits: Operation[]; looks: Look[]; effects: Effect[] }> = []
  const lineOf = new Map<string, (typeof lines)[number]>()
  // Nobody can present a token before the operation that issued it has ended.
  for (const operation of operations.toSorted((a, b) => a.end - b.end)) {
    const { issued, token, began } = operation
    if (issued === undefined) continue
    let line = began || token === null ? undefined : lineOf.get(token)
    if (line === undefined) {
      line = { name: issued, birth: operation, tokens: [], visits: [], looks: [], effects: [] }
      lines.push(line)
    }
    line.tokens.push(issued)
    lineOf.set(issued, line)
  }
  for (const operation of operations) {
    const { token, start, end, opened = start, result, saw, left, began = false, issued } = operation
    const line = token === null ? undefined : lineOf.get(token)
    line?.visits.push(operation)
    if (saw) line?.looks.push({ operation, start, end: opened, view: saw, own: false })
    const target = began && issued !== undefined ? lineOf.get(issued) : line
    if (left) target?.looks.push({ operation, start: opened, end, view: left, own: true })
    if (!changing.has(operation.kind)) continue
    if (began) lineOf.get(issued ?? '')?.effects.push({ operation, start: opened, end, result })
    // Whoever found nothing, or had to begin afresh, has changed nothing here.
    const here = began || saw === null ? 'refused' : result
    line?.effects.push({ operation, start: opened, end, result: here })
  }
  return lines
}

/** Whether it appends its own id to the log. */
export function pushes({ kind }: Operation): boolean {
  return kind === 'push' || moving.has(kind)
}

/** Whether it moves the session that it found to another token. */
export function moves({ kind, began = false }: Operation): boolean {
  return moving.has(kind) && !began
}

/** Too little was found: a look at the records, or what a change left, tells a loss; another read may just be late. */
export function shortfall({ own, operation }: Look): AnomalyKind {
  return own || operation.kind === 'audit' ? 'lost-update' : 'stale-read'
}
