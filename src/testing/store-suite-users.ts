import type { Store, UserIndex } from '../contract/store.ts'
import { sameMembers } from './expect.ts'
import { inMs, newKey, put, recordFor, type Stage, type StageCase } from './store-stage.ts'

/** Owners that separators, patterns and plain objects as maps are known to mix up. */
const awkwardUsers = [
  '7',
  '77',
  'user-7',
  'User-7',
  'user-7 ',
  'user:7',
  'user_7',
  'user%7',
  'user*',
  `o'neil "x" \\`,
  'žofie@example.org',
  'zofie@example.org',
  '😀',
  '__proto__',
  '../..',
  'u'.repeat(200),
]

/** `UserIndex`. */
export const userCases: ReadonlyArray<StageCase<Store & UserIndex>> = [
  {
    title: 'users: the keys of an owner, none of another and none without an owner',
    async play(stage) {
      const mine = [newKey(), newKey(), newKey()]
      const other = newKey()
      for (const key of mine) await put(stage, key, { userId: 'user-1' })
      await put(stage, other, { userId: 'user-2' })
      await put(stage, newKey())
      await owns(stage, 'user-1', mine)
      await owns(stage, 'user-2', [other])
      await owns(stage, 'user-3', [])
    },
  },
  {
    title: 'users: ids are compared byte for byte, whatever they consist of',
    async play(stage) {
      const keys = new Map(awkwardUsers.map((userId) => [userId, newKey()]))
      for (const [userId, key] of keys) await put(stage, key, { userId })
      for (const [userId, key] of keys) await owns(stage, userId, [key])
      await owns(stage, 'user-', [])
      await owns(stage, '*', [])
    },
  },
  {
    title: 'users: kept by replace and touch, and following a replace that changes the owner',
    async play(stage) {
      const { store } = stage
      const [first, second] = [newKey(), newKey()]
      await put(stage, first)
      await put(stage, second, { userId: 'user-1' })
      await store.replace(first, recordFor(stage, { version: 2, userId: 'user-1' }), 1)
      await owns(stage, 'user-1', [first, second])
      await store.replace(first, recordFor(stage, { version: 3, userId: 'user-1' }), 2)
      await store.touch(first, inMs(stage, 7_200_000), 3)
      await owns(stage, 'user-1', [first, second])
      await store.replace(first, recordFor(stage, { version: 4, userId: 'user-2' }), 3)
      await owns(stage, 'user-1', [second])
      await owns(stage, 'user-2', [first])
      await store.replace(first, recordFor(stage, { version: 5 }), 4)
      await owns(stage, 'user-2', [])
    },
  },
  {
    title: 'users: a refused create or replace changes nothing',
    async play(stage) {
      const key = newKey()
      await put(stage, key, { userId: 'user-1' })
      await stage.store.create(key, recordFor(stage, { userId: 'user-2' }))
      await stage.store.replace(key, recordFor(stage, { version: 8, userId: 'user-2' }), 7)
      await stage.store.replace(newKey(), recordFor(stage, { version: 2, userId: 'user-2' }), 1)
      await owns(stage, 'user-1', [key])
      await owns(stage, 'user-2', [])
    },
  },
  {
    title: 'users: without deleted records, also when the key is used again',
    async play(stage) {
      const [first, second] = [newKey(), newKey()]
      for (const key of [first, second]) await put(stage, key, { userId: 'user-1' })
      await stage.store.delete(first)
      await owns(stage, 'user-1', [second])
      await put(stage, first, { userId: 'user-2' })
      await stage.store.delete(second)
      await owns(stage, 'user-1', [])
      await owns(stage, 'user-2', [first])
    },
  },
  {
    title: 'users: without expired records, also when the key is used again; a touched one stays',
    async play(stage) {
      const [first, second, third] = [newKey(), newKey(), newKey()]
      const expiresAt = inMs(stage, stage.real ? 1000 : 60_000)
      await put(stage, third, { userId: 'user-1' })
      await stage.store.touch(third, inMs(stage, 7_200_000), 1)
      for (const key of [first, second]) await put(stage, key, { userId: 'user-1', expiresAt })
      await stage.until(expiresAt + stage.step)
      await owns(stage, 'user-1', [third])
      await put(stage, first, { userId: 'user-2' })
      await owns(stage, 'user-1', [third])
      await owns(stage, 'user-2', [first])
    },
  },
  {
    title: 'users: complete after creates that overlap',
    async play(stage) {
      const keys = Array.from({ length: 20 }, () => newKey())
      await Promise.all(keys.map((key) => stage.store.create(key, recordFor(stage, { userId: 'user-1' }))))
      await owns(stage, 'user-1', keys)
      await Promise.all(keys.slice(5).map((key) => stage.store.delete(key)))
      await owns(stage, 'user-1', keys.slice(0, 5))
    },
  },
]

async function owns({ store }: Stage<Store & UserIndex>, userId: string, keys: string[]): Promise<void> {
  sameMembers(await store.keysOf(userId), keys, `keys of ${userId.slice(0, 20)}`)
}
