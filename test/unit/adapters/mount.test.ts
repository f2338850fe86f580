import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { type MountOptions, mount } from '../../../src/adapters/_mount.ts'
import { createSessions } from '../../../src/index.ts'

const sessions = createSessions()
const takes = (options: MountOptions<object>) => mount(sessions, options).takes({}, {})

let logged: MockInstance<typeof console.error>
beforeEach(() => {
  logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
})
afterEach(() => logged.mockRestore())

describe('a mount', () => {
  it('takes each request once, however often the system is mounted', () => {
    const [outer, inner] = [mount(sessions, {}), mount(sessions, {})]
    const other = mount(createSessions(), {})
    const request = {}
    expect([outer.takes(request, request), inner.takes(request, request)]).toEqual([true, false])
    expect(other.takes(request, request)).toBe(true)
    expect(outer.takes({}, {})).toBe(true)
  })

  it('leaves a request that `when` excludes to a mount that takes it', () => {
    const request = {}
    const seen: object[] = []
    const when = (asked: object): boolean => {
      seen.push(asked)
      return false
    }
    expect(mount(sessions, { when }).takes(request, {})).toBe(false)
    expect(seen).toEqual([request])
    expect(mount(sessions, {}).takes(request, request)).toBe(true)
  })

  it('takes what `when` does not exclude with false', () => {
    for (const answer of [true, undefined, null, 0, 'yes', ['match']]) {
      expect(takes({ when: () => answer as boolean }), JSON.stringify(answer)).toBe(true)
    }
  })

  it('refuses a promise from `when`', async () => {
    const planted = new Error('planted')
    for (const promise of [Promise.resolve(true), Promise.reject(planted)]) {
      expect(() => takes({ when: () => promise as never })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    }
    await new Promise((resolve) => setImmediate(resolve))
    expect(logged.mock.calls).toEqual([[planted]])
  })

  it('tells faults to onError with the request, and to console.error without one', () => {
    const told: unknown[] = []
    const request = {}
    mount(sessions, { onError: (...args) => told.push(args) }).report('fault', request)
    expect([told, logged.mock.calls]).toEqual([[['fault', request]], []])
    mount(sessions, {}).report('fault', request)
    expect(logged.mock.calls).toEqual([['fault']])
  })
})
