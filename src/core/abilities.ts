import type { Closing, Listing, Store, Sweeping } from '../contract/store.ts'
import { SessionError } from '../errors.ts'

/** What a store can do beyond the contract; absent where it cannot. */
export interface Abilities {
  readonly sweeping: Sweeping | undefined
  readonly listing: Listing | undefined
  readonly closing: Closing | undefined
}

/** Finds out once, at construction. */
export function abilitiesOf(store: Store & Partial<Sweeping & Listing & Closing>): Abilities {
  const can = (...methods: (keyof (Sweeping & Listing & Closing))[]) =>
    methods.every((method) => typeof store[method] === 'function')
  return {
    sweeping: can('sweep') ? (store as Sweeping) : undefined,
    listing: can('list', 'count') ? (store as Listing) : undefined,
    closing: can('close') ? (store as Closing) : undefined,
  }
}

/** The ability, or `UNSUPPORTED` with a sentence. */
export function need<Ability>(ability: Ability | undefined, store: Store, what: string): Ability {
  if (ability !== undefined) return ability
  throw new SessionError('UNSUPPORTED', `the store "${store.name}" cannot ${what}: use one that can, or do without`)
}
