import { describe, expect, it } from 'vitest'
import type { Eventually, Store, StoredRecord } from '../../../src/contract/store.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import {
  type StoreContext,
  type StoreFacts,
  type StoreUnderTest,
  storeCases,
} from '../../../src/testing/store-suite.ts'

type Full = ReturnType<typeof memoryStore>
type Make = (context: StoreContext) => StoreUnderTest

/** A memory store of which some operations are replaced by broken ones. */
function broken(breakIt: (sound: Full, context: StoreContext) => Partial<Full>) {
  return (context: StoreContext): Full => {
    const sound = memoryStore({ clock: context.clock })
    return { ...sound, ...breakIt(sound, context) }
  }
}

/** The titles of the cases that fail, of those whose titles begin so, and their messages. */
async function failures(make: Make, facts?: StoreFacts, beginning = ''): Promise<string[]> {
  const failed: string[] = []
  const cases = storeCases(make, facts).filter(({ title }) => title.startsWith(beginning))
  expect(cases, `cases that begin with "${beginning}"`).not.toEqual([])
  for (const { title, run } of cases) {
    await run().catch((error: Error) => failed.push(`${title}: ${error.message}`))
  }
  return failed
}

const later = 1e15
const pause = () => new Promise((resolve) => setTimeout(resolve))

/** Two steps where there should be one: whoever comes in between is overlooked. */
async function readThenWrite(sound: Full, key: string, write: (found: StoredRecord | null) => Eventually<boolean>) {
  const found = await sound.read(key)
  await pause()
  return write(found)
}

const upsert = async (sound: Full, key: string, record: StoredRecord) => {
  await sound.delete(key)
  return sound.create(key, record)
}

