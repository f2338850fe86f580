import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessions, type Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('createSessions', () => {
  it('SEC-53 warns in production when nobody has chosen a store, and only then', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    createSessions()
    vi.stubEnv('NODE_ENV', 'production')
    createSessions({ store: memoryStore() })
    expect(warn).not.toHaveBeenCalled()
    createSessions()
    expect(warn).toHaveBeenCalledOnce()
  })

  it('B14 null is no store', () => {
    expect(() => createSessions({ store: null as unknown as Store })).toThrow(/store has no method "read"/)
  })
})
