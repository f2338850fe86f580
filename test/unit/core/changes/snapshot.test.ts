import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richCodec } from '../../../../src/codecs/rich.ts'
import { matches, snapshot } from '../../../../src/core/changes/snapshot.ts'

const codec = richCodec()

/** A deep copy as the store makes one. */
function copyOf(data: Record<string, unknown>): Record<string, unknown> {
  const copy = codec.decode(codec.encode({ createdAt: 0, data }))
  if (copy === null) throw new Error('the codec cannot read what it wrote')
  return copy.data
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 8 })

/** What a session can hold and an application can change in place, several levels deep. */
const value = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.string(),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom(null, undefined, 0, -0, Number.NaN, '', '0'),
  ),
  special: fc.oneof(
    fc.date({ noInvalidDate: false }),
    fc.webUrl().map((url) => new URL(url)),
    fc.constantFrom('a', 'b+').map((source) => new RegExp(source, 'g')),
    bytes,
    bytes.map((each) => each.slice().buffer),
    bytes.map((each) => new DataView(each.slice().buffer)),
    bytes.map((each) => new Int8Array(each)),
  ),
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('leaf'),
    tie('special'),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('__proto__', 'a', 'b')), tie('any'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('any'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
}))
const held = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), value.any, {
  minKeys: 1,
  noNullPrototype: true,
})

/** Every place of a value that can be changed in place: what it is, and how to change it. */
type Change = readonly [what: string, change: () => void]

function changesOf(container: unknown): Change[] {
  if (typeof container !== 'object' || container === null) return []
  if (Array.isArray(container)) {
    return [
      ...container.flatMap((item, at) => [...replacements(item, (next) => (container[at] = next)), ...changesOf(item)]),
      ['push', () => container.push(undefined)],
      ...(container.length === 0 ? [] : ([['pop', () => container.pop()]] as Change[])),
      ...container.flatMap((item, at): Change[] => (item === undefined ? [] : [['hole', () => delete container[at]]])),
    ]
  }
  if (container instanceof Map) {
    return [
      ...[...container].flatMap(([key, item]) => [
        ...replacements(item, (next) => container.set(key, next)),
        ...changesOf(item),
        ...changesOf(key),
        ['delete of an entry', () => container.delete(key)] as const,
      ]),
      ['a new entry', () => container.set({}, undefined)],
    ]
  }
  if (container instanceof Set) {
    return [
      ...[...container].flatMap((item) => [
        ...changesOf(item),
        ['delete of a member', () => container.delete(item)] as const,
      ]),
      ['a new member', () => container.add({})],
    ]
  }
  if (container instanceof Date)
    return [['setTime', () => container.setTime(Number.isNaN(+container) ? 0 : +container ? 0 : 1)]]
  if (container instanceof URL) {
    const search = container.search === '?changed' ? '?again' : '?changed'
    return [['a search', () => Object.assign(container, { search })]]
  }
  if (container instanceof RegExp) return []
  if (container instanceof ArrayBuffer || ArrayBuffer.isView(container)) {
    const view = ArrayBuffer.isView(container)
      ? new Uint8Array(container.buffer, container.byteOffset, container.byteLength)
      : new Uint8Array(container)
    return Array.from(view, (_, at) => ['a byte', () => view.set([(view[at] ?? 0) ^ 1], at)] as const)
  }
  const object = container as Record<string, unknown>
  const put = (key: string, next: unknown) =>
    Object.defineProperty(object, key, { value: next, writable: true, enumerable: true, configurable: true })
  return [
    ...Object.keys(object).flatMap((key) => [
      ...replacements(object[key], (next) => put(key, next)),
      ...changesOf(object[key]),
      ['delete of a key', () => delete object[key]] as const,
    ]),
    ['a new key', () => put('a new key of no value', undefined)],
  ]
}

/** Other values that look alike. */
function replacements(item: unknown, put: (next: unknown) => void): Change[] {
  const others: unknown[] = [
    null,
    undefined,
    {},
    [],
    new Map(),
    new Set(),
    new Date(0),
    new Uint8Array(1),
    0,
    -0,
    '',
    '0',
    false,
  ]
  if (item instanceof URL || item instanceof RegExp || item instanceof Date) others.push(String(item))
  if (item instanceof Uint8Array) others.push(new Uint8ClampedArray(item), item.slice().buffer, [...item])
  if (Array.isArray(item)) others.push({ ...item }, new Set(item))
  if (item instanceof Map)
    others.push([...item], Object.fromEntries([...item].map(([key, each]) => [String(key), each])))
  if (typeof item === 'number') others.push(item + 1, String(item))
  return others
    .filter((other) => !alike(item, other))
    .map((other) => [`${show(item)} -> ${show(other)}`, () => put(other)])
}