/** What is wrong with the store, the beginning of the title of a case that must show it, and the store. */
const faults: ReadonlyArray<readonly [string, string, Make]> = [
  [
    'create overwrites',
    'create: false for a key that is taken',
    broken((s) => ({ create: (k, r) => upsert(s, k, r) })),
  ],
  [
    'create looks first, then writes',
    'races: of many creates of one key',
    broken((s) => ({
      create: (k, r) => readThenWrite(s, k, async (found) => found === null && upsert(s, k, r)),
    })),
  ],
  [
    'create is refused by an expired record',
    'deadlines: create succeeds over an expired record',
    broken((s) => {
      const seen = new Set<string>()
      return { create: async (k, r) => !seen.has(k) && seen.add(k) && s.create(k, r) }
    }),
  ],
  [
    'replace creates',
    'replace: false for a key without a record',
    broken((s) => ({ replace: (k, r) => upsert(s, k, r) })),
  ],
  [
    'replace brings a deleted record back',
    'SEC-40 replace: false for a deleted record',
    broken((s) => ({ replace: async (k, r, v) => (await s.replace(k, r, v)) || s.create(k, r) })),
  ],
  [
    'replace ignores the version',
    'replace: false for another version',
    broken((s) => ({
      replace: async (k, r) => s.replace(k, r, (await s.read(k))?.version ?? 0),
    })),
  ],
  [
    'replace looks at the version first, then writes',
    'races: 200 increments',
    broken((s) => ({
      replace: (k, r, v) => readThenWrite(s, k, async (found) => found?.version === v && upsert(s, k, r)),
    })),
  ],
  [
    'replace looks for the record first, then writes',
    'SEC-40 REL-11 races: a record that is deleted while it is replaced',
    broken((s) => ({
      replace: (k, r, v) => readThenWrite(s, k, async (found) => found?.version === v && upsert(s, k, r)),
    })),
  ],
  [
    'replace keeps the owner',
    'replace: true for the version that is there; every part is replaced',
    broken((s) => ({
      replace: async (k, r, v) => s.replace(k, { ...r, ...ownerOf(await s.read(k)) }, v),
    })),
  ],
  [
    'touch creates',
    'REL-14 touch: false for a key without a record',
    broken((s) => ({
      touch: async (k, expiresAt) =>
        (await s.touch(k, expiresAt, (await s.read(k))?.version ?? 0)) ||
        s.create(k, { payload: '', version: 1, expiresAt }),
    })),
  ],
  ['touch does nothing', 'touch: moves the deadline', broken(() => ({ touch: async () => true }))],
  [
    'touch counts as a change',
    'touch: moves the deadline',
    broken((s) => ({
      touch: async (k, expiresAt, v) => {
        const found = await s.read(k)
        return found !== null && s.replace(k, { ...found, expiresAt, version: v + 1 }, v)
      },
    })),
  ],
  [
    'touch ignores the version',
    'deadlines: a touch made on another version',
    broken((s) => ({ touch: async (k, expiresAt) => s.touch(k, expiresAt, (await s.read(k))?.version ?? 0) })),
  ],
  [
    'touch takes every newer version for the expected one',
    'deadlines: a touch made on another version',
    broken((s) => ({
      touch: async (k, expiresAt, v) => s.touch(k, expiresAt, Math.max(v, (await s.read(k))?.version ?? 0)),
    })),
  ],
  [
    'touch of another version is refused, but moves the deadline',
    'deadlines: a touch made on another version',
    broken((s) => ({
      touch: async (k, expiresAt, v) => {
        const version = (await s.read(k))?.version ?? 0
        return (await s.touch(k, expiresAt, version)) && version === v
      },
    })),
  ],
  [
    'touch works once for each version',
    'touch: moves the deadline',
    broken((s) => {
      const touched = new Set<string>()
      const isNew = (touch: string) => !touched.has(touch) && touched.add(touch).has(touch)
      return { touch: async (k, expiresAt, v) => isNew(`${k} ${v}`) && s.touch(k, expiresAt, v) }
    }),
  ],
  [
    'touch looks at the version first, then moves the deadline',
    'races: a touch that overlaps a replace',
    broken((s) => ({
      touch: (k, expiresAt, v) =>
        readThenWrite(
          s,
          k,
          async (found) => found?.version === v && s.touch(k, expiresAt, (await s.read(k))?.version ?? 0),
        ),
    })),
  ],
  [
    'touch writes an old payload back',
    'races: a touch that overlaps a replace',
    broken((s) => ({
      touch: (k, expiresAt, v) =>
        readThenWrite(s, k, async (found) => found?.version === v && upsert(s, k, { ...found, expiresAt })),
    })),
  ],
  [
    'touch brings a record back that is deleted meanwhile',
    'REL-14 races: a record that is deleted while it is touched',
    broken((s) => ({
      touch: (k, expiresAt, v) =>
        readThenWrite(s, k, async (found) => found?.version === v && upsert(s, k, { ...found, expiresAt })),
    })),
  ],
  [
    'expired records can be read',
    'L14 deadlines: read answers null for an expired record',
    () => memoryStore({ clock: () => 0 }),
  ],
  [
    'the deadline is off by one step',
    'REL-27 deadlines: a record is there until one step before',
    ({ clock }) => memoryStore({ clock: () => clock() - 1 }),
  ],
  [
    'records end one step early',
    'REL-27 deadlines: a record is there until one step before',
    ({ clock }) => memoryStore({ clock: () => clock() + 1 }),
  ],
  [
    'a lifetime of 0 or less means for ever',
    'REL-28 deadlines: one that has passed already',
    broken((s, { clock }) => ({
      create: (k, r) => s.create(k, r.expiresAt <= clock() ? { ...r, expiresAt: later } : r),
    })),
  ],
  [
    'a lifetime of 0 or less means for ever to touch',
    'REL-28 deadlines: one that has passed already',
    broken((s, { clock }) => ({ touch: (k, ms, v) => s.touch(k, ms <= clock() ? later : ms, v) })),
  ],
  [
    'lifetimes are 32-bit numbers',
    'REL-28 deadlines: 31 days',
    broken((s, { clock }) => ({
      create: (k, r) => s.create(k, { ...r, expiresAt: clock() + ((r.expiresAt - clock()) | 0) }),
    })),
  ],
  [
    'delete of a missing record fails',
    'delete: removes that record only',
    broken((s) => ({
      delete: async (k) => {
        if ((await s.read(k)) === null) throw new Error('not found')
        await s.delete(k)
      },
    })),
  ],
  ['delete does nothing', 'delete: removes that record only', broken(() => ({ delete: async () => undefined }))],
  [
    'keys are compared without case',
    'keys: compared byte for byte',
    broken((s) => ({
      create: (k, r) => s.create(k.toLowerCase(), r),
      read: (k) => s.read(k.toLowerCase()),
      touch: (k, ms, v) => s.touch(k.toLowerCase(), ms, v),
      delete: (k) => s.delete(k.toLowerCase()),
      replace: (k, r, v) => s.replace(k.toLowerCase(), r, v),
    })),
  ],
  [
    'payloads end at a NUL',
    'create, replace, read: a payload that holds control characters',
    broken((s) => ({ create: (k, r) => s.create(k, { ...r, payload: r.payload.split('\0')[0] ?? '' }) })),
  ],
  [
    'payloads are normalised',
    'create, replace, read: a payload that holds letters beyond ASCII',
    broken((s) => ({ create: (k, r) => s.create(k, { ...r, payload: r.payload.normalize() }) })),
  ],
  ['records are shared', 'SEC-60 isolation', ({ clock }) => sharing(clock)],
  [
    'sweep removes live records',
    'L14 sweep: removes the records whose deadline has come',
    broken((s) => ({ sweep: (now, options) => s.sweep(now + 10, options) })),
  ],
  [
    'sweep ignores its limit',
    'L14 sweep: removes at most `limit`',
    broken((s) => ({ sweep: (now) => s.sweep(now, { limit: 1e6 }) })),
  ],
  [
    'sweep stops early',
    'L14 sweep: removes at most `limit`',
    broken((s) => ({ sweep: (now, { limit }) => s.sweep(now, { limit: Math.min(limit, 9) }) })),
  ],
  [
    'sweep looks first, then removes',
    'REL-32 sweep',
    broken((s) => ({
      sweep: async (now, { limit }) => {
        const { entries } = await s.list({ limit: 1000 })
        await pause()
        const due = entries.filter(({ record }) => record.expiresAt <= now).slice(0, limit)
        for (const { key } of due) await s.delete(key)
        return due.length
      },
    })),
  ],
  [
    'list forgets the last record of a page',
    'list: 30 records in pages of 7',
    broken((s) => ({
      list: async (query) => {
        const page = await s.list(query)
        return { ...page, entries: page.entries.slice(0, 6) }
      },
    })),
  ],
  [
    'list ignores its limit',
    'list: 30 records in pages of 7',
    broken((s) => ({ list: (query) => s.list({ ...query, limit: 1000 }) })),
  ],
  ['list never ends', 'list: 30 records', broken((s) => ({ list: (query) => s.list({ ...query, cursor: null }) }))],
  [
    'list ignores the prefix',
    'list: with a prefix',
    broken((s) => ({ list: ({ cursor = null, limit }) => s.list({ cursor, limit }) })),
  ],
  [
    'list counts positions, which move when a record is deleted',
    'list: every record that lives through a listing',
    broken((s) => ({
      list: async ({ cursor, limit }) => {
        const start = Number(cursor ?? 0)
        const { entries } = await s.list({ limit: 1000 })
        return {
          entries: entries.slice(start, start + limit),
          cursor: start + limit < entries.length ? String(start + limit) : null,
        }
      },
    })),
  ],
  [
    'count takes expired records in',
    'B20 count',
    broken((s) => {
      let created = 0
      return {
        create: async (k, r) => {
          const done = await s.create(k, r)
          if (done) created++
          return done
        },
        delete: async (k) => {
          if ((await s.read(k)) !== null) created--
          await s.delete(k)
        },
        count: async () => created,
      }
    }),
  ],
  [
    'the user index forgets an owner that replace brings',
    'users: kept by replace and touch',
    broken((s) => {
      const creators = new Map<string, string | undefined>()
      return {
        create: (k, r) => {
          creators.set(k, r.userId)
          return s.create(k, r)
        },
        keysOf: async (user) => (await s.keysOf(user)).filter((key) => creators.get(key) === user),
      }
    }),
  ],
  [
    'the user index matches beginnings',
    'users: ids are compared byte for byte',
    broken((s) => ({
      keysOf: async (user) => {
        const { entries } = await s.list({ limit: 1000 })
        return entries.filter(({ record }) => record.userId?.startsWith(user)).map(({ key }) => key)
      },
    })),
  ],
  [
    'close a second time fails',
    'close: twice',
    broken(() => {
      let closed = false
      return {
        close: async () => {
          if (closed) throw new Error('closed already')
          closed = true
        },
      }
    }),
  ],
]

