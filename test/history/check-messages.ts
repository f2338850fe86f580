import type { Anomaly, AnomalyKind, Operation } from './history.ts'
import { type Effect, type Line, moves } from './lines.ts'

/** Checks that each one-time message was given to exactly one, and was there until then. */
export function checkMessages(line: Line): Anomaly[] {
  const anomalies: Anomaly[] = []
  const report = (kind: AnomalyKind, detail: string, ...operations: Operation[]): void => {
    anomalies.push({ kind, line: line.name, detail, operations: operations.map(({ id }) => id) })
  }
  const takesOf = new Map<string, Effect[]>()
  for (const effect of line.effects) {
    const { kind, name = '' } = effect.operation
    if (kind === 'take') takesOf.set(name, [...(takesOf.get(name) ?? []), effect])
  }
  const ends = line.effects.filter(
    ({ operation, result }) => result !== 'refused' && (operation.kind === 'destroy' || moves(operation)),
  )

  for (const { operation: leave, result, start, end } of line.effects) {
    if (leave.kind !== 'leave') continue
    const takes = takesOf.get(leave.id) ?? []
    const given = takes.filter(({ operation }) => operation.got === leave.id)
    const [first] = given.toSorted((a, b) => a.end - b.end)
    const unknown = takes.filter((take) => take.result === 'unknown')
    if (given.length > 1) {
      report('message-twice', `${leave.id} was given ${given.length} times`, ...given.map(({ operation }) => operation))
    }
    if (result === 'refused' && first) {
      report('refused-effect', `${leave.id} was refused, and given`, leave, first.operation)
    }
    if (first && first.end < start) report('phantom', `${leave.id} was given before it was left`, first.operation)

    /** Whether somebody may have taken it before that moment. */
    const takenBefore = (moment: number, but?: Operation): boolean =>
      [...given, ...unknown].some((take) => take.operation !== but && take.start < moment)
    const sureFrom = result === 'done' ? end : Infinity

    for (const { operation, view, start: from, end: to } of line.looks) {
      const present = view.messages[leave.id]
      if (present === undefined) continue
      if (present && result === 'refused') {
        report('refused-effect', `${leave.id} was refused, and is there`, leave, operation)
      }
      if (present && first && first.end < from) {
        report('message-back', `${leave.id} was given, and is there again`, first.operation, operation)
      }
      if (!present && sureFrom < from && !takenBefore(to)) {
        report('message-lost', `${leave.id} is not there, and nobody took it`, leave, operation)
      }
    }
    for (const { operation, start: from, end: to } of takes) {
      if (operation.result !== 'done' || operation.got !== null || !operation.saw) continue
      // Whoever is overtaken by a move or an end finds nothing to take.
      const overtaken = ends.some((other) => other.start < to)
      if (sureFrom < from && !overtaken && !takenBefore(to, operation)) {
        report('message-lost', `${leave.id} was not given to the only one who asked`, leave, operation)
      }
    }
  }
  return anomalies
}
