import { describe, expect, it } from 'vitest'
import { check, same, sameMembers } from '../../../src/testing/expect.ts'

describe('assertions of the conformance suites', () => {
  it('same: tells apart what must differ, and takes the order of keys for nothing', () => {
    same({ a: 1, b: [null, 'x'] }, { b: [null, 'x'], a: 1 }, 'records')
    same(undefined, undefined, 'nothing')
    for (const [one, other] of [
      [1, '1'],
      [null, undefined],
      [null, 'null'],
      [{ a: 1 }, { a: 1, b: 2 }],
      [
        [1, 2],
        [2, 1],
      ],
      ['é', 'e\u0301'],
      [true, 'true'],
      [[], ''],
    ]) {
      expect(() => same(one, other, 'the value')).toThrow('the value: expected ')
    }
  })

  it('same: says what was expected and what was found, and cuts long texts', () => {
    expect(() => same({ version: 2 }, { version: 1 }, 'the record')).toThrow(
      'the record: expected {version: 1}, got {version: 2}',
    )
    expect(() => same('x'.repeat(65_536), '', 'the payload')).toThrow(
      /^the payload: expected "", got "x{299}\.\.\. \(65538/,
    )
  })

  it('sameMembers: any order, but each as often', () => {
    sameMembers(['b', 'a'], new Set(['a', 'b']), 'keys')
    expect(() => sameMembers(['a', 'a'], ['a'], 'keys')).toThrow('keys: expected ["a"], got ["a", "a"]')
  })

  it('check: fails with its message', () => {
    check(true, 'never')
    expect(() => check(false, 'the record is gone')).toThrow('the record is gone')
  })
})
