import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionError } from '../../../src/errors.ts'
import { parseDuration } from '../../../src/values/duration.ts'

/** UTF-16 code units of all kinds, lone surrogates included, most of them such as a header has. */
const anyText = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.nat(0xff) }, { weight: 1, arbitrary: fc.nat(0xffff) }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes))

describe('parseDuration', () => {
  it.each([
    ['45s', 45_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['500ms', 500],
    ['1d2h3m4s5ms', 93_784_005],
    ['1m5ms', 60_005],
    ['1.5h', 5_400_000],
    ['1.1s', 1100],
    ['0d1s', 1000],
    [1, 1],
    [1_800_000, 1_800_000],
    [1.1 * 3_600_000, 3_960_000],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('F3 %s is %s ms', (value, ms) => {
    expect(parseDuration(value, 'idleTimeout')).toBe(ms)
  })

  it.each([
    '',
    ' ',
    '30',
    '1.5x',
    '30M',
    '30 m',
    ' 30m',
    '30m\n',
    '-30m',
    '+30m',
    '1m30h',
    '1h1h',
    '.5h',
    '1.h',
    '1,5h',
    '1e3s',
    '0x1s',
    '0s',
    '0.0001ms',
    'NaN',
    'Infinity',
    'h',
    'ms',
    '٣s',
    '1w',
    '1y',
    '1us',
    '9007199254740992ms',
    '999999999999d',
    '9'.repeat(400).concat('h'),
    0,
    -0,
    -1,
    0.4,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 53,
    1e300,
  ])('refuses %j', (value) => {
    expect(() => parseDuration(value, 'idleTimeout')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  it.each([null, undefined, true, {}, [], 5n, Symbol('5'), () => 5, Object.create(null)])(
    'refuses the non-duration %#',
    (value) => {
      expect(() => parseDuration(value as never, 'idleTimeout')).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      )
    },
  )

  it('names the option, the input and what it accepts', () => {
    expect(() => parseDuration('soon', 'cookie.maxAge')).toThrow(
      /^cookie\.maxAge is "soon", .*number of milliseconds.*'1h30m'/,
    )
    expect(() => parseDuration(-5, 'storeTimeout')).toThrow(/^storeTimeout is -5,/)
  })

  it('shows no more than the beginning of a long input', () => {
    expect(() => parseDuration('x'.repeat(10_000), 'x')).toThrow(/^.{0,400}$/)
  })

  it('adds up what any combination of units in descending order says', () => {
    const part = (max: number) => fc.option(fc.nat(max))
    fc.assert(
      fc.property(part(1000), part(1000), part(1000), part(1000), part(1000), (d, h, m, s, ms) => {
        const text = [
          [d, 'd'],
          [h, 'h'],
          [m, 'm'],
          [s, 's'],
          [ms, 'ms'],
        ]
          .map(([n, unit]) => (n === null ? '' : `${n}${unit}`))
          .join('')
        const sum = (d ?? 0) * 86_400_000 + (h ?? 0) * 3_600_000 + (m ?? 0) * 60_000 + (s ?? 0) * 1000 + (ms ?? 0)
        if (sum > 0) expect(parseDuration(text, 'x')).toBe(sum)
        else expect(() => parseDuration(text, 'x')).toThrow(SessionError)
      }),
    )
  })

  it('answers a whole number of ms in range or throws CONFIG_INVALID, for any input', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789.dhms -'), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(digits, anyText, fc.double(), fc.anything()), (value) => {
        try {
          const ms = parseDuration(value as never, 'x')
          expect(Number.isSafeInteger(ms) && ms >= 1).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ name: 'SessionError', code: 'CONFIG_INVALID' })
        }
      }),
      { numRuns: 500 },
    )
  })
})
