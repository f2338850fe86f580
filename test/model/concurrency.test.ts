import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/index.ts'
import { type Action, type Request, World, type WorldOptions } from './world.ts'

const long = process.env['COATCHECK_LONG'] === '1'
const runs = long ? 10_000 : 300

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Action>({ do: 'increment' }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: 'write' }) },
  { weight: 2, arbitrary: fc.constant<Action>({ do: 'mutate' }) },
  { weight: 2, arbitrary: fc.constant<Action>({ do: 'read' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'regenerate' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'login' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'destroy' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'save' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'flash' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'take' }) },
)

const request: fc.Arbitrary<Request> = fc.record({
  browser: fc.nat(1),
  node: fc.nat(1),
  actions: fc.array(action, { minLength: 1, maxLength: 4 }),
  advance: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 45_000 }) },
  ),
  status: fc.oneof({ weight: 6, arbitrary: fc.constant(200) }, { weight: 1, arbitrary: fc.constant(500) }),
})

function property(options: () => fc.Arbitrary<WorldOptions>) {
  return fc.asyncProperty(
    fc.scheduler(),
    fc.array(request, { minLength: 1, maxLength: 4 }),
    fc.array(request, { minLength: 1, maxLength: 8 }),
    options(),
    async (scheduler, first, then, worldOptions) => {
      const world = new World(scheduler, worldOptions)
      // One after another, so that there are sessions for the rest to meet in.
      for (const each of first) await world.serve([each])
      await world.serve(then)
    },
  )
}

/** Runs with a fresh seed that a failure prints, or with the one in COATCHECK_SEED. */
async function hold(tested: fc.IAsyncProperty<never>, numRuns: number): Promise<void> {
  const seed = Number(process.env['COATCHECK_SEED'] ?? (Date.now() ^ (Math.random() * 2 ** 32)) | 0)
  console.log(`seed ${seed} (COATCHECK_SEED=${seed} repeats this run)`)
  await fc.assert(tested, { numRuns, seed, interruptAfterTimeLimit: 25 * 60_000, markInterruptAsFailure: true })
}

describe('overlapping requests, every store call an interleaving point', () => {
  it(
    'X1 X2 X5 SEC-40 REL-11: no write is lost, no ended session returns, nobody is logged out',
    async () => {
      await hold(property(() => fc.constant({})) as never, runs)
    },
    30 * 60_000,
  )

  it(
    'REL-07: a store that fails before or after it applied a call breaks no promise',
    async () => {
      const faults = fc
        .array(fc.tuple(fc.nat(40), fc.constantFrom<'before' | 'after'>('before', 'after')), { maxLength: 3 })
        .map((entries) => ({ faults: new Map(entries) }))
      await hold(property(() => faults) as never, runs)
    },
    30 * 60_000,
  )

  it(
    'X5 SEC-36: with automatic rotation a late request goes on in the same session',
    async () => {
      await hold(property(() => fc.constant({ rotateEvery: 20_000 })) as never, runs)
    },
    30 * 60_000,
  )

  it('finds a store that does not check the version', async () => {
    const blind = (store: Store): Store => ({
      ...store,
      replace: async (key, record) => {
        const present = await store.read(key)
        return present === null
          ? false
          : store.replace(key, { ...record, version: present.version + 1 }, present.version)
      },
    })
    const details = await fc.check(
      property(() => fc.constant({ store: blind })),
      { numRuns: 2000, endOnFailure: true },
    )
    expect(details.failed).toBe(true)
  }, 120_000)

  it('finds a store that brings records back', async () => {
    const reviving = (store: Store): Store => ({
      ...store,
      replace: async (key, record, version) =>
        (await store.replace(key, record, version)) || ((await store.read(key)) === null && store.create(key, record)),
    })
    const details = await fc.check(
      property(() => fc.constant({ store: reviving })),
      { numRuns: 2000, endOnFailure: true },
    )
    expect(details.failed).toBe(true)
  }, 120_000)
})
