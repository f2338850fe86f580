/** Fails with `message` unless `condition` holds. The conformance suites need no runner's assertions. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** Fails unless both are the same text, number, boolean, null, or records and lists of such. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const got = shown(actual)
  const wanted = shown(expected)
  check(got === wanted, `${what}: expected ${short(wanted)}, got ${short(got)}`)
}

/** Fails unless both hold the same texts, each as often, in any order. */
export function sameMembers(actual: Iterable<string>, expected: Iterable<string>, what: string): void {
  same([...actual].sort(), [...expected].sort(), what)
}

/** JSON with sorted keys, and with the values that JSON drops. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value).sort()
    return `{${names.map((name) => `${name}: ${shown((value as Record<string, unknown>)[name])}`).join(', ')}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function short(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}... (${text.length} characters)`
}
