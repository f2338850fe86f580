import type { Store } from '../contract/store.ts'
import { check, same } from './expect.ts'
import { holds, inMs, newKey, put, recordFor, type Stage, type StageCase } from './store-stage.ts'

const day = 86_400_000

/** From `expiresAt` on a record is missing, for every operation. */
export const deadlineCases: ReadonlyArray<StageCase> = [
  {
    title: 'REL-27 deadlines: a record is there until one step before its deadline, and from the deadline on it is not',
    async play(stage) {
      await aroundDeadline(stage, (key, expiresAt) => put(stage, key, { expiresAt }))
    },
  },
  {
    title: 'REL-27 deadlines: the deadline that replace brings is the one that counts',
    async play(stage) {
      await aroundDeadline(stage, async (key, expiresAt) => {
        await put(stage, key, { expiresAt: inMs(stage, day) })
        same(await stage.store.replace(key, recordFor(stage, { version: 2, expiresAt }), 1), true, 'replace')
      })
    },
  },
  {
    title: 'REL-27 deadlines: the deadline that touch brings is the one that counts',
    async play(stage) {
      await aroundDeadline(stage, async (key, expiresAt) => {
        await put(stage, key, { expiresAt: inMs(stage, day) })
        same(await stage.store.touch(key, expiresAt, 1), true, 'touch')
      })
    },
  },
  {
    title: 'deadlines: touch keeps a record beyond the deadline it had before',
    async play(stage) {
      const later = inMs(stage, day)
      const { key, expiresAt } = await inTime(stage, async (key, expiresAt) => {
        await put(stage, key, { expiresAt })
        return stage.store.touch(key, later, 1)
      })
      await stage.until(expiresAt + stage.step)
      await holds(stage, key, recordFor(stage, { expiresAt: later }), 'the touched record after its first deadline')
    },
  },
  {
    title: 'deadlines: a touch made on another version than is there, older or newer, is false and moves nothing',
    async play(stage) {
      const key = newKey()
      const record = await put(stage, key, { version: 5, userId: 'user-1' })
      const touchAll = async (versions: readonly number[]): Promise<void> => {
        for (const version of versions) {
          for (const ms of [7_200_000, 60_000]) {
            same(await stage.store.touch(key, inMs(stage, ms), version), false, `touch of version ${version}`)
          }
        }
      }
      await touchAll([0, 1, 4, 6, 50])
      await holds(stage, key, record, 'the record in version 5 after touches of others')
      const next = recordFor(stage, { payload: 'next', version: 6 })
      same(await stage.store.replace(key, next, 5), true, 'replace')
      await touchAll([5, 7])
      await holds(stage, key, next, 'the record in version 6 after touches of others')
    },
  },
  {
    title: 'L14 deadlines: read answers null for an expired record, and replace, touch and delete bring nothing back',
    async play(stage) {
      const key = newKey()
      await expire(stage, key)
      await holds(stage, key, null, 'the expired record')
      same(await stage.store.touch(key, inMs(stage, day), 1), false, 'touch of an expired record')
      await holds(stage, key, null, 'the expired record after touch')
      same(await stage.store.replace(key, recordFor(stage, { version: 2 }), 1), false, 'replace of an expired record')
      await holds(stage, key, null, 'the expired record after replace')
      await stage.store.delete(key)
      await holds(stage, key, null, 'the expired record after delete')
    },
  },
  {
    title: 'deadlines: create succeeds over an expired record and takes nothing over from it',
    async play(stage) {
      const key = newKey()
      await expire(stage, key)
      const record = await put(stage, key, { payload: 'new' })
      await holds(stage, key, record, 'the record created over an expired one')
      same(await stage.store.replace(key, recordFor(stage, { version: 2 }), 1), true, 'replace of the new record')
    },
  },
  {
    title: 'REL-28 deadlines: one that has passed already never means that the record stays for ever',
    async play(stage) {
      for (const ms of [0, -1, -stage.step, -day, -stage.now(), -stage.now() - day]) {
        const expiresAt = stage.now() + ms
        const created = newKey()
        await stage.store.create(created, recordFor(stage, { expiresAt }))
        const replaced = newKey()
        await put(stage, replaced)
        await stage.store.replace(replaced, recordFor(stage, { version: 2, expiresAt }), 1)
        const touched = newKey()
        await put(stage, touched)
        await stage.store.touch(touched, expiresAt, 1)
        await stage.until(stage.now() + lag(stage))
        await holds(stage, created, null, `a record created with its deadline ${ms} ms from now`)
        await holds(stage, replaced, null, `a record replaced with its deadline ${ms} ms from now`)
        await holds(stage, touched, null, `a record touched with its deadline ${ms} ms from now`)
        same(await stage.store.create(created, recordFor(stage)), true, 'create after that')
      }
    },
  },
  ...[31, 366, 7305].map(
    (days): StageCase => ({
      title: `REL-28 deadlines: ${days} days from now is neither cut short nor taken for the past`,
      async play(stage) {
        const key = newKey()
        const record = await put(stage, key, { expiresAt: inMs(stage, days * day) })
        await holds(stage, key, record, 'the record')
        const expiresAt = record.expiresAt + stage.step
        same(await stage.store.touch(key, expiresAt, 1), true, 'touch')
        await holds(stage, key, { ...record, expiresAt }, 'the touched record')
        if (stage.real) return
        await stage.until(expiresAt - day)
        await holds(stage, key, { ...record, expiresAt }, 'the record a day before its deadline')
      },
    }),
  ),
]

/** Looks at a record just before and after the deadline that `write` gives it. */
async function aroundDeadline(
  stage: Stage<Store>,
  write: (key: string, expiresAt: number) => Promise<unknown>,
): Promise<void> {
  const { key, expiresAt } = await inTime(stage, async (key, expiresAt) => {
    await write(key, expiresAt)
    if (!stage.real) await stage.until(expiresAt - stage.step)
    return (await stage.store.read(key)) !== null
  })
  await stage.until(expiresAt + lag(stage))
  await holds(stage, key, null, 'the record at its deadline')
  await stage.until(expiresAt + stage.step)
  await holds(stage, key, null, 'the record one step after its deadline')
}

/**
 * Fails if `attempt` answers false before the deadline it is given. Where the real time ran out first, which tells
 * nothing about the store, it is called again with a key of its own and more time.
 */
async function inTime(
  stage: Stage<Store>,
  attempt: (key: string, expiresAt: number) => Promise<boolean>,
): Promise<{ key: string; expiresAt: number }> {
  for (let lifetime = shortest(stage); lifetime <= 64 * shortest(stage); lifetime *= 4) {
    const key = newKey()
    const expiresAt = inMs(stage, lifetime)
    if (await attempt(key, expiresAt)) return { key, expiresAt }
    check(stage.now() > expiresAt - stage.step, 'the record is gone before its deadline')
  }
  throw new Error('the store is too slow to tell whether it keeps deadlines')
}

/** Leaves an expired record under the key. */
async function expire(stage: Stage<Store>, key: string): Promise<void> {
  const { expiresAt } = await put(stage, key, { expiresAt: inMs(stage, shortest(stage)) })
  await stage.until(expiresAt + lag(stage))
}

function shortest(stage: Stage<Store>): number {
  return stage.real ? Math.max(250, 2 * stage.step) : 60_000
}

/** A backend that counts in coarse steps may be late by one. */
function lag({ step }: Stage<Store>): number {
  return step === 1 ? 0 : step
}
