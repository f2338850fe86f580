import type { Listing, ListPage, Store, StoredRecord } from '../contract/store.ts'
import { check, same, sameMembers } from './expect.ts'
import { holds, inMs, newKey, put, recordFor, type Stage, type StageCase } from './store-stage.ts'

type Listed = Store & Listing

/** `Listing`. */
export const listCases: ReadonlyArray<StageCase<Listed>> = [
  {
    title: 'list, count: nothing in an empty store',
    async play(stage) {
      sameMembers((await listAll(stage)).keys(), [], 'keys listed')
      same(await stage.store.count(), 0, 'count')
    },
  },
  {
    title: 'B20 count: created records, without the deleted and the expired ones',
    async play(stage) {
      const { store } = stage
      const [first = '', second = ''] = [...(await putMany(stage, 5)).keys()]
      same(await store.count(), 5, 'count after 5 creates')
      await store.replace(first, recordFor(stage, { version: 2, userId: 'user-1' }), 1)
      await store.touch(second, inMs(stage, 7_200_000), 1)
      same(await store.count(), 5, 'count after replace and touch')
      await store.delete(first)
      await store.delete(first)
      same(await store.count(), 4, 'count after delete')
      await letExpire(stage)
      same(await store.count(), 4, 'count with an expired record')
    },
  },
  {
    title: 'list: all live records as they are, and no deleted or expired one',
    async play(stage) {
      const expected = await putMany(stage, 12)
      const [changed = '', deleted = ''] = [...expected.keys()]
      const record = recordFor(stage, { payload: 'changed ž', version: 2, userId: 'user-1' })
      await stage.store.replace(changed, record, 1)
      expected.set(changed, record)
      await stage.store.delete(deleted)
      expected.delete(deleted)
      await letExpire(stage)
      const listed = await listAll(stage, { limit: 100 })
      sameMembers(listed.keys(), expected.keys(), 'keys listed')
      for (const [key, found] of listed) await holds(stage, key, found, 'the record that was listed')
      for (const [key, wanted] of expected) {
        same(listed.get(key)?.payload, wanted.payload, 'the payload listed')
        same(listed.get(key)?.userId, wanted.userId, 'the owner listed')
      }
    },
  },
  ...[1, 7, 30, 31].map(
    (limit): StageCase<Listed> => ({
      title: `list: 30 records in pages of ${limit}`,
      async play(stage) {
        const expected = await putMany(stage, 30)
        sameMembers((await listAll(stage, { limit })).keys(), expected.keys(), 'keys listed')
      },
    }),
  ),
  {
    title: 'list: with a prefix only the keys that begin so, byte for byte',
    async play(stage) {
      const wanted = [newKey('aB-_1'), newKey('aB-_1'), newKey('aB-_1'), newKey('aB-_1')]
      const others = [
        newKey('ab-_1'),
        newKey('AB-_1'),
        newKey('aB-x1'),
        newKey('aBx_1'),
        newKey('xaB-_1'),
        newKey('aB-_2'),
      ]
      for (const key of [...wanted, ...others]) await put(stage, key)
      for (const limit of [2, 100]) {
        sameMembers((await listAll(stage, { limit, prefix: 'aB-_1' })).keys(), wanted, 'keys listed with a prefix')
      }
      const [whole = ''] = wanted
      sameMembers((await listAll(stage, { limit: 2, prefix: whole })).keys(), [whole], 'keys listed with a whole key')
      sameMembers((await listAll(stage, { limit: 2, prefix: `${whole}A` })).keys(), [], 'keys listed with a longer one')
    },
  },
  {
    title: 'list: every record that lives through a listing is seen, whatever is written meanwhile',
    async play(stage) {
      const { store } = stage
      const keys = [...(await putMany(stage, 40)).keys()]
      const doomed = new Set(keys.filter((_, index) => index % 4 === 0))
      let page = 0
      const listed = await listAll(stage, { limit: 5 }, async () => {
        for (const gone of [...doomed].slice(0, 2)) {
          await store.delete(gone)
          doomed.delete(gone)
        }
        if (page % 3 === 2) await put(stage, newKey())
        const [, touched, rewritten] = keys.slice(4 * page++)
        if (touched === undefined || rewritten === undefined) return
        await store.touch(touched, inMs(stage, 7_200_000), 1)
        await store.replace(rewritten, recordFor(stage, { version: 2, userId: 'user-1' }), 1)
      })
      const missed = keys.filter((key, index) => index % 4 !== 0 && !listed.has(key))
      same(missed.length, 0, 'records that lived through the listing and were not in it')
    },
  },
]

async function putMany(stage: Stage<Store>, count: number): Promise<Map<string, StoredRecord>> {
  const records = new Map<string, StoredRecord>()
  for (let index = 0; index < count; index++) {
    const key = newKey()
    records.set(key, await put(stage, key, { payload: `number ${index}` }))
  }
  return records
}

async function letExpire(stage: Stage<Store>): Promise<void> {
  const { expiresAt } = await put(stage, newKey(), { expiresAt: inMs(stage, stage.real ? 250 : 60_000) })
  await stage.until(expiresAt + stage.step)
}

/** Turns the pages to the last one, and fails if they are too long or never end. */
async function listAll(
  { store }: Stage<Listed>,
  query: { readonly limit: number; readonly prefix?: string } = { limit: 10 },
  betweenPages: () => Promise<void> = async () => undefined,
): Promise<Map<string, StoredRecord>> {
  const found = new Map<string, StoredRecord>()
  let cursor: string | null = null
  for (let pages = 0; pages < 1000; pages++) {
    const page: ListPage = await store.list({ ...query, cursor })
    check(
      page.entries.length <= query.limit,
      `a page of ${page.entries.length} where at most ${query.limit} were asked for`,
    )
    for (const { key, record } of page.entries) found.set(key, record)
    cursor = page.cursor
    if (cursor === null) return found
    await betweenPages()
  }
  throw new Error('the listing does not end')
}
