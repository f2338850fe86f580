import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'read' | 'write' | 'touch' | 'login' | 'regenerate' | 'fail' }

const idle = 1000
const absolute = 5000
const renewAfter = 100

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('wait' as const),
    ms: fc.oneof(fc.integer({ min: 1, max: 1200 }), fc.constantFrom(99, 100, 101, 899, 900, 999, 1000, 1001)),
  }),
  fc.record({ do: fc.constantFrom('read' as const, 'write' as const, 'touch' as const, 'login' as const) }),
  fc.record({ do: fc.constantFrom('read' as const, 'regenerate' as const, 'fail' as const) }),
)

describe('deadlines, to the millisecond', () => {
  it('X4 SEC-34 SEC-45 REL-15 REL-27: a session lives until its idle or its absolute deadline and not longer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        let now = 1_700_000_000_000
        const clock = () => now
        // The store's own clock stands still: the deadlines must hold without its help.
        const sessions = createSessions({
          store: memoryStore({ clock: () => 0 }),
          clock,
          idleTimeout: idle,
          absoluteTimeout: absolute,
          renewAfter,
        })
        const first = await sessions.open(null)
        first.set('present', true)
        let { token } = await sessions.commit(first)
        let anchor = now
        let expected = now + idle
        for (const each of steps) {
          if (each.do === 'wait') {
            now += each.ms
            continue
          }
          const session = await sessions.open(token)
          const alive = now < expected
          expect(session.has('present'), `${each.do} at ${now - expected} ms from the deadline`).toBe(alive)
          if (!alive) return
          expect(session.expiresAt).toBe(expected)
          const renewed = Math.min(now + idle, anchor + absolute)
          if (each.do === 'write') session.set('at', now)
          if (each.do === 'touch') session.touch()
          if (each.do === 'regenerate') session.regenerate()
          if (each.do === 'login') {
            session.login('ada')
            anchor = now
          }
          const answer = await sessions.commit(session, { status: each.do === 'fail' ? 500 : 200 })
          token = answer.token ?? token
          if (each.do === 'read' && renewed - expected >= renewAfter) expected = renewed
          if (each.do === 'touch') expected = Math.max(expected, renewed)
          if (each.do === 'write' || each.do === 'regenerate') expected = renewed
          if (each.do === 'login') expected = now + Math.min(idle, absolute)
        }
      }),
      { numRuns: 500 },
    )
  })
})
