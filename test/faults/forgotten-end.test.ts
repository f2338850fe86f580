import { describe, expect, it } from 'vitest'
import { createSessions, type StoredRecord } from '../../src/index.ts'
import { manualClock, memoryStore } from '../../src/testing/index.ts'

describe('a store that fails over to a replica which is behind', () => {
  it('REL-38 brings no session back that this process has ended', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const sessions = createSessions({ store, clock })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const { token } = await sessions.commit(session)
    const { entries } = await store.list({ limit: 10 })
    const [{ key, record }] = entries as [{ key: string; record: StoredRecord }]
    const again = await sessions.open(token)
    again.logout()
    await sessions.commit(again)
    expect(await store.read(key)).toBeNull()
    // What the replica had not received: the end.
    await store.create(key, record)
    expect((await sessions.open(token)).get('name')).toBeUndefined()
    clock.advance(9 * 60_000)
    expect((await sessions.open(token)).get('name')).toBeUndefined()
    // A process that knows nothing of it has only the store to go by: hence `wait`.
    expect((await createSessions({ store, clock }).open(token)).get('name')).toBe('Ada')
  })

  it('REL-38 remembers a bounded number of ends', async () => {
    const store = memoryStore()
    const sessions = createSessions({ store })
    const tokens: string[] = []
    for (let i = 0; i < 10_500; i++) {
      const session = await sessions.open(null)
      session.set('n', i)
      tokens.push((await sessions.commit(session)).token ?? '')
    }
    const { entries } = await store.list({ limit: 1 })
    const [{ key, record }] = entries as [{ key: string; record: StoredRecord }]
    for (const token of tokens) {
      const session = await sessions.open(token)
      session.destroy()
      await sessions.commit(session)
    }
    await store.create(key, record)
    // Forgotten again: ten thousand others have ended since.
    expect((await sessions.open(tokens[0] ?? '')).get('n')).toBe(0)
  })
})
