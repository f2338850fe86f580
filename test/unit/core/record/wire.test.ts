import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Facts,
  type Parsed,
  parsePayload,
  type Tombstone,
  writeNote,
  writePayload,
  writeTombstone,
} from '../../../../src/core/record/wire.ts'
import { damaged } from '../../../fixtures/damage.ts'
import { difference, key, plainValue } from '../../codecs/values.ts'

const root = 'kJ2-_9'
const full: Facts = {
  createdAt: 1,
  root,
  rotatedAt: 2,
  formerIds: ['one', 'two'],
  authenticatedAt: 3,
  userId: 'u1',
  device: 'Firefox',
  dataVersion: 4,
}

function payloadOf(facts: Facts, stamps: Record<string, string> = {}, values = '{}', writeId = 'w.1'): string {
  const text = Object.keys(stamps).length === 0 ? '' : JSON.stringify(stamps)
  return writePayload(facts, text, writeId, values)
}

function sessionIn(payload: string): Extract<Parsed, { kind: 'session' }> {
  const parsed = parsePayload(payload)
  if (parsed?.kind !== 'session') throw new Error(`not a session: ${parsed?.kind}`)
  return parsed
}

describe('the payload of a session', () => {
  it('is a line that begins with the version, and below it the text of the codec', () => {
    expect(payloadOf({ createdAt: 1, root })).toBe('1 1 kJ2-_9 w.1\n{}')
    expect(payloadOf(full, { notice: 's' }, '{"d":{"a":1}}')).toBe(
      '1 1 kJ2-_9 w.1 {"r":2,"i":["one","two"],"a":3,"u":"u1","b":"Firefox","n":4,"f":{"notice":"s"}}\n{"d":{"a":1}}',
    )
  })

  const time = fc.oneof(fc.integer({ min: 0, max: 8.64e15 }), fc.double({ noNaN: true, noDefaultInfinity: true }))
  const text = fc.string({ unit: 'binary' })
  const anyFacts = fc.record(
    {
      createdAt: time,
      root: fc.stringMatching(/^[\w-]{1,22}$/),
      rotatedAt: time,
      formerIds: fc.array(text, { maxLength: 4 }),
      authenticatedAt: time,
      userId: text,
      device: text,
      dataVersion: fc.integer(),
    },
    { requiredKeys: ['createdAt', 'root'], noNullPrototype: true },
  ) as fc.Arbitrary<Facts>

  it('brings back every fact, every stamp, the id of the write and whatever text the codec wrote', () => {
    const stamps = fc
      .array(fc.tuple(key, text), { minLength: 1, maxLength: 3 })
      .map((entries) => Object.fromEntries(entries))
    fc.assert(
      fc.property(anyFacts, fc.option(stamps, { nil: {} }), text, fc.stringMatching(/^[\w.-]+$/), (...given) => {
        const [facts, marks, values, writeId] = given
        const parsed = parsePayload(payloadOf(facts, marks, values, writeId))
        expect(difference(parsed, { kind: 'session', facts: zeroed(facts), stamps: marks, writeId, values })).toBeNull()
      }),
      { numRuns: 500 },
    )
  })

  it('the values of a codec cannot pass for the head, whatever they begin with', () => {
    for (const values of ['\n', '1 2 x y {"u":"admin"}\n{}', '"u":"admin"}', '']) {
      const parsed = sessionIn(payloadOf({ createdAt: 1, root }, {}, values))
      expect([parsed.facts, parsed.values]).toEqual([{ createdAt: 1, root }, values])
    }
  })

  it('a user id, a device and a stamp cannot pass for another fact, whatever they hold', () => {
    const hostile = '","u":"admin"}\n{"d":{"role":"admin"}}'
    const facts = { createdAt: 1, root, userId: hostile, device: hostile, formerIds: [hostile] }
    const parsed = sessionIn(payloadOf(facts, { [hostile]: hostile }))
    expect([parsed.facts, parsed.stamps, parsed.values]).toEqual([facts, { [hostile]: hostile }, '{}'])
  })

  it('SEC-61: refuses facts that could not be read again', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const name of ['createdAt', 'rotatedAt', 'authenticatedAt', 'dataVersion'] as const) {
        expect(() => payloadOf({ createdAt: 1, root, [name]: bad })).toThrow(
          expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining(name) }),
        )
      }
      expect(() => writeTombstone({ at: bad, root })).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    }
  })
})

describe('the payload of a tombstone', () => {
  it('is its version and itself, without what is absent', () => {
    expect(writeTombstone({ at: 5, root })).toBe('1 x {"a":5,"o":"kJ2-_9"}')
    expect(writeTombstone({ at: 5, root, next: 'k', sealedNext: 's' })).toBe('1 x {"a":5,"o":"kJ2-_9","n":"k","s":"s"}')
  })

  it('comes back as it was', () => {
    const text = fc.string({ unit: 'binary' })
    const tombstones = fc.record(
      { at: fc.integer(), root: text, next: text, sealedNext: text },
      { requiredKeys: ['at', 'root'], noNullPrototype: true },
    ) as fc.Arbitrary<Tombstone>
    fc.assert(
      fc.property(tombstones, (tombstone) => {
        expect(difference(parsePayload(writeTombstone(tombstone)), { kind: 'tombstone', tombstone })).toBeNull()
      }),
    )
  })
})

