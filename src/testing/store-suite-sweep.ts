import type { Store, Sweeping } from '../contract/store.ts'
import { check, same } from './expect.ts'
import { holds, inMs, newKey, put, recordFor, type Stage, type StageCase } from './store-stage.ts'

/** `Sweeping`. The sweeps look ahead of the clock: what reads as missing afterwards has really been removed. */
export const sweepCases: ReadonlyArray<StageCase<Store & Sweeping>> = [
  {
    title: 'L14 sweep: removes the records whose deadline has come, and only them',
    async play(stage) {
      const { store, step } = stage
      const soon = newKey()
      const later = newKey()
      const { expiresAt } = await put(stage, soon)
      const kept = await put(stage, later, { expiresAt: expiresAt + 2 * step })
      same(await store.sweep(expiresAt - step, { limit: 100 }), 0, 'records removed before any deadline')
      check((await store.read(soon)) !== null, 'a record was removed before its deadline')
      same(await store.sweep(expiresAt + step - 1, { limit: 100 }), 1, 'records removed at the first deadline')
      await holds(stage, soon, null, 'the record whose deadline has come')
      await holds(stage, later, kept, 'the record whose deadline is to come')
      same(await store.sweep(expiresAt + step - 1, { limit: 100 }), 0, 'records removed by a second sweep')
    },
  },
  {
    title: 'sweep: nothing to do in an empty store',
    async play({ store, now }) {
      same(await store.sweep(now(), { limit: 100 }), 0, 'records removed')
    },
  },
  {
    title: 'L14 sweep: removes at most `limit` at a time, and fewer only when no expired record is left',
    async play(stage) {
      const { store, step } = stage
      const dead = await putMany(stage, 25, inMs(stage, 60_000))
      const live = await putMany(stage, 5, inMs(stage, 3_600_000))
      const now = inMs(stage, 60_000) + step
      const removed: number[] = []
      do {
        removed.push(await store.sweep(now, { limit: 10 }))
      } while (removed.at(-1) === 10 && removed.length < 10)
      same(removed, [10, 10, 5], 'records removed by one sweep after the other')
      for (const key of dead) await holds(stage, key, null, 'an expired record')
      for (const key of live) check((await store.read(key)) !== null, 'a live record was removed')
    },
  },
  {
    title: 'sweep: sees the deadline that the last replace or touch brought',
    async play(stage) {
      const { store, step } = stage
      const [extended = '', rewritten = '', shortened = ''] = await putMany(stage, 3, inMs(stage, 60_000))
      await store.touch(extended, inMs(stage, 3_600_000), 1)
      await store.replace(rewritten, recordFor(stage, { version: 2 }), 1)
      await store.touch(shortened, inMs(stage, 30_000), 1)
      same(await store.sweep(inMs(stage, 30_000) + step, { limit: 100 }), 1, 'records removed')
      await holds(stage, shortened, null, 'the record whose deadline was moved to an earlier time')
      same(await store.sweep(inMs(stage, 60_000) + step, { limit: 100 }), 0, 'records removed')
      check((await store.read(extended)) !== null, 'a record was removed at the deadline it had before touch')
      check((await store.read(rewritten)) !== null, 'a record was removed at the deadline it had before replace')
    },
  },
  {
    title: 'REL-32 sweep: a record that is touched or replaced while a sweep runs survives it',
    async play(stage) {
      const { store, step } = stage
      const keys = await putMany(stage, 60, inMs(stage, 60_000))
      const expiresAt = inMs(stage, 3_600_000)
      const renew = (key: string, index: number) =>
        index % 2 === 0
          ? store.touch(key, expiresAt, 1)
          : store.replace(key, recordFor(stage, { version: 2, expiresAt }), 1)
      const sweeps = () => store.sweep(inMs(stage, 60_000) + step, { limit: 1000 })
      // Some renewals start before the sweep, some after it.
      const first = keys.slice(0, 30).map(renew)
      const sweep = sweeps()
      const renewed = await Promise.all([...first, ...keys.slice(30).map(renew)])
      const removed = await sweep
      same(removed + renewed.filter((done) => done).length, keys.length, 'records removed and renewed, together')
      for (const [index, key] of keys.entries()) {
        const found = await store.read(key)
        same(found !== null, renewed[index], 'whether a record is there after a sweep, and whether it was renewed')
      }
    },
  },
  {
    title: 'sweep: two at once remove each record once and end',
    async play(stage) {
      const keys = await putMany(stage, 30, inMs(stage, 60_000))
      const now = inMs(stage, 60_000) + stage.step
      const removed = await Promise.all([1, 2].map(() => stage.store.sweep(now, { limit: 100 })))
      same((removed[0] ?? 0) + (removed[1] ?? 0), keys.length, 'records removed by two sweeps together')
      for (const key of keys) await holds(stage, key, null, 'an expired record')
    },
  },
]

async function putMany(stage: Stage<Store>, count: number, expiresAt: number): Promise<string[]> {
  const keys = Array.from({ length: count }, () => newKey())
  for (const key of keys) await put(stage, key, { expiresAt })
  return keys
}
