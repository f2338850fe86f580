import type { Closing, Listing, Store, Sweeping, UserIndex } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'

/** What a store can do beyond the contract; absent where it cannot. */
export interface Abilities {
  readonly sweeping: Sweeping | undefined
  readonly listing: Listing | undefined
  readonly userIndex: UserIndex | undefined
  readonly closing: Closing | undefined
}

type All = Sweeping & Listing & UserIndex & Closing

/** Finds out once, at construction. A store that only remembers the ends of sealed sessions lists no sessions. */
export function abilitiesOf(store: Store & Partial<All>, sealed: boolean): Abilities {
  const can = (...methods: (keyof All)[]) => methods.every((method) => typeof store[method] === 'function')
  return {
    sweeping: can('sweep') ? (store as Sweeping) : undefined,
    listing: can('list', 'count') && !sealed ? (store as Listing) : undefined,
    userIndex: can('keysOf') && !sealed ? (store as UserIndex) : undefined,
    closing: can('close') ? (store as Closing) : undefined,
  }
}

/** The ability, or `UNSUPPORTED` with a sentence. */
export function need<Ability>(ability: Ability | undefined, storeName: string, what: string): Ability {
  if (ability !== undefined) return ability
  throw new SessionError('UNSUPPORTED', `The store "${storeName}" cannot ${what}: use one that can, or do without.`)
}