function ownerOf(found: StoredRecord | null): Pick<StoredRecord, 'userId'> {
  return found?.userId === undefined ? {} : { userId: found.userId }
}

/** Gives everybody the same object. */
function sharing(clock: () => number): Store {
  const records = new Map<string, StoredRecord>()
  const live = (key: string) => {
    const found = records.get(key)
    return found !== undefined && found.expiresAt > clock() ? found : null
  }
  return {
    name: 'sharing',
    read: async (key) => live(key),
    create: async (key, record) => live(key) === null && records.set(key, record) === records,
    replace: async (key, record, version) => live(key)?.version === version && records.set(key, record) === records,
    touch: async (key, expiresAt, version) => {
      const found = live(key)
      return found?.version === version && records.set(key, { ...found, expiresAt }) === records
    },
    delete: async (key) => {
      records.delete(key)
    },
  }
}

describe('storeCases', () => {
  it.each(faults)('shows that %s (%s)', async (_, title, make) => {
    expect(await failures(make, {}, title)).not.toEqual([])
  })

  it('a fault shows in few cases only: what a title says is what its case looks at', async () => {
    const failed = await failures(({ clock }) => sharing(clock))
    expect(failed.map((line) => line.split(':')[0])).toEqual(['SEC-60 isolation'])
  })

  it('passes on a sound store with the real time and with coarse deadlines', async () => {
    expect(await failures(() => memoryStore(), { clock: 'real' })).toEqual([])
    const coarse = ({ clock }: StoreContext) => memoryStore({ clock: () => Math.floor(clock() / 1000) * 1000 })
    expect(await failures(coarse, { deadlineStepMs: 1000 })).toEqual([])
  })

  it('passes on a sound store that keeps its texts in UTF-8', async () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const inUtf8 = (r: StoredRecord) => ({ ...r, payload: decoder.decode(new TextEncoder().encode(r.payload)) })
    const make = broken((s) => ({
      create: (k, r) => s.create(k, inUtf8(r)),
      replace: (k, r, v) => s.replace(k, inUtf8(r), v),
    }))
    expect(await failures(make)).toEqual([])
  })

  it('lists only the cases of what the store can do', () => {
    const titles = (make: () => StoreUnderTest) => storeCases(make).map(({ title }) => title.split(/[ :,]/)[0])
    expect(titles(() => memoryStore())).toEqual(expect.arrayContaining(['sweep', 'list', 'users', 'close']))
    const bare = new Set(titles(() => sharing(Date.now)))
    expect(['sweep', 'list', 'users', 'close'].filter((ability) => bare.has(ability))).toEqual([])
  })

  it('lists all cases for a store that is made later, and says of a missing ability how to state it', async () => {
    const cases = storeCases(async () => sharing(Date.now))
    const list = cases.find(({ title }) => title.startsWith('list:'))
    await expect(list?.run()).rejects.toThrow('the store has no list(): state the fact `abilities`')
    const unmade = storeCases(() => {
      throw new Error('not before the first test')
    })
    expect(unmade.length).toBe(cases.length)
  })

  it('shows an ability that is stated but missing, or there but not stated', async () => {
    const stated = await failures(() => sharing(Date.now), { clock: 'real', abilities: ['users'] })
    expect(stated.some((line) => line.startsWith('abilities: users'))).toBe(true)
    const unstated = await failures(({ clock }) => memoryStore({ clock }), { abilities: [] })
    expect(unstated.map((line) => line.split(':')[0])).toEqual(['abilities'])
  })

  it('each case has a title of its own', () => {
    const titles = storeCases(() => memoryStore()).map(({ title }) => title)
    expect(new Set(titles).size).toBe(titles.length)
  })
})
