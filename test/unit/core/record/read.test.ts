import { describe, expect, it } from 'vitest'
import type { Codec } from '../../../../src/contract/codec.ts'
import type { SchemaResult } from '../../../../src/contract/schema.ts'
import type { AnyData } from '../../../../src/contract/session.ts'
import type { StoredRecord } from '../../../../src/contract/store.ts'
import { factsIn, type Reading, readRecord, tombstoneIn } from '../../../../src/core/record/read.ts'
import { type Facts, writeNote, writePayload, writeTombstone } from '../../../../src/core/record/wire.ts'
import { codeOf, type System, systemOf } from '../system.ts'

const hour = 3_600_000
const key = 'the-key-of-the-session'

interface Planted {
  readonly facts?: Partial<Facts>
  readonly values?: string
  readonly stamps?: Record<string, string>
  readonly livesMs?: number
}

function recordIn({ clock }: System, { facts, values = '{"d":{"a":1}}', stamps, livesMs = hour }: Planted = {}) {
  const head = { createdAt: clock(), root: 'root', ...facts }
  return bare(clock() + livesMs, writePayload(head, stamps === undefined ? '' : JSON.stringify(stamps), 'w.1', values))
}

function bare(expiresAt: number, payload: string): StoredRecord {
  return { payload, version: 3, expiresAt }
}

/** Every reading is at hand unless there is a schema. */
async function read(system: System, record: StoredRecord | null): Promise<Reading> {
  return readRecord(system.engine, key, record)
}

function liveIn(reading: Reading): Extract<Reading, { kind: 'live' }> {
  if (reading.kind !== 'live') throw new Error(`not live but ${reading.kind}`)
  return reading
}

describe('readRecord', () => {
  it('returns what is stored, and the id of the write that stored it', async () => {
    const system = await systemOf()
    const facts: Facts = { createdAt: 5, root: 'r', userId: 'ada', authenticatedAt: system.clock(), device: 'Firefox' }
    const record = recordIn(system, { facts, values: '{"d":{"a":[1]},"f":{"note":"x"}}', stamps: { note: 's' } })
    expect(await read(system, record)).toEqual({
      kind: 'live',
      contents: { facts, data: { a: [1] }, flash: { note: { value: 'x', stamp: 's' } } },
      writeId: 'w.1',
    })
  })

  it('returns at once where no schema has to be asked', async () => {
    const system = await systemOf()
    expect(readRecord(system.engine, key, recordIn(system))).not.toBeInstanceOf(Promise)
  })

  it('returns contents that belong to the caller: each reading makes its own', async () => {
    const system = await systemOf()
    const record = recordIn(system, { values: '{"d":{"list":[1]},"f":{"note":{"n":1}}}', stamps: { note: 's' } })
    const [first, second] = [liveIn(await read(system, record)), liveIn(await read(system, record))]
    ;(first.contents.data['list'] as number[]).push(2)
    Object.assign(first.contents.flash['note']?.value as object, { n: 2 })
    expect(second.contents.data).toEqual({ list: [1] })
    expect(second.contents.flash['note']?.value).toEqual({ n: 1 })
  })

  it('nothing, an expired record, a note and a session that this process has ended are all missing', async () => {
    const system = await systemOf()
    expect(await read(system, null)).toEqual({ kind: 'missing' })
    expect((await read(system, recordIn(system, { livesMs: 1 }))).kind).toBe('live')
    // A store that tells the time by another clock may still have it.
    expect(await read(system, recordIn(system, { livesMs: 0 }))).toEqual({ kind: 'missing' })
    expect(await read(system, recordIn(system, { livesMs: -1 }))).toEqual({ kind: 'missing' })
    expect(await read(system, bare(system.clock() + hour, writeNote({ epoch: 'e' })))).toEqual({ kind: 'missing' })
    const record = recordIn(system)
    system.engine.ended.add(key, system.clock())
    expect(await read(system, record)).toEqual({ kind: 'missing' })
    expect(((await readRecord(system.engine, 'another-key-than-that', record)) as Reading).kind).toBe('live')
  })

  it('a tombstone says where the session went', async () => {
    const system = await systemOf()
    for (const tombstone of [
      { at: 5, root: 'r' },
      { at: 5, root: 'r', next: 'k', sealedNext: 's' },
    ]) {
      const record = bare(system.clock() + 1, writeTombstone(tombstone))
      expect(await read(system, record)).toEqual({ kind: 'tombstone', tombstone })
      expect([tombstoneIn(record), factsIn(record)]).toEqual([tombstone, null])
    }
  })

  it('refuses beyond the absolute deadline, which may be nearer than when it was stored, and says whose it was', async () => {
    const system = await systemOf({ absoluteTimeout: '1h', idleTimeout: '1h' })
    const record = recordIn(system, {
      facts: { createdAt: system.clock() - hour + 1, userId: 'ada' },
      livesMs: 9 * hour,
    })
    expect((await read(system, record)).kind).toBe('live')
    system.clock.advance(1)
    expect(await read(system, record)).toMatchObject({
      kind: 'refused',
      reason: 'expired',
      contents: { facts: { userId: 'ada' } },
    })
    // A sign-in began a new lifetime.
    const signedIn = { createdAt: system.clock() - 9 * hour, authenticatedAt: system.clock() }
    expect((await read(system, recordIn(system, { facts: signedIn }))).kind).toBe('live')
  })

  it.each(['', 'not ours', '{}', '{"v":2,"c":1,"o":"r","w":"w"}\n{}', '{"v":1,"c":1,"o":"r"}\n{}'])(
    'the payload %j is corrupt, and nothing of it is passed on',
    async (payload) => {
      const system = await systemOf()
      const record = bare(system.clock() + hour, payload)
      expect(await read(system, record)).toEqual({ kind: 'refused', reason: 'corrupt', contents: null })
      expect([tombstoneIn(record), factsIn(record)]).toEqual([null, null])
    },
  )

  it.each(['', 'x', '[]', '{"d":1}', '{"d":{},"t":1}', '{"d":{"a":1},"t":[["gone","d","a"]]}'])(
    'values that the codec cannot read are corrupt: %j',
    async (values) => {
      const system = await systemOf()
      expect(await read(system, recordIn(system, { values }))).toEqual({
        kind: 'refused',
        reason: 'corrupt',
        contents: null,
      })
    },
  )
})

