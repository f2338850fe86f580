import { describe, expect, it } from 'vitest'
import { andThen, attempt } from '../../../src/values/eventually.ts'

const fault = new Error('from the work')

describe('andThen', () => {
  it('goes on at once with a value at hand, and later with one that is on its way', async () => {
    expect(andThen(1, (n) => n + 1)).toBe(2)
    const later = andThen(Promise.resolve(1), (n) => n + 1)
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(2)
    expect(await andThen(1, async (n) => n + 1)).toBe(2)
  })

  it('does not go on from a failure, and throws what it goes on to throw', async () => {
    let went = 0
    const next = () => {
      went++
      throw fault
    }
    await expect(andThen(Promise.reject(fault), next)).rejects.toBe(fault)
    expect(went).toBe(0)
    expect(() => andThen(1, next)).toThrow(fault)
    await expect(andThen(Promise.resolve(1), next)).rejects.toBe(fault)
  })
})

describe('attempt', () => {
  const instead = (error: unknown) => ['instead of', error] as const

  it('returns what the work returns, at once or later', async () => {
    expect(attempt(() => 1, instead)).toBe(1)
    expect(await attempt(async () => 1, instead)).toBe(1)
  })

  it('asks about a failure, now or later, and throws what that throws', async () => {
    const failing = () => {
      throw fault
    }
    expect(attempt(failing, instead)).toEqual(['instead of', fault])
    expect(await attempt(() => Promise.reject(fault), instead)).toEqual(['instead of', fault])
    const again = () => {
      throw new Error('again')
    }
    expect(() => attempt(failing, again)).toThrow('again')
    await expect(attempt(() => Promise.reject(fault), again)).rejects.toThrow('again')
  })
})
