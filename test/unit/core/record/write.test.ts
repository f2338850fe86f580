import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richCodec } from '../../../../src/codecs/rich.ts'
import type { Codec } from '../../../../src/contract/codec.ts'
import type { SchemaResult } from '../../../../src/contract/schema.ts'
import type { AnyData } from '../../../../src/contract/session.ts'
import { type Contents, type Frozen, noMessages } from '../../../../src/core/record/contents.ts'
import { absoluteDeadline, deadline } from '../../../../src/core/record/expiry.ts'
import { readRecord, tombstoneIn } from '../../../../src/core/record/read.ts'
import { type Facts, parsePayload } from '../../../../src/core/record/wire.ts'
import {
  fits,
  freeze,
  pack,
  packTombstone,
  rememberedUntil,
  retiredMs,
  thaw,
} from '../../../../src/core/record/write.ts'
import { boxType, difference, key, richValue, valuesOf } from '../../codecs/values.ts'
import { held, mutationsOf } from '../changes/mutations.ts'
import { codeOf, systemOf, told } from '../system.ts'

const codec = richCodec({ types: [boxType] })
const hour = 3_600_000

function contentsOf(data: Record<string, unknown>, facts: Partial<Facts> = {}): Contents {
  return { facts: { createdAt: 1, root: 'root', ...facts }, data, flash: noMessages }
}

/** What is frozen at once: everything unless there is a schema. */
function frozenOf(frozen: ReturnType<typeof freeze>): Frozen {
  if (frozen instanceof Promise) throw new Error('freezing takes time')
  return frozen
}