describe('a codec of the application', () => {
  const nonsense: ReadonlyArray<readonly [string, () => unknown]> = [
    [
      'throws',
      () => {
        throw new Error('from the codec')
      },
    ],
    ['returns null', () => null],
    ['returns undefined', () => undefined],
    ['returns text', () => 'text'],
    ['returns a number', () => 5],
    ['returns true', () => true],
    ['returns a function', () => () => ({ data: {} })],
    ['returns a promise', async () => ({ data: {} })],
    ['returns nothing in it', () => ({})],
    ['returns data that is null', () => ({ data: null })],
    ['returns data that is a list', () => ({ data: [] })],
    ['returns data that is text', () => ({ data: 'text' })],
    ['returns messages that are null', () => ({ data: {}, flash: null })],
    ['returns messages that are a list', () => ({ data: {}, flash: [] })],
    ['returns messages that are text', () => ({ data: {}, flash: 'text' })],
  ]

  it.each(nonsense)('whose decode %s makes the record corrupt', async (_, decode) => {
    const codec: Codec = { encode: JSON.stringify, decode: decode as Codec['decode'] }
    const system = await systemOf({ codec })
    expect(await read(system, recordIn(system))).toEqual({ kind: 'refused', reason: 'corrupt', contents: null })
  })

  it('gets the text that it wrote, to the letter, and may write anything', async () => {
    const texts: string[] = []
    const codec: Codec = {
      encode: () => 'anything\n{"v":1}\n\0ü\ud800',
      decode(text) {
        texts.push(text)
        return { data: { read: true } }
      },
    }
    const system = await systemOf({ codec })
    const values = codec.encode({ data: {} })
    expect(liveIn(await read(system, recordIn(system, { values }))).contents.data).toEqual({ read: true })
    expect(texts).toEqual([values])
  })
})

describe('flash messages', () => {
  it('are those that have a stamp; a stamp without one, and one without a stamp, are none', async () => {
    const system = await systemOf()
    const record = recordIn(system, {
      values: '{"f":{"a":1,"__proto__":2,"constructor":3,"toString":4}}',
      stamps: Object.fromEntries([
        ['a', 's1'],
        ['__proto__', 's2'],
        ['gone', 's3'],
      ]),
    })
    const { flash } = liveIn(await read(system, record)).contents
    expect(Object.entries(flash)).toEqual([
      ['a', { value: 1, stamp: 's1' }],
      ['__proto__', { value: 2, stamp: 's2' }],
    ])
    expect(Object.getPrototypeOf(flash)).toBe(Object.prototype)
  })
})

