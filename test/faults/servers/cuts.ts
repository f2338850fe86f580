import { expect, it } from 'vitest'
import type { Server } from '../../services/process.ts'
import { type Backend, behindProxy, calmly, expectOutage, type Operation, type Proxied } from './behind-proxy.ts'
import { Visitor } from './visitors.ts'
import { eventually, pause } from './watch.ts'

/** How long a client gets to do again, by itself, what was done already. */
const secondThoughtsMs = 150

/** The connection is cut when the server has done what it was told, and before it could say so. */
export function cutCases(backend: Backend, server: () => Server): void {
  it('REL-07 create applied, answer lost: one session at most, and the visitor gets one at the next try', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const { sessions } = proxied
      const count = countOf(proxied)
      for (let round = 0; round < 3; round++) {
        const before = await count()
        const visitor = new Visitor(sessions)
        await cut(proxied, 'create', () => visitor.add())
        const acknowledged = visitor.acknowledged
        // A client that sends the command again would be told that the key is taken, and a second record be made.
        expect((await count()) - before).toBeLessThanOrEqual(1)
        let tries = 0
        await calmly(() => {
          tries += 1
          return visitor.add()
        })
        expect([visitor.acknowledged, visitor.lost]).toEqual([acknowledged + 1, 0])
        await pause(secondThoughtsMs)
        expect((await count()) - before).toBeLessThanOrEqual(1 + tries)
        await calmly(() => visitor.verify())
      }
    })
  })

  it('REL-07 replace applied, answer lost: an addition happens once at most, and no later one is lost', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const visitor = new Visitor(proxied.sessions)
      await calmly(() => visitor.add())
      let failures = 0
      for (let round = 0; round < 5; round++) {
        if (await cut(proxied, 'replace', () => visitor.add())) failures += 1
        await calmly(() => visitor.verify())
        await calmly(() => visitor.add())
        await calmly(() => visitor.add())
        await pause(secondThoughtsMs)
        // Neither done again by now, nor undone.
        await calmly(() => visitor.verify())
      }
      expect(visitor.lost).toBe(0)
      // The server did it each time: a case in which the command never arrived would show nothing.
      expect((await proxied.open(visitor.token)).get('count')).toBeGreaterThanOrEqual(visitor.acknowledged + failures)
    })
  })

  it('REL-07 a request that saves again after a lost answer adds twice at most: once unknown, once acknowledged', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const visitor = new Visitor(proxied.sessions)
      await calmly(() => visitor.add())
      const session = await proxied.open(visitor.token)
      session.increment('count')
      const failed = await cut(proxied, 'replace', () => session.save())
      await calmly(() => session.save())
      const again = await proxied.open(visitor.token)
      expect(again.get('count')).toBeGreaterThanOrEqual(2)
      expect(again.get('count')).toBeLessThanOrEqual(failed ? 3 : 2)
    })
  })

  for (const operation of ['replace', 'delete'] as const) {
    it(`REL-07 end of a session, answer to ${operation} lost: it can be ended again, and nothing brings it back`, async () => {
      await behindProxy(backend, server(), async (proxied) => {
        const { sessions } = proxied
        const visitor = new Visitor(sessions)
        await calmly(() => visitor.add())
        const slow = await proxied.open(visitor.token)
        slow.increment('count')
        const end = async () => {
          const session = await sessions.open(visitor.token)
          session.destroy()
          await sessions.commit(session)
        }
        await cut(proxied, operation, end)
        await calmly(end)
        expect((await proxied.open(visitor.token)).isNew).toBe(true)
        expect((await calmly(() => sessions.commit(slow))).outcome).toBe('gone')
        await pause(secondThoughtsMs)
        expect((await proxied.open(visitor.token)).isNew).toBe(true)
      })
    })
  }

  it('REL-07 touch applied, answer lost: the request loses nothing', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const visitor = new Visitor(proxied.sessions)
      await calmly(() => visitor.add())
      for (let round = 0; round < 3; round++) {
        const session = await proxied.open(visitor.token)
        await pause(2)
        session.touch()
        // An extension that failed is an event, not an error.
        const lost = proxied.loseReply('touch')
        const { outcome } = await proxied.sessions.commit(session)
        expect(['nothing', 'touched']).toContain(outcome)
        expect(await eventually(() => lost.count === 1, 1_000)).toBe(true)
        await proxied.recovered(1)
        await calmly(() => visitor.add())
      }
      await calmly(() => visitor.verify())
      expect([visitor.acknowledged, visitor.lost]).toEqual([4, 0])
    })
  })

  for (const operation of ['create', 'replace'] as const) {
    it(`REL-07 sign-in, answer to ${operation} lost: never two sessions, and the next try signs in`, async () => {
      await behindProxy(backend, server(), async (proxied) => {
        const { sessions } = proxied
        for (let round = 0; round < 2; round++) {
          const visitor = new Visitor(sessions)
          await calmly(() => visitor.add())
          const before = visitor.token
          const signIn = async () => {
            const session = await sessions.open(before)
            session.login('ada')
            return sessions.commit(session)
          }
          let token: string | null = null
          const failed = await cut(proxied, operation, async () => {
            token = (await signIn()).token
          })
          if (failed) {
            // Either nothing has happened for the visitor, or the old token is dead already.
            const meanwhile = await proxied.open(before)
            expect([1, undefined]).toContain(meanwhile.get('count'))
            expect(meanwhile.userId).toBeUndefined()
            token = (await calmly(signIn)).token
          }
          expect((await proxied.open(token)).userId).toBe('ada')
          // The session that was signed in is not reached by the token from before.
          expect((await proxied.open(before)).get('count')).toBeUndefined()
          await pause(secondThoughtsMs)
          expect((await proxied.open(token)).userId).toBe('ada')
        }
      })
    })
  }

  it('REL-07 read answered, answer lost: the request fails or succeeds, and nothing has changed', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const visitor = new Visitor(proxied.sessions)
      await calmly(() => visitor.add())
      for (let round = 0; round < 3; round++) await cut(proxied, 'read', () => visitor.verify())
      await calmly(() => visitor.add())
      expect([visitor.acknowledged, visitor.unknown, visitor.lost]).toEqual([2, 0, 0])
    })
  })
}

/** Does `work` while the answer to its next `operation` is lost; whether it failed. Waits for the client to recover. */
async function cut(proxied: Proxied, operation: Operation, work: () => Promise<unknown>): Promise<boolean> {
  const lost = proxied.loseReply(operation)
  const failed = await work().then(
    () => false,
    (error) => {
      expectOutage(error)
      return true
    },
  )
  expect(await eventually(() => lost.count === 1, 1_000), `the answer to ${operation} was lost`).toBe(true)
  await proxied.recovered(1)
  return failed
}

/** How many records there are, for a store that can tell. */
function countOf({ sessions, store }: Proxied): () => Promise<number> {
  if (!('count' in store)) return async () => 0
  return () => calmly(() => sessions.count())
}
