import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkHistory } from './check.ts'
import { describeAnomaly, type Kind } from './history.ts'
import { type Step, simulate } from './simulated.ts'

const busy = ['create', 'read', 'increment', 'push', 'set', 'leave', 'take', 'regenerate', 'login'] as const

/** Operations that overlap with about ten others each. */
function steps(kinds: readonly Step['kind'][], fates: readonly Step['fate'][]): fc.Arbitrary<Step[]> {
  const duration = fc.double({ min: 0.1, max: 40, noNaN: true })
  const step = fc.record({
    kind: fc.constantFrom(...kinds),
    start: fc.double({ min: 0, max: 300, noNaN: true }),
    stages: fc.tuple(duration, duration, duration, duration),
    choice: fc.nat(5),
    fate: fc.constantFrom(...fates),
  })
  const first = fc.constant<Step>({ kind: 'create', start: -10, stages: [1, 1, 1, 1], choice: 0, fate: 'answered' })
  return fc.tuple(first, fc.array(step, { maxLength: 60, size: 'max' })).map(([begin, rest]) => [begin, ...rest])
}

describe('histories of a store that does as it should', () => {
  it('have no anomalies, however the operations overlap and end', () => {
    const fates = ['answered', 'answered', 'answered', 'lost before', 'lost after', 'refused'] as const
    fc.assert(
      fc.property(steps([...busy, 'destroy'], fates), (each) => {
        const { history } = simulate(each)
        expect(checkHistory(history).map((anomaly) => describeAnomaly(anomaly, history))).toEqual([])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a single operation that is acknowledged and does nothing', () => {
  for (const kind of ['increment', 'push', 'leave', 'take', 'regenerate', 'login', 'destroy'] satisfies Kind[]) {
    it(`is found: ${kind}`, () => {
      let found = 0
      const kinds = kind === 'take' ? (['leave', 'take', 'read'] as const) : [...busy, kind]
      fc.assert(
        fc.property(steps(kinds, ['answered']), (each) => {
          // Of several ends, one that does nothing is not missed.
          fc.pre(kind !== 'destroy' || each.filter((step) => step.kind === 'destroy').length === 1)
          const { history, lied } = simulate(each, kind)
          fc.pre(lied)
          found += 1
          expect(checkHistory(history)).not.toEqual([])
        }),
        { numRuns: 100 },
      )
      expect(found).toBe(100)
    })
  }
})