describe('migration', () => {
  const up = (data: Record<string, unknown>, from: number) => ({ ...data, from, shape: 3 })

  it('carries data of an older version over, and stamps it', async () => {
    const system = await systemOf({ migrate: { version: 3, up } })
    for (const dataVersion of [0, 1, 2]) {
      const facts = dataVersion === 0 ? {} : { dataVersion }
      const { contents } = liveIn(await read(system, recordIn(system, { facts })))
      expect(contents.data).toEqual({ a: 1, from: dataVersion, shape: 3 })
      expect(contents.facts).toEqual({ createdAt: system.clock(), root: 'root', dataVersion: 3 })
    }
  })

  it('leaves data of the present version alone', async () => {
    const system = await systemOf({ migrate: { version: 3, up } })
    const { contents } = liveIn(await read(system, recordIn(system, { facts: { dataVersion: 3 } })))
    expect([contents.data, contents.facts.dataVersion]).toEqual([{ a: 1 }, 3])
  })

  it.each([
    ['none', undefined, 1],
    ['an older one', { version: 3, up }, 4],
    ['an older one', { version: 3, up }, 3.5],
  ])('refuses data of a newer version than %s', async (_, migrate, dataVersion) => {
    const system = await systemOf(migrate === undefined ? {} : { migrate })
    expect(await read(system, recordIn(system, { facts: { dataVersion } }))).toMatchObject({
      kind: 'refused',
      reason: 'newer-version',
      contents: { data: { a: 1 }, facts: { dataVersion } },
    })
  })

  it.each<[string, () => unknown]>([
    ['a promise', async () => ({ a: 2 })],
    ['a promise of another library', () => Object.fromEntries([['then', () => undefined]])],
    ['undefined', () => undefined],
    ['null', () => null],
    ['a list', () => [1]],
    ['text', () => 'text'],
    ['false', () => false],
    ['a function', () => () => ({})],
  ])('that returns %s is DATA_INVALID: the session must not pass for empty', async (_, nonsense) => {
    const system = await systemOf({ migrate: { version: 1, up: nonsense as typeof up } })
    expect(await codeOf(() => read(system, recordIn(system)))).toBe('DATA_INVALID')
  })

  it('that throws is heard of by whoever asked', async () => {
    const fault = new Error('from migrate.up')
    const system = await systemOf({
      migrate: {
        version: 1,
        up() {
          throw fault
        },
      },
    })
    expect(await codeOf(() => read(system, recordIn(system)))).toBe(fault)
  })

  it('is not asked about what is refused before', async () => {
    let asked = 0
    const system = await systemOf({ migrate: { version: 1, up: (data) => ({ ...data, asked: ++asked }) } })
    for (const record of [
      null,
      recordIn(system, { livesMs: 0 }),
      recordIn(system, { values: 'x' }),
      recordIn(system, { facts: { createdAt: 0 } }),
      recordIn(system, { facts: { dataVersion: 2 } }),
      bare(system.clock() + 1, writeTombstone({ at: 1, root: 'r' })),
    ]) {
      expect((await read(system, record)).kind).not.toBe('live')
    }
    expect(asked).toBe(0)
  })
})

describe('a schema', () => {
  const noBad = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      async validate(value: unknown): Promise<SchemaResult<AnyData>> {
        const data = value as AnyData
        return Object.hasOwn(data, 'bad') ? { issues: [{ message: 'bad', path: ['bad'] }] } : { value: data }
      },
    },
  }

  it('is asked about the migrated data', async () => {
    const system = await systemOf({
      schema: noBad,
      migrate: { version: 1, up: ({ bad: _, ...data }) => ({ ...data, mended: true }) },
    })
    const record = recordIn(system, { values: '{"d":{"bad":1,"a":1}}' })
    expect(liveIn(await read(system, record)).contents.data).toEqual({ a: 1, mended: true })
  })

  it('refuses what does not fit, with what could be read of it', async () => {
    const system = await systemOf({ schema: noBad })
    expect(await read(system, recordIn(system, { values: '{"d":{"bad":1}}', facts: { userId: 'ada' } }))).toMatchObject(
      {
        kind: 'refused',
        reason: 'schema',
        contents: { data: { bad: 1 }, facts: { userId: 'ada' } },
      },
    )
    expect((await read(system, recordIn(system))).kind).toBe('live')
  })

  it('what it transforms is not kept', async () => {
    const system = await systemOf({
      schema: { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { other: true } }) } },
    })
    expect(liveIn(await read(system, recordIn(system))).contents.data).toEqual({ a: 1 })
  })
})
