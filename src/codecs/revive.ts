import { isObject, setOwn } from '../values/safe-object.ts'
import type { Step } from './flatten.ts'
import type { SpecialType } from './special-types.ts'
import type { ValuesText } from './values-text.ts'

/** One row of the side table: the tag, then the path from the object of the whole text. */
export type TableRow = [tag: string, ...path: Step[]]

/**
 * Makes the special values of a parsed text again, in place; false if the table is not one that `richCodec`
 * wrote. Only the given types are ever constructed.
 *
 * Rows name inner values before outer ones, so no path leads through a value that has been made already. That is
 * enforced: a forged table must not reach a getter or a proxy of what a custom type built.
 */
export function revive(text: ValuesText, types: ReadonlyMap<unknown, SpecialType>): boolean {
  const table: unknown = text.t
  if (!Array.isArray(table)) return false
  const made = new Set<unknown>()
  return table.every((row) => Array.isArray(row) && reviveRow(text, row, types, made))
}

function reviveRow(
  text: ValuesText,
  [tag, ...path]: unknown[],
  types: ReadonlyMap<unknown, SpecialType>,
  made: Set<unknown>,
): boolean {
  const type = types.get(tag)
  const last = path.pop()
  if (type === undefined || (path[0] !== 'd' && path[0] !== 'f')) return false
  let container: unknown = text
  for (const step of path) {
    if (made.has(container) || !leadsOn(container, step)) return false
    container = container[step as Step]
  }
  if (made.has(container) || !leadsOn(container, last)) return false
  let value: unknown
  try {
    value = type.decode(container[last as Step])
  } catch {
    // The plain form is not what the type wrote: a corrupt record, which the caller reports.
    return false
  }
  if (typeof value === 'object' || typeof value === 'function') made.add(value)
  setOwn(container, last as Step, value)
  return true
}

/** Whether a step leads from a parsed array or object to an own element or property of it. */
function leadsOn(container: unknown, step: unknown): container is Record<Step, unknown> {
  if (Array.isArray(container)) return typeof step === 'number' && Object.hasOwn(container, step)
  return typeof step === 'string' && isObject(container) && Object.hasOwn(container, step)
}
