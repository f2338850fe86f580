import type { StoredRecord } from '../contract/store.ts'
import { check, same } from './expect.ts'
import { holds, inMs, newKey, put, recordFor, type StageCase } from './store-stage.ts'

/** Texts that encodings, collations, escapes and size limits are known to break. */
const payloads: ReadonlyArray<readonly [string, string]> = [
  ['is empty', ''],
  ['holds quotes, backslashes and percent signs', `'"\`\\ %s %00 $1 ?? :name {{x}} ' OR 1=1 --`],
  ['holds control characters', '\u0000a\u0000\u0001\u001f\u007f\t'],
  ['holds line breaks and outer spaces', ' \r\n\n\rVALUE a 0 1\r\nEND\r\n  '],
  ['holds letters beyond ASCII', 'žluťoučký \u00e9 \u0065\u0301 שלום \u202e漢字 \ufeff\uffff'],
  ['holds letters beyond the basic plane', '😀👩‍👩‍👧𝔘\u{10ffff}'],
  ['begins with a byte order mark', '\ufeffx'],
  ['looks like another type', 'null'],
  ['looks like a number', '007.10'],
  ['looks like JSON', '{"payload":"x","version":9,"expiresAt":0}'],
  ['is 64 kB long', 'abcdefgh'.repeat(8192)],
  ['is 64 kB long in UTF-8', 'žš漢'.repeat(9362)],
]

