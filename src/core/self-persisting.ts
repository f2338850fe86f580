import type { SealedStore } from '../contract/store.ts'
import type { EngineParts } from './parts.ts'
import type { Persistence } from './persistence.ts'

/** A store that brings its own part of the engine: what every `SealedStore` is, seen from inside. */
export interface SelfPersisting extends SealedStore {
  persistence(engine: EngineParts): Persistence
}

/** The persistence that a sealed store brings. */
export function persistenceOf(store: SealedStore, engine: EngineParts): Persistence {
  return (store as SelfPersisting).persistence(engine)
}
