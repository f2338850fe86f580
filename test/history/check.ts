import { checkData } from './check-data.ts'
import { checkLife } from './check-life.ts'
import { checkMessages } from './check-messages.ts'
import type { Anomaly, History } from './history.ts'
import { linesOf } from './lines.ts'

/**
 * What is wrong with a history: an empty list if nothing is.
 *
 * Pure. Every anomaly is proof that a promise was broken, whatever the order in which the overlapping operations took
 * effect; an empty list is no proof of the opposite (see README.md).
 */
export function checkHistory(history: History): Anomaly[] {
  const operations = new Map(history.operations.map((operation) => [operation.id, operation]))
  return linesOf(history).flatMap((line) => [
    ...checkData(line, operations),
    ...checkLife(line, history),
    ...checkMessages(line),
  ])
}