/** The five operations, one caller at a time. */
export const contractCases: ReadonlyArray<StageCase> = [
  {
    title: 'name: is a text to call the store by',
    async play({ store }) {
      check(typeof store.name === 'string' && store.name !== '', 'the store has no name')
    },
  },
  {
    title: 'read: null for a key that was never created',
    async play(stage) {
      await holds(stage, newKey(), null, 'a key that was never created')
    },
  },
  {
    title: 'create, read: the record comes back as it was, with and without an owner',
    async play(stage) {
      const anonymous = newKey()
      const owned = newKey()
      const first = await put(stage, anonymous, { payload: 'first' })
      const second = await put(stage, owned, { payload: 'second', version: 7, userId: 'user-1' })
      await holds(stage, anonymous, first, 'the record without an owner')
      await holds(stage, owned, second, 'the record with an owner')
      const found = await stage.store.read(anonymous)
      check(found?.userId === undefined, 'a record without an owner came back with one')
    },
  },
  ...payloads.map(
    ([description, payload]): StageCase => ({
      title: `create, replace, read: a payload that ${description}`,
      async play(stage) {
        const key = newKey()
        await holds(stage, key, await put(stage, key, { payload }), 'the created record')
        const changed = recordFor(stage, { payload: `${payload}.`, version: 2 })
        same(await stage.store.replace(key, changed, 1), true, 'replace')
        await holds(stage, key, changed, 'the replaced record')
      },
    }),
  ),
  {
    title: 'create: false for a key that is taken, and the record there stays as it was',
    async play(stage) {
      const key = newKey()
      const first = await put(stage, key, { payload: 'first', userId: 'user-1' })
      const second = recordFor(stage, { payload: 'second', version: 2, expiresAt: inMs(stage, 7_200_000) })
      same(await stage.store.create(key, second), false, 'create of a taken key')
      await holds(stage, key, first, 'the record after a refused create')
    },
  },
  {
    title: 'replace: true for the version that is there; every part is replaced',
    async play(stage) {
      const key = newKey()
      await put(stage, key, { payload: 'old', userId: 'user-1' })
      const second = recordFor(stage, {
        payload: 'new',
        version: 2,
        expiresAt: inMs(stage, 7_200_000),
        userId: 'user-2',
      })
      same(await stage.store.replace(key, second, 1), true, 'replace of the present version')
      await holds(stage, key, second, 'the record after replace')
      const third = recordFor(stage, { payload: 'newest', version: 3 })
      same(await stage.store.replace(key, third, 2), true, 'replace that takes the owner away')
      await holds(stage, key, third, 'the record without its owner')
    },
  },
  {
    title: 'replace: false for another version, older or newer, and the record stays as it was',
    async play(stage) {
      const key = newKey()
      const record = await put(stage, key, { version: 5, userId: 'user-1' })
      for (const version of [1, 4, 6, 50]) {
        const other = recordFor(stage, { payload: 'other', version: version + 1 })
        same(await stage.store.replace(key, other, version), false, `replace of version ${version} where 5 is`)
      }
      await holds(stage, key, record, 'the record after refused replaces')
    },
  },
  {
    title: 'replace: false for a key without a record, which it never creates',
    async play(stage) {
      const key = newKey()
      for (const version of [0, 1, 2]) {
        same(
          await stage.store.replace(key, recordFor(stage, { version }), version),
          false,
          'replace of a missing record',
        )
      }
      await holds(stage, key, null, 'the key after replace')
    },
  },
  {
    title: 'SEC-40 replace: false for a deleted record, which it does not bring back',
    async play(stage) {
      const key = newKey()
      await put(stage, key)
      await stage.store.delete(key)
      same(await stage.store.replace(key, recordFor(stage, { version: 2 }), 1), false, 'replace of a deleted record')
      await holds(stage, key, null, 'the deleted record')
    },
  },
  {
    title: 'touch: moves the deadline, later and earlier, as often as it is asked to, and nothing else',
    async play(stage) {
      const key = newKey()
      const record = await put(stage, key, { payload: 'kept', version: 3, userId: 'user-1' })
      for (const ms of [7_200_000, 1_800_000, 5_400_000]) {
        const expiresAt = inMs(stage, ms)
        same(await stage.store.touch(key, expiresAt, 3), true, 'touch of the present version')
        await holds(stage, key, { ...record, expiresAt }, 'the touched record')
      }
      const next = recordFor(stage, { payload: 'next', version: 4 })
      same(await stage.store.replace(key, next, 3), true, 'replace after touch, which does not count as a change')
    },
  },
  {
    title: 'REL-14 touch: false for a key without a record, which it never creates',
    async play(stage) {
      const missing = newKey()
      const deleted = newKey()
      await put(stage, deleted)
      await stage.store.delete(deleted)
      for (const key of [missing, deleted]) {
        for (const version of [0, 1, 2]) {
          same(await stage.store.touch(key, inMs(stage, 3_600_000), version), false, 'touch of a missing record')
        }
        await holds(stage, key, null, 'the key after touch')
      }
    },
  },
  {
    title: 'delete: removes that record only; again, or of a missing one, is a success',
    async play(stage) {
      const key = newKey()
      const other = newKey()
      await put(stage, key)
      const kept = await put(stage, other)
      await stage.store.delete(key)
      await stage.store.delete(key)
      await stage.store.delete(newKey())
      await holds(stage, key, null, 'the deleted record')
      await holds(stage, other, kept, 'the other record')
    },
  },
  {
    title: 'create: true for a key that was deleted',
    async play(stage) {
      const key = newKey()
      await put(stage, key, { payload: 'first', version: 4 })
      await stage.store.delete(key)
      await holds(stage, key, await put(stage, key, { payload: 'second' }), 'the second record')
    },
  },
  {
    title: 'keys: compared byte for byte; another case, a beginning or a longer one is another key',
    async play(stage) {
      const key = newKey('aB3-_')
      const record = await put(stage, key, { payload: 'the one' })
      const flipped = key.replace(/[A-Za-z]/g, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))
      for (const other of [flipped, key.slice(0, -1), key.slice(1), `${key}A`, `${key}-`, key.replaceAll('-', '_')]) {
        await holds(stage, other, null, `the key ${other} where only ${key} was created`)
        same(await stage.store.touch(other, inMs(stage, 60_000), 1), false, `touch of ${other}`)
        await stage.store.delete(other)
      }
      const second = await put(stage, flipped, { payload: 'the other' })
      await holds(stage, key, record, 'the first record')
      await holds(stage, flipped, second, 'the record of the key in the other case')
    },
  },
  {
    title: 'keys: 16 to 128 characters of A-Z a-z 0-9 - _, whichever comes first',
    async play(stage) {
      const long = newKey() + newKey() + newKey() + newKey()
      for (const key of [newKey().slice(0, 16), long, newKey('-'), newKey('--'), newKey('_'), newKey('__proto__')]) {
        await holds(stage, key, await put(stage, key, { payload: key }), `the record of ${key}`)
      }
    },
  },
  {
    title: 'SEC-60 isolation: what is done to a record that was given or read changes nothing in the store',
    async play(stage) {
      const key = newKey()
      const given: Record<keyof StoredRecord, unknown> = { ...recordFor(stage), userId: 'user-1' }
      const before = { ...given } as unknown as StoredRecord
      same(await stage.store.create(key, given as unknown as StoredRecord), true, 'create')
      spoil(given)
      await holds(stage, key, before, 'the record after the one given to create was changed')
      spoil(await stage.store.read(key))
      await holds(stage, key, before, 'the record after the one that was read was changed')
      const next = { ...before, payload: 'next', version: 2 }
      const replacement = { ...next }
      same(await stage.store.replace(key, replacement, 1), true, 'replace')
      spoil(replacement)
      await holds(stage, key, next, 'the record after the one given to replace was changed')
    },
  },
  {
    title: 'options: every operation takes a signal that is not aborted',
    async play(stage) {
      const options = { signal: new AbortController().signal }
      const key = newKey()
      const { store } = stage
      same(await store.create(key, recordFor(stage), options), true, 'create')
      same(await store.replace(key, recordFor(stage, { version: 2 }), 1, options), true, 'replace')
      same(await store.touch(key, inMs(stage, 60_000), 2, options), true, 'touch')
      same((await store.read(key, options))?.version, 2, 'the version read')
      await store.delete(key, options)
      await holds(stage, key, null, 'the deleted record')
    },
  },
]

/** Changes every property; a frozen record, which refuses, is as good as a copy. */
function spoil(record: object | null): void {
  for (const [name, value] of Object.entries({ payload: 'spoilt', version: 99, expiresAt: 1, userId: 'spoilt' })) {
    if (record !== null) Reflect.set(record, name, value)
  }
}
