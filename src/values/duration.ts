import { SessionError } from '../errors.ts'

/**
 * A length of time in ms, from a number of ms or a text of units in descending order: `'45s'` `'30m'` `'1h30m'`
 * `'7d'` `'500ms'` `'1.5h'`.
 *
 * `what` names the option in the error. Fractions of a ms are rounded.
 *
 * Throws `CONFIG_INVALID` for everything else: no unit, unknown unit, zero, negative, not finite, beyond 2^53 ms.
 */
export function parseDuration(value: number | string, what: string): number {
  const ms = Math.round(typeof value === 'number' ? value : typeof value === 'string' ? textToMs(value) : Number.NaN)
  if (ms >= 1 && Number.isSafeInteger(ms)) return ms
  throw new SessionError(
    'CONFIG_INVALID',
    `${what} is ${shown(value)}, no usable length of time. Write a number of milliseconds, or text like '30m', '1h30m' or '7d'.`,
  )
}

const units: ReadonlyArray<readonly [unit: string, ms: number]> = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

const amount = String.raw`(\d+(?:\.\d+)?)`
const form = new RegExp(`^${units.map(([unit]) => `(?:${amount}${unit})?`).join('')}$`)

function textToMs(text: string): number {
  // The bound keeps the number of digits, and with it the work of the expression, small.
  const amounts = text.length > 0 && text.length <= 64 ? form.exec(text) : null
  if (amounts === null) return Number.NaN
  return units.reduce((sum, [, ms], i) => sum + Number(amounts[i + 1] ?? 0) * ms, 0)
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return `of the type ${value === null ? 'null' : typeof value}`
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)
}
