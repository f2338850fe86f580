import type { Anomaly, AnomalyKind, History, Operation } from './history.ts'
import { type Line, moves } from './lines.ts'

/** That a token led to its session, or did not, at some moment between two. */
interface Sighting {
  readonly operation: Operation
  readonly token: string
  readonly alive: boolean
  readonly start: number
  readonly end: number
}

/** Checks whether a session was found when it should have been, and only then. */
export function checkLife(line: Line, { copies }: History): Anomaly[] {
  const anomalies: Anomaly[] = []
  const report = (kind: AnomalyKind, detail: string, ...operations: Operation[]): void => {
    anomalies.push({ kind, line: line.name, detail, operations: operations.map(({ id }) => id) })
  }
  const changes = line.effects.filter(({ result }) => result !== 'refused')
  const ends = changes.filter(({ operation }) => operation.kind === 'destroy')
  const departures = changes.filter(({ operation }) => moves(operation))
  const firstEnd = earliest(ends.filter(({ result }) => result === 'done'))

  for (const token of line.tokens) {
    const moved = departures.filter(({ operation }) => operation.token === token)
    const acknowledged = moved.filter(({ result }) => result === 'done')
    if (acknowledged.length > 1) {
      report('fork', `${token} has several successors`, ...acknowledged.map(({ operation }) => operation))
    }
    const firstMove = earliest(acknowledged)
    const sightings = sightingsOf(line, token)
    const firstMiss = earliest(sightings.filter(({ alive }) => !alive))
    const killers = [...moved, ...ends]
    const soonest = Math.min(...killers.map(({ start }) => start))
    for (const { operation, alive, start, end } of sightings) {
      if (!alive) {
        if (soonest > end) report('lost-session', `${token} leads nowhere, and nobody ended or moved it`, operation)
        continue
      }
      if (firstMove && firstMove.end < start) {
        report('old-token', `${token} leads to the session that had moved on`, firstMove.operation, operation)
      }
      if (firstEnd && firstEnd.end < start) {
        report('resurrection', `${token} leads to a session that had been ended`, firstEnd.operation, operation)
      }
      if (firstMiss && firstMiss.end < start) {
        report('resurrection', `${token} led nowhere before`, firstMiss.operation, operation)
      }
    }
  }

  for (const audit of line.visits) {
    if (audit.kind !== 'audit' || audit.saw === undefined) continue
    if (audit.saw !== null && firstEnd) {
      report('resurrection', 'the record of a session that had been ended is alive', firstEnd.operation, audit)
    }
    if (audit.saw === null && ends.length === 0)
      report('lost-session', 'there is no record, and nobody ended it', audit)
  }

  const { tag } = line.birth.left ?? {}
  if (copies === undefined || tag === undefined) return anomalies
  // A move whose end nobody knows may have left a record to which nobody has the token.
  const orphans = departures.filter(({ result }) => result === 'unknown').length
  const most = (firstEnd ? 0 : 1) + orphans
  const found = copies[tag] ?? 0
  if (found > most) report('copies', `${found} live records, at most ${most} can be`, line.birth)
  return anomalies
}

function sightingsOf({ visits }: Line, token: string): Sighting[] {
  return visits.flatMap((operation): Sighting[] => {
    const { start, opened, end, saw, left, gone = false, began = false } = operation
    // The audit does not go by the token: it follows retired keys to where the session is now.
    if (operation.token !== token || opened === undefined || operation.kind === 'audit') return []
    const sightings: Sighting[] = []
    if (saw !== undefined) sightings.push({ operation, token, alive: saw !== null, start, end: opened })
    if (gone || (began && saw)) sightings.push({ operation, token, alive: false, start: opened, end })
    else if (left && !began) sightings.push({ operation, token, alive: true, start: opened, end })
    return sightings
  })
}

function earliest<Item extends { readonly end: number }>(items: readonly Item[]): Item | undefined {
  return items.toSorted((a, b) => a.end - b.end)[0]
}