describe('a note of the engine', () => {
  it('comes back as it was, and is neither a session nor a tombstone', () => {
    fc.assert(
      fc.property(plainValue, (note) => {
        expect(difference(parsePayload(writeNote(note)), { kind: 'note', note })).toBeNull()
      }),
    )
  })
})

describe('SEC-62 a payload of another', () => {
  const head = (fields: string) => `1 1 r w${fields === '' ? '' : ` {${fields}}`}\n{}`
  const wrong = {
    number: ['"1"', 'null', 'true', '[]', '{}', '1e999'],
    text: ['1', 'null', 'true', '[]', '{}'],
  }

  it('has every field that is written, in the texts below', () => {
    expect(sessionIn(head(''))).toEqual({
      kind: 'session',
      facts: { createdAt: 1, root: 'r' },
      stamps: {},
      writeId: 'w',
      values: '{}',
    })
  })

  it.each([
    ...['', ' ', '\n', '\n\n', '{', 'null', '1', '"x"', '[]', '{}', 'undefined', '[1,{"v":1}]\n{}'],
    ...['\uFEFF', '\0', ' ', '[', '_'].map((before) => `${before}1 1 r w\n{}`),
    ...[' x', ' ,', ' }', ' []', ' null', ' {}{}', ' {} {}', ' '].map((after) => `1 1 r w${after}\n{}`),
    // One line only: neither a tombstone nor a note.
    ...['1', '1 ', '1 1 r w', '1 x', '1 x ', '1 m', '1 m ', '1 m undefined', '1 y {}', '1 {"a":1,"o":"r"}'],
  ])('%j is nothing', (payload) => {
    expect(parsePayload(payload)).toBeNull()
  })

  it.each(['0', '2', '11', '1.5', '"1"', 'true', '', '+1', '01'])('of version %s is nothing', (version) => {
    for (const rest of [' 1 r w\n{}', ' x {"a":1,"o":"r"}', ' m 1']) {
      expect(parsePayload(`${version}${rest}`)).toBeNull()
    }
  })

  it('of which a fact is missing is nothing', () => {
    for (const left of ['1 r', '1  w', ' r w', '1', '', '1 r ', '1 r {"u":"x"}\n']) {
      expect(parsePayload(`1 ${left}\n{}`)).toBeNull()
    }
  })

  it.each([
    ...wrong.number.flatMap((value) => ['r', 'a', 'n'].map((field) => [field, value])),
    ...wrong.text.flatMap((value) => ['u', 'b'].map((field) => [field, value])),
    ...['1', 'null', '"x"', 'true', '{}', '[1]', '["a",null]', '[["a"]]'].map((value) => ['i', value]),
    ...['1', 'null', '"x"', 'true', '[]', '["s"]', '{"k":1}', '{"k":null}', '{"k":["s"]}'].map((value) => ['f', value]),
  ])('with the field %s being %s is nothing', (field, value) => {
    expect(parsePayload(head(`"${field}":${value}`))).toBeNull()
  })

  it.each(['"', '\\', '\t', 'ü', ':', '.', '{'])('with a root that holds %j is nothing', (sign) => {
    expect(parsePayload(`1 1 a${sign}b w\n{}`)).toBeNull()
  })

  it.each(['x', '1e999', '-Infinity', 'NaN', '1,5', '1n', 'null'])('created at %s is nothing', (time) => {
    expect(parsePayload(`1 ${time} r w\n{}`)).toBeNull()
  })

  it.each([
    ...['null', '[]', '{}', '1', '"x"', '{"a":1}', '{"o":"r"}', '{"a":"1","o":"r"}', '{"a":1e999,"o":"r"}'],
    ...['{"a":1,"o":1}', '{"a":1,"o":"r","n":1}', '{"a":1,"o":"r","n":null}', '{"a":1,"o":"r","s":{}}'],
  ])('with the tombstone %s is nothing', (tombstone) => {
    expect(parsePayload(`1 x ${tombstone}`)).toBeNull()
  })

  it('ignores a field that a later release may add', () => {
    expect(sessionIn(head('"later":{"a":[1]}')).facts).toEqual({ createdAt: 1, root: 'r' })
    expect(parsePayload('1 x {"a":1,"o":"r","later":2}')).toEqual({
      kind: 'tombstone',
      tombstone: { at: 1, root: 'r' },
    })
  })

  it('SEC-57: keys that objects have of their own are ordinary stamps, and Object.prototype stays as it is', () => {
    const before = Reflect.ownKeys(Object.prototype)
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'v', 'c', 'x', 'm']
    const stamps = Object.fromEntries(names.map((name) => [name, `stamp of ${name}`]))
    const parsed = sessionIn(payloadOf({ createdAt: 1, root }, stamps))
    expect(difference(parsed.stamps, stamps)).toBeNull()
    expect(Object.getPrototypeOf(parsed.stamps)).toBe(Object.prototype)
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
  })

  it('SEC-57: a head whose fields are those of its __proto__ is nothing', () => {
    expect(parsePayload('1 x {"__proto__":{"a":1,"o":"r"}}')).toBeNull()
    expect(sessionIn(head('"__proto__":{"u":"admin"},"constructor":{"prototype":{"u":"admin"}}')).facts).toEqual({
      createdAt: 1,
      root: 'r',
    })
  })

  it('SEC-57: what is on Object.prototype is not taken for a field', () => {
    const fields = {
      u: 'admin',
      a: 9,
      r: 9,
      b: 'x',
      n: 9,
      i: ['x'],
      f: { k: 's' },
      s: 'token',
      x: { a: 1, o: 'r' },
      m: 1,
    }
    polluted(fields, () => {
      const parsed = parsePayload('1 1 r w {}\n{}') as Extract<Parsed, { kind: 'session' }>
      expect(Object.keys(parsed)).toEqual(['kind', 'facts', 'stamps', 'writeId', 'values'])
      expect(Object.keys(parsed.facts)).toEqual(['createdAt', 'root'])
      expect(Object.keys(parsed.stamps)).toEqual([])
      expect(parsePayload('1 x {"o":"r"}')).toBeNull()
      const tombstone = parsePayload('1 x {"a":1,"o":"r"}') as Extract<Parsed, { kind: 'tombstone' }>
      expect(Object.keys(tombstone.tombstone)).toEqual(['at', 'root'])
      expect(payloadOf({ createdAt: 1, root })).toBe('1 1 kJ2-_9 w.1\n{}')
      expect(writeTombstone({ at: 1, root: '' })).toBe('1 x {"a":1,"o":""}')
    })
  })

  it('any text is taken without throwing, and what it gives can be written again', () => {
    const given = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      plainValue.map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(given, fc.constantFrom(...'riaubnfs'), (text, field) => {
        for (const payload of [text, `1 ${text}\n{}`, head(`"${field}":${text}`), `1 x ${text}`, `1 m ${text}`]) {
          expectHarmless(payload)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('cut, flipped and filled payloads are taken without throwing', () => {
    const payloads = fc.constantFrom(
      payloadOf(full, { notice: 's' }, '{"d":{"a":1}}'),
      writeTombstone({ at: 5, root, next: 'k', sealedNext: 's' }),
      writeNote({ epoch: 'e', except: 'x', since: ['a'] }),
    )
    fc.assert(fc.property(damaged(payloads), expectHarmless), { numRuns: 1000 })
  })

  it('a head that is nested deeply, or has many fields, is taken without throwing', () => {
    const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`
    for (const payload of ['['.repeat(1e6), `1 x ${deep}`, `1 m ${deep}`]) {
      expect(() => parsePayload(payload)).not.toThrow()
    }
    expect(parsePayload(head(`"i":${deep}`))).toBeNull()
    expect(parsePayload(head(`"f":${deep}`))).toBeNull()
    expect(sessionIn(head(`"later":${deep}`)).facts).toEqual({ createdAt: 1, root: 'r' })
  })
})

/** It may be nothing or well-formed; it may not throw, and not touch what all objects share. */
function expectHarmless(payload: string): void {
  const shared = () =>
    [Object.prototype, Array.prototype].flatMap((prototype) => Reflect.ownKeys(prototype).map(String)).join()
  const before = shared()
  const parsed = parsePayload(payload)
  expect(shared()).toBe(before)
  if (parsed === null) return
  const again =
    parsed.kind === 'session'
      ? payloadOf(parsed.facts, parsed.stamps, parsed.values, 'again')
      : parsed.kind === 'tombstone'
        ? writeTombstone(parsed.tombstone)
        : writeNote(parsed.note)
  const expected = parsed.kind === 'session' ? { ...parsed, writeId: 'again' } : parsed
  expect(difference(zeroed(parsePayload(again)), zeroed(expected))).toBeNull()
}

/** -0 is written as 0, as `String` and JSON spell it. */
function zeroed<Value>(value: Value): Value {
  if (typeof value === 'number') return (value === 0 ? 0 : value) as Value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(zeroed) as Value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, zeroed(inner)])) as Value
}

/** Runs `work` while all objects have these fields. */
function polluted(fields: Record<string, unknown>, work: () => void): void {
  try {
    for (const [name, value] of Object.entries(fields)) {
      Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true, writable: true })
    }
    work()
  } finally {
    for (const name of Object.keys(fields)) Reflect.deleteProperty(Object.prototype, name)
  }
}