/** Whether a replacement is none: written independently of what is tested. */
function alike(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b) && Object.getPrototypeOf(a) !== null) return false
  if (a instanceof Date) return Object.is(+a, +(b as Date))
  if (a instanceof Map || a instanceof Set) return a.size === 0 && (b as Set<unknown>).size === 0
  if (ArrayBuffer.isView(a)) return `${a}` === `${b}`
  return Object.keys(a).length === 0 && Object.keys(b).length === 0
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'null prototype') : String(value)
}

describe('snapshot', () => {
  it('matches what it was taken of, whatever it is', () => {
    fc.assert(
      fc.property(held, (original) => {
        const taken = snapshot(original)
        expect(matches(original, taken)).toBe(true)
        expect(matches(copyOf(original), taken)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('notices any single change in place', () => {
    let tried = 0
    fc.assert(
      fc.property(held, fc.nat(), (generated, pick) => {
        const original = copyOf(generated)
        const taken = snapshot(original)
        const changes = changesOf(original)
        const [what, change] = changes[pick % changes.length] ?? ['nothing', () => undefined]
        change()
        tried++
        expect(matches(original, taken), what).toBe(false)
      }),
      { numRuns: 1000 },
    )
    expect(tried).toBeGreaterThanOrEqual(1000)
  })

  it('is private: no change of the original reaches it', () => {
    fc.assert(
      fc.property(held, (original) => {
        const changed = copyOf(original)
        const taken = snapshot(changed)
        for (const [, change] of changesOf(changed)) change()
        expect(matches(original, taken)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it.each<[string, unknown, unknown]>([
    ['an empty list and an empty object', [], {}],
    ['an empty object and an empty list', {}, []],
    ['a Date and an object', new Date(0), {}],
    ['a Map and an object', new Map([['a', 1]]), {}],
    ['a Set and an object', new Set([1]), {}],
    ['a Map and a Set', new Map(), new Set()],
    ['a URL and its text', new URL('https://example.org/'), 'https://example.org/'],
    ['a URL and an object', new URL('https://example.org/'), {}],
    ['a RegExp and its text', /a/, '/a/'],
    ['a list of bytes and bytes', [1, 2], new Uint8Array([1, 2])],
    ['bytes and clamped bytes', new Uint8Array([1]), new Uint8ClampedArray([1])],
    ['bytes and their buffer', new Uint8Array([1]), new Uint8Array([1]).buffer],
    ['a hole and a value', [1], new Array(1)],
    ['0 and -0', [0], [-0]],
    ['undefined and absence', { a: undefined }, {}],
    ['the order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    [
      'the order of entries',
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    ['the order of members', new Set([1, 2]), new Set([2, 1])],
    ['an instance and an object', new (class Money {})(), {}],
    ['an object and an instance', {}, new (class Money {})()],
    ['invalid dates and epoch', new Date(Number.NaN), new Date(0)],
  ])('tells %s apart', (_, first, second) => {
    for (const [a, b] of [
      [first, second],
      [second, first],
    ]) {
      expect(matches({ a }, snapshot({ a }))).toBe(true)
      expect(matches({ a: b }, snapshot({ a }))).toBe(false)
      expect(matches([[b]], snapshot([[a]]))).toBe(false)
    }
  })

  it('takes a Buffer for the bytes that it is stored as, and a hole for undefined', () => {
    expect(matches(new Uint8Array([1, 2]), snapshot(Buffer.from([1, 2])))).toBe(true)
    expect(matches([undefined], snapshot(new Array(1)))).toBe(true)
  })

  it('an instance of a class is compared by its own enumerable properties', () => {
    class Money {
      amount = 1
      currency = 'EUR'
    }
    const money = new Money()
    const taken = snapshot(money)
    expect(matches(money, taken)).toBe(true)
    money.amount = 2
    expect(matches(money, taken)).toBe(false)
  })

  it('refuses what is nested deeper than 64 levels, or contains itself', () => {
    let deep: unknown = 'bottom'
    for (let level = 0; level < 64; level++) deep = [deep]
    expect(matches(deep, snapshot(deep))).toBe(true)
    const cycle: unknown[] = []
    cycle.push({ cycle })
    for (const value of [[[deep]], cycle]) {
      expect(() => snapshot(value)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    }
    const box: unknown[] = [1]
    const taken = snapshot(box)
    box[0] = cycle
    expect(matches(box, taken)).toBe(false)
  })
})