describe('freeze and thaw', () => {
  it('whatever the application does to the values afterwards, what was frozen is what was there before', async () => {
    const { engine } = await systemOf({ codec })
    fc.assert(
      fc.property(held, held, (data, messages) => {
        const flash = Object.fromEntries(
          Object.entries(messages).map(([name, value]) => [name, { value, stamp: `of ${name}` }]),
        )
        const before = codec.decode(codec.encode({ data, flash: messages }))
        const frozen = frozenOf(freeze(engine, { ...contentsOf(data), flash }))
        const stamps = Object.fromEntries(Object.keys(messages).map((name) => [name, `of ${name}`]))
        for (const [, mutate] of [...mutationsOf(data), ...mutationsOf(messages)]) mutate()
        expect(difference(thaw(engine, frozen), before)).toBeNull()
        expect(difference(JSON.parse(frozen.stamps), stamps)).toBeNull()
      }),
      { numRuns: 300 },
    )
  })

  it('what was thawed is new each time', async () => {
    const { engine } = await systemOf({ codec })
    fc.assert(
      fc.property(held, (data) => {
        const frozen = frozenOf(freeze(engine, contentsOf(data)))
        const first = thaw(engine, frozen)
        for (const [, mutate] of mutationsOf(first.data)) mutate()
        expect(difference(thaw(engine, frozen).data, codec.decode(codec.encode({ data }))?.data)).toBeNull()
      }),
      { numRuns: 200 },
    )
  })

  it('what is frozen, packed and read again is the same session', async () => {
    const { engine, clock } = await systemOf({ codec })
    const contents = fc
      .tuple(valuesOf(richValue), fc.constantFrom<Partial<Facts>>({}, { userId: 'ada', device: 'Firefox' }))
      .map(([{ data, flash = {} }, facts]) => ({
        facts: { createdAt: clock(), root: 'root', ...facts },
        data,
        flash: Object.fromEntries(Object.entries(flash).map(([name, value]) => [name, { value, stamp: `s ${name}` }])),
      }))
    fc.assert(
      fc.property(contents, (given) => {
        const record = pack(engine, frozenOf(freeze(engine, given)), 1, clock())
        const reading = readRecord(engine, 'a-key-of-a-session', record)
        const { contents: read } = reading as unknown as { contents: Contents }
        expect(difference(read, given)).toBeNull()
      }),
      { numRuns: 300 },
    )
  })

  it('stamps the data with the present version; without migrations it keeps the version that it has', async () => {
    const [plain, migrating] = [await systemOf(), await systemOf({ migrate: { version: 3, up: (data) => data } })]
    const versionOf = ({ facts }: Frozen) => facts.dataVersion
    expect(versionOf(frozenOf(freeze(plain.engine, contentsOf({}))))).toBeUndefined()
    expect(versionOf(frozenOf(freeze(plain.engine, contentsOf({}, { dataVersion: 2 }))))).toBe(2)
    expect(versionOf(frozenOf(freeze(migrating.engine, contentsOf({}))))).toBe(3)
    expect(versionOf(frozenOf(freeze(migrating.engine, contentsOf({}, { dataVersion: 2 }))))).toBe(3)
  })

  it('keeps a flash message under any key, with its stamp', async () => {
    const { engine } = await systemOf()
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 4 }), (names) => {
        const flash = Object.fromEntries(names.map((name) => [name, { value: `to ${name}`, stamp: `of ${name}` }]))
        const frozen = frozenOf(freeze(engine, { ...contentsOf({}), flash }))
        const values = Object.fromEntries(names.map((name) => [name, `to ${name}`]))
        expect(difference(thaw(engine, frozen).flash ?? {}, values)).toBeNull()
        const stamps = Object.fromEntries(names.map((name) => [name, `of ${name}`]))
        expect(difference(frozen.stamps === '' ? {} : JSON.parse(frozen.stamps), stamps)).toBeNull()
      }),
    )
  })

  it('what the codec cannot write is VALUE_INVALID with the path', async () => {
    const { engine } = await systemOf()
    expect(() => freeze(engine, contentsOf({ cart: [() => 1] }))).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining('data.cart[0]') }),
    )
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['bytes', new Uint8Array(1)],
    ['a promise', Promise.resolve('{}')],
    ['a boxed string', Object('{}')],
  ])('a codec whose encode returns %s is VALUE_INVALID with what it must return', async (_, text) => {
    const { engine, sessions, store } = await systemOf({
      codec: { encode: () => text as string, decode: () => ({ data: {} }) },
    })
    expect(() => freeze(engine, contentsOf({}))).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining('string') }),
    )
    const session = await sessions.open(null)
    session.set('a', 1)
    expect(await codeOf(() => session.save())).toBe('VALUE_INVALID')
    expect(store.calls).toEqual([])
  })

  it('a codec that cannot read what it wrote is VALUE_INVALID', async () => {
    const { engine } = await systemOf({ codec: { encode: () => 'x', decode: () => null } })
    expect(() => thaw(engine, frozenOf(freeze(engine, contentsOf({}))))).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    )
  })
})

describe('a schema that takes its time', () => {
  type Look = (data: AnyData) => SchemaResult<AnyData> | Promise<SchemaResult<AnyData>>
  const schemaOf = (look: Look) => ({
    '~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => look(value as AnyData) },
  })

  it('is shown what was frozen, and what the application does meanwhile is not stored', async () => {
    const seen: string[] = []
    const { engine } = await systemOf({
      schema: schemaOf(async (value) => {
        await null
        seen.push(JSON.stringify(value))
        return { value }
      }),
    })
    const data = { list: [1], inner: { n: 1 } as Record<string, unknown> }
    const freezing = freeze(engine, contentsOf(data))
    data.list.push(2)
    data.inner['n'] = 2
    const frozen = await freezing
    expect(seen).toEqual(['{"list":[1],"inner":{"n":1}}'])
    expect(thaw(engine, frozen).data).toEqual({ list: [1], inner: { n: 1 } })
  })

  it('what it does to what it is shown changes neither what is stored nor what the application has', async () => {
    const { engine } = await systemOf({
      schema: schemaOf((value) => {
        ;(value['list'] as number[]).push(9)
        return { value }
      }),
    })
    const data = { list: [1] }
    expect(thaw(engine, await freeze(engine, contentsOf(data))).data).toEqual({ list: [1] })
    expect(data).toEqual({ list: [1] })
  })

  it('that says no is DATA_INVALID with the places, not the values, and nothing is stored', async () => {
    const system = await systemOf({
      schema: schemaOf((value) =>
        Object.hasOwn(value, 'bad')
          ? { issues: [{ message: 'hunter2 is bad', path: ['bad', { key: 'inner' }, 0] }, { message: 'all of it' }] }
          : { value },
      ),
    })
    const session = await system.sessions.open(null)
    session.set('bad', 'hunter2')
    await expect(session.save()).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/bad\.inner\.0, data\.$/),
    })
    await expect(session.save()).rejects.toThrow(expect.not.stringContaining('hunter2'))
    expect(system.store.calls).toEqual([])
    session.delete('bad')
    session.set('good', 1)
    await session.save()
  })
})

