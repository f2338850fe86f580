import { check, sameMembers } from './expect.ts'
import {
  onStage,
  type Stage,
  type StageCase,
  type StoreAbility,
  type StoreContext,
  type StoreFacts,
  type StoreUnderTest,
} from './store-stage.ts'
import { contractCases } from './store-suite-contract.ts'
import { deadlineCases } from './store-suite-deadlines.ts'
import { listCases } from './store-suite-list.ts'
import { raceCases } from './store-suite-races.ts'
import { sweepCases } from './store-suite-sweep.ts'
import { userCases } from './store-suite-users.ts'

export type { StoreAbility, StoreContext, StoreFacts, StoreUnderTest } from './store-stage.ts'

/** One behaviour of the contract, for any test runner. */
export interface StoreCase {
  readonly title: string
  /** Rejects with an `Error` that says what was expected and what was found. */
  run(): Promise<void>
}

const methodsOf: Record<StoreAbility, ReadonlyArray<keyof StoreUnderTest>> = {
  sweep: ['sweep'],
  list: ['list', 'count'],
  users: ['keysOf'],
  close: ['close'],
}
const allAbilities = Object.keys(methodsOf) as StoreAbility[]

/**
 * The conformance suite of the `Store` contract and of the abilities beyond it.
 *
 * `make` makes a new store with nothing in it, once per case: give each a prefix, table or folder of its own. A case
 * closes its store if it can be closed. Cases of an ability that the store lacks are not listed; to find out, `make`
 * is also called once at the start unless `facts.abilities` tells.
 *
 * @example
 * ```ts
 * import { it } from 'node:test'
 * import { memoryStore, storeCases } from 'coatcheck/testing'
 *
 * for (const { title, run } of storeCases(({ clock }) => memoryStore({ clock }))) it(title, run)
 * ```
 */
export function storeCases(
  make: (context: StoreContext) => StoreUnderTest | Promise<StoreUnderTest>,
  facts: StoreFacts = {},
): StoreCase[] {
  const abilities = facts.abilities ?? detect(make)
  const optional: Record<StoreAbility, ReadonlyArray<StageCase>> = {
    sweep: able('sweep', sweepCases),
    list: able('list', listCases),
    users: able('users', userCases),
    close: able('close', closeCases),
  }
  return [
    ...contractCases,
    abilityCase(abilities),
    ...deadlineCases,
    ...raceCases,
    ...abilities.flatMap((ability) => optional[ability]),
  ].map(({ title, play }) => ({ title, run: () => onStage(make, facts, play) }))
}

const closeCases: ReadonlyArray<StageCase<Required<StoreUnderTest>>> = [
  {
    title: 'close: twice is no error',
    async play({ store }) {
      await store.close()
      await store.close()
    },
  },
]

/** What the store can do by its methods; all if that shows only later: a case that finds a method missing says so. */
function detect(
  make: (context: StoreContext) => StoreUnderTest | Promise<StoreUnderTest>,
): ReadonlyArray<StoreAbility> {
  let made: StoreUnderTest | Promise<StoreUnderTest>
  try {
    made = make({ clock: Date.now })
  } catch {
    // Its backend may be started only before the first case. What is wrong beyond that, every case will show.
    return allAbilities
  }
  // The cases make stores of their own. They will show what fails here, too.
  Promise.resolve(made)
    .then((store) => store.close?.())
    .catch(() => undefined)
  return made instanceof Promise ? allAbilities : abilitiesOf(made)
}

function abilitiesOf(store: StoreUnderTest): StoreAbility[] {
  return allAbilities.filter((ability) => methodsOf[ability].every((method) => typeof store[method] === 'function'))
}

function abilityCase(abilities: ReadonlyArray<StoreAbility>): StageCase {
  return {
    title: `abilities: ${abilities.length === 0 ? 'none' : abilities.join(', ')}, and no others`,
    async play({ store }) {
      sameMembers(abilitiesOf(store), abilities, 'abilities (state them as the fact `abilities`)')
    },
  }
}

/** Cases that fail with a hint, not with a TypeError, if the store turns out to lack the ability. */
function able(
  ability: StoreAbility,
  cases: ReadonlyArray<StageCase<Required<StoreUnderTest>>>,
): ReadonlyArray<StageCase> {
  return cases.map(({ title, play }) => ({
    title,
    async play(stage) {
      for (const method of methodsOf[ability]) {
        check(typeof stage.store[method] === 'function', `the store has no ${method}(): state the fact \`abilities\``)
      }
      await play(stage as Stage<Required<StoreUnderTest>>)
    },
  }))
}
