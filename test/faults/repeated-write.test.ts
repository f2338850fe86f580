import { describe, expect, it } from 'vitest'
import { createSessions, type Store } from '../../src/index.ts'
import { memoryStore } from '../../src/testing/index.ts'

/** A store whose client sends a write again when its answer was lost: the second one is refused by the first. */
function repeating(store: Store): Store {
  return {
    ...store,
    async replace(key, record, version, options) {
      await store.replace(key, record, version, options)
      return store.replace(key, record, version, options)
    },
  }
}

describe('a client that repeats a write whose answer was lost', () => {
  it('REL-07 regenerate: the session lives on under its new token, and under that alone', async () => {
    const store = memoryStore()
    const sessions = createSessions({ store })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const { token } = await sessions.commit(session)
    const flaky = createSessions({ store: repeating(store) })
    const moving = await flaky.open(token)
    moving.regenerate()
    const { outcome, token: moved } = await flaky.commit(moving)
    expect(outcome).toBe('moved')
    expect((await sessions.open(moved)).get('name')).toBe('Ada')
    expect((await sessions.open(token)).get('name')).toBeUndefined()
  })
})