describe('limits', () => {
  it('counts the keys: exactly as many as allowed are stored, one more is RECORD_TOO_LARGE', async () => {
    const system = await systemOf({ limits: { keys: 3 } })
    const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]))
    expect(thaw(system.engine, frozenOf(freeze(system.engine, contentsOf(keys(3))))).data).toEqual(keys(3))
    expect(system.events).toEqual([])
    expect(() => freeze(system.engine, contentsOf(keys(4), { userId: 'ada' }))).toThrow(
      expect.objectContaining({ code: 'RECORD_TOO_LARGE' }),
    )
    expect(told(system, 'limit')).toEqual([{ limit: 'keys', root: 'root', userId: 'ada' }])
  })

  it('counts the bytes of the payload, not its characters, to the last one', async () => {
    const units = fc.constantFrom('a', 'ü', '€', '\u{1f600}', '\ud800', '\\', '\n')
    const { engine, clock } = await systemOf()
    await fc.assert(
      fc.asyncProperty(fc.array(units, { minLength: 1, maxLength: 50 }), async (signs) => {
        const frozen = frozenOf(freeze(engine, contentsOf({ text: signs.join('') })))
        const writeId = 'x.1'
        const bytes = Buffer.byteLength(pack(engine, frozen, 1, clock(), writeId).payload)
        const exactly = { ...engine, settings: { ...engine.settings, recordBytes: bytes } }
        const tooFew = { ...engine, settings: { ...engine.settings, recordBytes: bytes - 1 } }
        expect(Buffer.byteLength(pack(exactly, frozen, 1, clock(), writeId).payload)).toBe(bytes)
        expect(() => pack(tooFew, frozen, 1, clock(), writeId)).toThrow(
          expect.objectContaining({ code: 'RECORD_TOO_LARGE', message: expect.stringContaining(`${bytes} bytes`) }),
        )
      }),
    )
  })

  it('what fits can be packed, what does not cannot, and only that is told as a limit', async () => {
    const system = await systemOf({ limits: { recordBytes: 400 } })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
        const { engine, clock, events } = system
        const frozen = frozenOf(freeze(engine, contentsOf({ text })))
        const before = events.length
        const fitting = fits(engine, frozen)
        expect(events.length).toBe(before)
        if (fitting) pack(engine, frozen, 1, clock())
        else expect(() => pack(engine, frozen, 1, clock())).toThrow(/limits\.recordBytes allows 400/)
        expect(events.length).toBe(fitting ? before : before + 1)
      }),
    )
  })

  it('a session that was never stored has no root to be told by', async () => {
    const system = await systemOf({ limits: { recordBytes: 30 } })
    const frozen = frozenOf(freeze(system.engine, contentsOf({ a: 1 }, { root: '' })))
    expect(() => pack(system.engine, frozen, 1, system.clock())).toThrow(/RECORD|bytes/)
    expect(told(system, 'limit')).toEqual([{ limit: 'recordBytes' }])
  })

  it('nothing is stored of what is too large, and what was there stays', async () => {
    const system = await systemOf({ limits: { recordBytes: 400 } })
    const session = await system.sessions.open(null)
    session.set('a', 1)
    const { token } = await system.sessions.commit(session)
    const later = await system.sessions.open(token)
    later.set('long', 'x'.repeat(400))
    system.store.calls.length = 0
    expect(await codeOf(() => later.save())).toBe('RECORD_TOO_LARGE')
    expect(system.store.calls).toEqual([])
    expect((await system.sessions.open(token)).toJSON().data).toEqual({ a: 1 })
  })
})

