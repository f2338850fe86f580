import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { sha256 } from '../../../src/crypto/hash.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

/** The module as it is on a runtime without a hash that answers at once. */
async function elsewhere(): Promise<typeof sha256> {
  vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => undefined) as never)
  vi.resetModules()
  return (await import('../../../src/crypto/hash.ts')).sha256
}

describe('sha256', () => {
  // FIPS 180-4.
  it.each([
    ['', '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'],
    ['abc', 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0'],
  ])('of %j is %s', async (text, digest) => {
    expect(await sha256(text)).toBe(digest)
    expect(await (await elsewhere())(text)).toBe(digest)
  })

  it('is the same with and without node:crypto, for any text, and what Node says', async () => {
    const portable = await elsewhere()
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
        const expected = createHash('sha256').update(text, 'utf8').digest('base64url')
        expect([await sha256(text), await portable(text)]).toEqual([expected, expected])
      }),
    )
  })

  it('without it, sessions are the same: what one runtime stores the other finds', async () => {
    const here = await import('../../../src/index.ts')
    const { memoryStore } = await import('../../../src/stores/memory/index.ts')
    const store = memoryStore()
    const secret = 'Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw'
    const immediate = here.createSessions({ store, secret })
    const session = await immediate.open(null)
    session.set('name', 'Ada')
    const { token } = await immediate.commit(session)

    vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => undefined) as never)
    vi.resetModules()
    const there = await import('../../../src/index.ts')
    const eventual = there.createSessions({ store, secret })
    const again = await eventual.open(token)
    expect([again.get('name'), again.id]).toEqual(['Ada', session.id])
    again.regenerate()
    const moved = await eventual.commit(again)
    expect((await immediate.open(moved.token)).get('name')).toBe('Ada')
    const fresh = await eventual.open(null)
    expect(fresh.id).toMatch(/^[\w-]{16}$/)
    fresh.set('name', 'Bob')
    const created = await eventual.commit(fresh)
    expect((await immediate.open(created.token)).id).toBe(fresh.id)
    // There is no AsyncLocalStorage either, and the error says so.
    expect(() => eventual.current()).toThrow(/AsyncLocalStorage/)
  })
})
