import fc from 'fast-check'
import { Box } from '../../codecs/values.ts'

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
    tie('any').map((content) => new Box(content)),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('__proto__', 'a', 'b')), tie('any'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('any'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
}))
export const held: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', '__proto__'),
  value.any,
  {
    minKeys: 1,
    noNullPrototype: true,
  },
)

/** One place of a value that can be changed in place: what it is, and how to change it. */
export type Mutation = readonly [what: string, mutate: () => void]

/** Every place of a value that can be changed in place. */
export function mutationsOf(container: unknown): Mutation[] {
  if (typeof container !== 'object' || container === null) return []
  if (Array.isArray(container)) {
    return [
      ...container.flatMap((item, at) => [
        ...replacements(item, (next) => (container[at] = next)),
        ...mutationsOf(item),
      ]),
      ['push', () => container.push(undefined)],
      ...(container.length === 0 ? [] : ([['pop', () => container.pop()]] as Mutation[])),
      ...container.flatMap((item, at): Mutation[] =>
        item === undefined ? [] : [['hole', () => delete container[at]]],
      ),
    ]
  }
  if (container instanceof Map) {
    return [
      ...[...container].flatMap(([key, item]) => [
        ...replacements(item, (next) => container.set(key, next)),
        ...mutationsOf(item),
        ...mutationsOf(key),
        ['delete of an entry', () => container.delete(key)] as const,
      ]),
      ['a new entry', () => container.set({}, undefined)],
    ]
  }
  if (container instanceof Set) {
    return [
      ...[...container].flatMap((item) => [
        ...mutationsOf(item),
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
  if (container instanceof Box) {
    const { content } = container
    return [...replacements(content, (next) => Object.assign(container, { content: next })), ...mutationsOf(content)]
  }
  const object = container as Record<string, unknown>
  const put = (key: string, next: unknown) =>
    Object.defineProperty(object, key, { value: next, writable: true, enumerable: true, configurable: true })
  return [
    ...Object.keys(object).flatMap((key) => [
      ...replacements(object[key], (next) => put(key, next)),
      ...mutationsOf(object[key]),
      ['delete of a key', () => delete object[key]] as const,
    ]),
    ['a new key', () => put('a new key of no value', undefined)],
  ]
}

/** Other values that look alike. */
function replacements(item: unknown, put: (next: unknown) => void): Mutation[] {
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
