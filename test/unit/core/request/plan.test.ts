import { describe, expect, it } from 'vitest'
import { type Plan, type PlanFacts, plan } from '../../../../src/core/request/plan.ts'

const names = ['stored', 'changed', 'ending', 'moving', 'login', 'stale', 'barred', 'failed'] as const

/** Every combination of facts. */
const table: ReadonlyArray<{ readonly facts: PlanFacts; readonly made: Plan }> = Array.from(
  { length: 2 ** names.length },
  (_, bits) => {
    const facts = Object.fromEntries(names.map((name, at) => [name, ((bits >> at) & 1) === 1])) as unknown as PlanFacts
    return { facts, made: plan(facts) }
  },
)

function always(
  what: string,
  when: (facts: PlanFacts) => boolean,
  holds: (made: Plan, facts: PlanFacts) => boolean,
): void {
  it(`${what}`, () => {
    const rows = table.filter(({ facts }) => when(facts))
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.filter(({ facts, made }) => !holds(made, facts))).toEqual([])
  })
}

describe('plan, for all 256 combinations of facts', () => {
  always(
    'an end is kept whatever else happens, and never made up',
    () => true,
    ({ end }, { ending }) => end === ending,
  )
  always(
    'after a failed response nothing else is stored',
    ({ failed }) => failed,
    ({ step }) => step === 'nothing',
  )
  always(
    'reading never writes',
    (f) => !f.changed && !f.moving && !f.stale,
    ({ step }) => step === 'nothing',
  )
  always(
    'nothing is created for a visitor who wrote nothing',
    ({ stored, changed }) => !stored && !changed,
    ({ step }) => step === 'nothing',
  )
  always(
    'only what is stored is touched, replaced or moved',
    ({ stored }) => !stored,
    ({ step }) => ['nothing', 'create', 'refuse'].includes(step),
  )
  always(
    'what is stored is never created again',
    ({ stored }) => stored,
    ({ step }) => step !== 'create' && step !== 'refuse',
  )
  always(
    'a request that may not set a cookie creates nothing, unless it signs in',
    ({ barred, stored }) => barred && !stored,
    ({ step }, { login, changed, failed }) => step === (failed || !changed ? 'nothing' : login ? 'create' : 'refuse'),
  )
  always(
    'a move is made with the changes, not beside them',
    ({ stored, moving, failed }) => stored && moving && !failed,
    ({ step }) => step === 'move',
  )
  always(
    'a change is stored, and extends the deadline with it',
    ({ stored, changed, moving, failed }) => stored && changed && !moving && !failed,
    ({ step }) => step === 'replace',
  )
  always(
    'a deadline that is due is extended without rewriting the data',
    ({ stored, changed, moving, stale, failed }) => stored && !changed && !moving && stale && !failed,
    ({ step }) => step === 'touch',
  )
  always(
    'a stored session is not held back by being barred',
    ({ stored, barred }) => stored && barred,
    (made, facts) => made.step === plan({ ...facts, barred: false }).step,
  )

  it('is a function of the facts: it changes none and remembers none', () => {
    for (const { facts, made } of table) expect(plan(Object.freeze({ ...facts }))).toEqual(made)
  })

  it('has every step', () => {
    const steps = new Set(table.map(({ made }) => made.step))
    expect([...steps].sort()).toEqual(['create', 'move', 'nothing', 'refuse', 'replace', 'touch'])
  })
})
