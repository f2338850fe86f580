import type { SessionValues } from '../../contract/codec.ts'
import { getOwn, setOwn } from '../../values/safe-object.ts'
import type { Contents } from '../record/contents.ts'
import { apply, type Change } from './change.ts'

/**
 * Makes changes again on what another request has stored.
 *
 * Where they decide a value whatever was there before, it is the one in `result`, which was frozen when the commit
 * began: the application may have changed its own objects since. Only what depends on the value that is there now, which
 * is `update` and what stands on it, is carried out again.
 */
export function replay(changes: readonly Change[], result: SessionValues, on: Contents): void {
  /** The keys whose value no longer depends on what was there. */
  const decided = new Set<string>()
  const pushes = pushesAlone(changes, result)
  let cleared = false
  for (const change of changes) {
    switch (change.op) {
      case 'set':
      case 'delete':
        decided.add(change.key)
        break
      case 'clear':
        cleared = true
        break
      case 'update':
        if (!decided.has(change.key)) apply(on, change)
        break
      case 'push':
        if (!decided.has(change.key)) apply(on, { ...change, items: pushes.get(change) ?? change.items })
        break
      default:
        apply(on, change)
    }
    if (cleared) break
  }
  if (cleared) {
    // All data is what the changes made of nothing, and signing in may still follow.
    for (const change of changes) if (change.op === 'login') apply(on, change)
    on.data = { ...result.data }
    return
  }
  for (const key of decided) {
    if (Object.hasOwn(result.data, key)) setOwn(on.data, key, result.data[key])
    else delete on.data[key]
  }
}

/**
 * The items of the pushes to keys that nothing else has changed, as they were when they were frozen: they are the end of
 * the frozen array. Items beside an `update` are taken as they are.
 */
function pushesAlone(changes: readonly Change[], result: SessionValues): Map<Change, readonly unknown[]> {
  const counts = new Map<string, number>()
  for (const change of changes) {
    if (!('key' in change)) continue
    const sum = change.op === 'push' ? (counts.get(change.key) ?? 0) + change.items.length : Number.NaN
    counts.set(change.key, sum)
  }
  const items = new Map<Change, readonly unknown[]>()
  for (const change of changes) {
    if (change.op !== 'push') continue
    const left = counts.get(change.key) ?? Number.NaN
    const list = getOwn(result.data, change.key)
    if (Number.isNaN(left) || !Array.isArray(list) || list.length < left) continue
    const from = list.length - left
    items.set(change, list.slice(from, from + change.items.length))
    counts.set(change.key, left - change.items.length)
  }
  return items
}
