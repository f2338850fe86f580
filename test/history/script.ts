import { checkHistory } from './check.ts'
import type { AnomalyKind, History, Operation, View } from './history.ts'

/** A session as hand-made histories show it. */
export function view(parts: Partial<View> = {}): View {
  return { tag: 'born', count: 0, log: [], registers: {}, signedIn: false, messages: {}, ...parts }
}

/** Two operations that begin and look at a session, for others to come between. */
export const born: Operation = {
  ...{ id: 'born', client: 0, kind: 'create', token: null, start: 0, opened: 1, end: 2, result: 'done' },
  ...{ saw: null, left: view(), began: true, issued: 't1' },
}

/** An operation by `t1` that takes 10 ms from `start`, was done in the middle, and found an empty session. */
export function act(id: string, kind: Operation['kind'], start: number, parts: Partial<Operation> = {}): Operation {
  const times = { start, opened: start + 5, end: start + 10 }
  return { id, client: 0, kind, token: 't1', result: 'done', saw: view(), ...times, ...parts }
}

/** One whose process was killed. */
export function killed(id: string, kind: Operation['kind'], start: number, parts: Partial<Operation> = {}): Operation {
  return { id, client: 0, kind, token: 't1', start, end: Infinity, result: 'unknown', ...parts }
}

export function historyOf(...operations: Operation[]): History {
  return { operations: [born, ...operations] }
}

/** The kinds of anomalies in a history, each once, in the order of the alphabet. */
export function kindsIn(history: History): AnomalyKind[] {
  return [...new Set(checkHistory(history).map(({ kind }) => kind))].sort()
}