describe('pack', () => {
  it('writes version, deadline and owner beside the payload', async () => {
    const { engine, clock } = await systemOf()
    const nobody = pack(engine, frozenOf(freeze(engine, contentsOf({}, { createdAt: clock() }))), 7, clock())
    expect(nobody).toEqual({ payload: expect.any(String), version: 7, expiresAt: clock() + hour / 2 })
    const ada = { createdAt: clock(), userId: 'ada', authenticatedAt: clock() }
    const owned = pack(engine, frozenOf(freeze(engine, contentsOf({}, ada))), 1, clock())
    expect(owned).toMatchObject({ userId: 'ada', expiresAt: deadline(ada, clock(), engine.settings.timeouts) })
  })

  it('no two payloads are alike: a write can be told by what is found', async () => {
    const { engine, clock } = await systemOf()
    const frozen = frozenOf(freeze(engine, contentsOf({ a: 1 })))
    const payloads = Array.from({ length: 100 }, () => pack(engine, frozen, 1, clock()).payload)
    expect(new Set(payloads).size).toBe(100)
    const parsed = parsePayload(pack(engine, frozen, 1, clock(), 'mine').payload)
    expect(parsed).toMatchObject({ writeId: 'mine', values: frozen.values })
  })

  it('SEC-61 a clock that tells no time is VALUE_INVALID before anything is stored', async () => {
    const { engine, clock } = await systemOf()
    const frozen = frozenOf(freeze(engine, contentsOf({}, { createdAt: Number.NaN })))
    expect(() => pack(engine, frozen, 1, clock())).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
  })
})

describe('a tombstone', () => {
  it('takes the place of a version, and tells when, of what and where to', async () => {
    const { engine, clock } = await systemOf()
    const record = packTombstone(engine, { version: 4 }, { root: 'r', next: 'k' }, clock() + 5)
    expect([record.version, record.expiresAt, record.userId]).toEqual([5, clock() + 5, undefined])
    expect(tombstoneIn(record)).toEqual({ at: clock(), root: 'r', next: 'k' })
  })

  it('is remembered while requests with the old token can run; after a rotation, until the next one is due', async () => {
    const { engine, clock } = await systemOf()
    const length = fc.integer({ min: 1, max: 1e7 })
    fc.assert(
      fc.property(length, length, fc.integer({ min: -1e7, max: 0 }), fc.boolean(), (...given) => {
        const [rotateEvery, absolute, age, automatic] = given
        const timeouts = { ...engine.settings.timeouts, absolute }
        const parts = { ...engine, settings: { ...engine.settings, rotateEvery, timeouts } }
        const facts: Facts = { createdAt: clock() + age, root: 'r' }
        const until = rememberedUntil(parts, facts, automatic)
        const wanted = clock() + (automatic ? Math.max(rotateEvery, retiredMs) : retiredMs)
        // Never longer than the session can live, and never over at once: a store would not take it.
        expect(until).toBe(Math.min(wanted, Math.max(absoluteDeadline(facts, timeouts), clock() + 1)))
        expect(until).toBeGreaterThan(clock())
      }),
    )
  })
})

describe('a codec of the application', () => {
  it('may keep what the engine never looks into, as long as it can read it', async () => {
    const texts = new Map<string, unknown>()
    const keeping: Codec = {
      encode(values) {
        texts.set(`text ${texts.size}`, structuredClone(values))
        return `text ${texts.size - 1}`
      },
      decode: (text) => structuredClone(texts.get(text) ?? null) as ReturnType<Codec['decode']>,
    }
    const { engine } = await systemOf({ codec: keeping })
    const frozen = frozenOf(freeze(engine, contentsOf({ a: new Set([1]) })))
    expect(thaw(engine, frozen).data).toEqual({ a: new Set([1]) })
  })
})
