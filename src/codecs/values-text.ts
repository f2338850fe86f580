import type { SessionValues } from '../contract/codec.ts'
import { isObject } from '../values/safe-object.ts'

/**
 * The text of both codecs: one JSON object with one-letter fields.
 *
 *     {"d":{"cart":["a"]},"f":{"notice":"Added"}}
 *
 * | field | holds                                                | absent when         |
 * | ----- | ---------------------------------------------------- | ------------------- |
 * | `d`   | the data, as plain JSON                              | it is empty         |
 * | `f`   | the flash messages by key, as plain JSON             | there are none      |
 * | `t`   | what is not plain JSON in `d` and `f`, see `rich.ts` | everything is plain |
 */
export interface ValuesText {
  d?: Record<string, unknown>
  f?: Record<string, unknown>
  t?: unknown
}

/** The text of values that are plain JSON only, with the table of what was special. Put together by hand for speed. */
export function writeText({ data, flash }: SessionValues, table?: readonly unknown[]): string {
  const text = JSON.stringify(data)
  const messages = flash === undefined ? '{}' : JSON.stringify(flash)
  if (messages === '{}' && table === undefined) return text === '{}' ? '{}' : `{"d":${text}}`
  const fields: string[] = []
  if (text !== '{}') fields.push(`"d":${text}`)
  if (messages !== '{}') fields.push(`"f":${messages}`)
  if (table !== undefined) fields.push(`"t":${JSON.stringify(table)}`)
  return `{${fields.join()}}`
}

/** The object of a text, its fields unchecked; null for any other text. */
export function parseText(text: string): ValuesText | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Any text may come back from a store; one that is no JSON is a corrupt record, which the caller reports.
    return null
  }
  return isObject(parsed) ? (parsed as ValuesText) : null
}

/**
 * The values of a parsed text, or null if a field has the wrong type. They are the parsed objects themselves.
 *
 * Own fields only: what somebody put on `Object.prototype` must not become data.
 */
export function valuesOf(text: ValuesText): SessionValues | null {
  const data = text.d !== undefined && Object.hasOwn(text, 'd') ? text.d : {}
  if (!isObject(data)) return null
  if (text.f === undefined || !Object.hasOwn(text, 'f')) return { data }
  return isObject(text.f) ? { data, flash: text.f } : null
}
